/* SPDX-License-Identifier: Apache-2.0 */
/* The names of key usages, RFC 5280 sections 4.2.1.3 and 4.2.1.12. */
#include "base/mem.h"
#include "base/str.h"
#include "pki/names.h"

static const struct {
    const char *name;
    unsigned bits;   /* key usage ... */
    const char *oid; /* ... or extended key usage */
} usages[] = {
    {"signing", 1U << 0, NULL},
    {"digital signature", 1U << 0, NULL},
    {"content commitment", 1U << 1, NULL},
    {"key encipherment", 1U << 2, NULL},
    {"data encipherment", 1U << 3, NULL},
    {"key agreement", 1U << 4, NULL},
    {"cert sign", 1U << 5, NULL},
    {"crl sign", 1U << 6, NULL},
    {"encipher only", 1U << 7, NULL},
    {"decipher only", 1U << 8, NULL},
    {"any", 0, "2.5.29.37.0"},
    {"server auth", 0, "1.3.6.1.5.5.7.3.1"},
    {"client auth", 0, "1.3.6.1.5.5.7.3.2"},
    {"code signing", 0, "1.3.6.1.5.5.7.3.3"},
    {"email protection", 0, "1.3.6.1.5.5.7.3.4"},
    {"s/mime", 0, "1.3.6.1.5.5.7.3.4"},
    {"ipsec end system", 0, "1.3.6.1.5.5.7.3.5"},
    {"ipsec tunnel", 0, "1.3.6.1.5.5.7.3.6"},
    {"ipsec user", 0, "1.3.6.1.5.5.7.3.7"},
    {"timestamping", 0, "1.3.6.1.5.5.7.3.8"},
    {"ocsp signing", 0, "1.3.6.1.5.5.7.3.9"},
    {"microsoft sgc", 0, "1.3.6.1.4.1.311.10.3.3"},
    {"netscape sgc", 0, "2.16.840.1.113730.4.1"},
};

void pki_usages_release(struct pki_usages *u)
{
    strlist_release(&u->extended);
    u->key_usage = 0;
}

struct err *pki_usages_add(struct pki_usages *u, const char *usage)
{
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        if (!str_eq(usages[i].name, usage))
            continue;
        u->key_usage |= usages[i].bits;
        if (usages[i].oid != NULL) {
            strlist_add(&u->extended, usages[i].oid);
            strlist_uniq(&u->extended);
        }
        return NULL;
    }
    return err_new(ERR_INVALID, "InvalidSpec",
                   "unknown key usage \"%.64s\"; known are \"digital signature\", \"server auth\" "
                   "and the others of the API reference",
                   usage);
}

struct err *pki_usages_build(const struct bind_strings *names, bool is_ca,
                             struct pki_usages *ret_usages)
{
    static const char *const defaults[] = {"digital signature", "key encipherment"};
    static const struct bind_strings default_names = {defaults, ARRAY_LEN(defaults)};
    AUTO(pki_usages_release) struct pki_usages u = {0};
    const struct bind_strings *all = names->len > 0 ? names : &default_names;
    for (size_t i = 0; i < all->len; i++)
        TRY(pki_usages_add(&u, all->items[i]), "usages[%zu]", i);
    if (is_ca)
        TRY(pki_usages_add(&u, "cert sign"));
    *ret_usages = u;
    u = (struct pki_usages){0};
    return NULL;
}

bool pki_usages_sign(const struct pki_usages *u)
{
    return (u->key_usage & 1U) != 0;
}

bool pki_usages_equal(const struct pki_usages *a, const struct pki_usages *b)
{
    return a->key_usage == b->key_usage && strlist_equal(&a->extended, &b->extended);
}
