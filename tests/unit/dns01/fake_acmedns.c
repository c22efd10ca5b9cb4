/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_acmedns.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define USER "c36f50e8-4632-44f0-83fe-e070fef28a10"
#define PASSWORD "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z"
#define SUBDOMAIN "8e5700ea-a4bf-41c7-8a77-e990661dcc6a"

static const struct fake_secret secrets[] = {
    {"acme-dns", "accounts.json",
     "{\"example.com\":{\"username\":\"" USER "\",\"password\":\"" PASSWORD
     "\",\"fulldomain\":\"" FAKE_ACMEDNS_FULL "\",\"subdomain\":\"" SUBDOMAIN
     "\",\"allowfrom\":[]}}"},
    {"acme-dns", "password", PASSWORD},
    {NULL, NULL, NULL}};
static char texts[2][256];
static unsigned older;

static json_t *refusal(int status)
{
    return json_build("{s:s}", "error", status == 401 ? "forbidden" : "db_error");
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    static const char *const known[] = {"subdomain", "txt", NULL};
    const char *txt = JSTR(call->body, "txt");
    if (!fake_path(call, "POST", "/update"))
        fake_say(c, 404, NULL);
    else if (!fake_authorized(c, call, "X-Api-User", USER) ||
             !fake_authorized(c, call, "X-Api-Key", PASSWORD) ||
             !str_eq(JSTR(call->body, "subdomain"), SUBDOMAIN))
        fake_refuse(c, 401);
    else if (fake_has_others(call->body, known) || str_empty(txt))
        fake_say(c, 400, json_build("{s:s}", "error", "bad_txt"));
    else {
        str_copy(texts[older], sizeof(texts[older]), txt);
        older = !older;
        fake_say(c, 200, json_build("{s:s}", "txt", txt));
    }
}

static const struct fake_dialect dialect = {
    .base = FAKE_ACMEDNS,
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

/* What DNS shows of it: two equal records are one. */
static void values(void *state, const char *zone, const char *name, struct strlist *ret_values)
{
    (void)state;
    (void)zone;
    (void)name;
    for (unsigned i = 0; i < 2; i++)
        if (texts[i][0] != '\0' && !strlist_has(ret_values, texts[i]))
            strlist_add(ret_values, texts[i]);
}

void fake_acmedns_open(struct provider_fake *f)
{
    memset(texts, 0, sizeof(texts));
    older = 0;
    fake_cloud_open(f, &dialect);
    f->values = values;
}
