/* SPDX-License-Identifier: Apache-2.0 */
#include "base/feature.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const names[FEATURES] = {
    [FEATURE_DNS_ACCOUNT_01] = "DNSAccount01",
    [FEATURE_DNS_PERSIST_01] = "DNSPersist01",
};

const char *feature_name(enum feature f)
{
    return names[f];
}

static struct err *unknown(const char *word, size_t len)
{
    AUTO(strlist_release) struct strlist known = {0};
    for (size_t i = 0; i < FEATURES; i++)
        strlist_add(&known, names[i]);
    auto_free char *list = strlist_join(&known, ", ", 0);
    return err_new(ERR_INVALID, "InvalidFlag", "\"%.*s\": there is no such feature: write %s",
                   (int)(len < 64 ? len : 64), word, list);
}

/* "NAME=VALUE", of len characters. */
static struct err *read_word(const char *word, size_t len, struct features *f)
{
    const char *equals = memchr(word, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - word) : len;
    size_t i = 0;
    while (i < FEATURES && !(strlen(names[i]) == name_len && memcmp(names[i], word, name_len) == 0))
        i++;
    if (i == FEATURES)
        return unknown(word, name_len);
    size_t value_len = equals != NULL ? len - name_len - 1 : 0;
    bool on = value_len == 4 && memcmp(equals + 1, "true", 4) == 0;
    bool off = value_len == 5 && memcmp(equals + 1, "false", 5) == 0;
    if (!on && !off)
        return err_new(ERR_INVALID, "InvalidFlag", "write %s=true or %s=false", names[i], names[i]);
    f->on[i] = on;
    return NULL;
}

struct err *features_parse(const char *text, struct features *ret_features)
{
    struct features f = {0};
    for (const char *at = str_or(text, NULL); at != NULL;) {
        size_t len = strcspn(at, ",");
        TRY(read_word(at, len, &f));
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    *ret_features = f;
    return NULL;
}
