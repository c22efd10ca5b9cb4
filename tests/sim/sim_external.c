/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_external.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "sim/sim_pki.h"
#include "sim/sim_stream.h"

#define LIFE NS_PER_DAY

struct sim_external {
    struct sim *sim;
    struct sim_stream requests;
};

static bool has(const json_t *request, const char *type)
{
    const json_t *all = JGET(request, "status", "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), type) &&
            !str_eq(JSTR(json_item(all, i), "reason"), "Pending"))
            return true;
    return false;
}

/* Puts the condition in the place of one of its type, and the request back. */
static void say(struct sim *s, json_t *request, const char *type, const char *status,
                const char *reason)
{
    char when[RFC3339_MAX];
    rfc3339_format(sim_now(s), when);
    json_t *conditions = json_new_array();
    const json_t *old = JGET(request, "status", "conditions");
    for (size_t i = 0; i < json_count(old); i++)
        if (!str_eq(JSTR(json_item(old, i), "type"), type))
            json_push(conditions, json_copy_deep(json_item(old, i)));
    json_push(conditions,
              json_build("{s:s,s:s,s:s,s:s,s:s}", "type", type, "status", status, "reason", reason,
                         "message", "says the external issuer", "lastTransitionTime", when));
    if (JGET(request, "status") == NULL)
        json_put(request, "status", json_new_object());
    json_put(JGET(request, "status"), "conditions", conditions);
    static const struct sim_writer writer = {"external", false};
    sim_note(s, "the external issuer says %s=%s of %s", type, status,
             JSTR(request, "metadata", "name"));
    sim_api_put(s->api, "certificaterequests", request, &writer);
}

static char *decoded(const json_t *request)
{
    const char *text = str_or(JSTR(request, "spec", "request"), "");
    char *pem = NULL;
    size_t len = 0;
    err_drop(base64_decode(text, strlen(text), &pem, &len)); /* then there is none */
    return pem;
}

static void answer(struct sim *s, json_t *request)
{
    auto_free char *csr = decoded(request);
    int64_t from = sim_now(s) - NS_PER_MIN;
    auto_free char *chain = csr != NULL ? sim_pki_issue_as_asked(csr, from, from + LIFE) : NULL;
    if (chain == NULL || (!s->calm && sim_chance(s, 50))) {
        say(s, request, "Ready", "False", "Failed");
        return;
    }
    auto_free char *text = base64_encode(chain, strlen(chain));
    json_put_str(JGET(request, "status"), "certificate", text);
    say(s, request, "Ready", "True", "Issued");
}

/* One step: the write is an event again. */
static void look(void *arg, const struct sim_event *e)
{
    struct sim *s = ((struct sim_external *)arg)->sim;
    const json_t *meta = JGET(e->object, "metadata");
    const json_t *now =
        sim_api_json(s->api, "certificaterequests", JSTR(meta, "namespace"), JSTR(meta, "name"));
    if (now == NULL || !str_eq(JSTR(now, "spec", "issuerRef", "group"), SIM_EXTERNAL_GROUP) ||
        has(now, "Denied") || has(now, "Ready"))
        return;
    json_t *request = json_copy_deep(now);
    if (has(now, "Approved"))
        answer(s, request);
    else if (!s->calm && sim_chance(s, 50))
        say(s, request, "Denied", "True", "policy");
    else
        say(s, request, "Approved", "True", "policy");
}

struct sim_external *sim_external_new(struct sim *s)
{
    struct sim_external *x = x_calloc(1, sizeof(*x));
    x->sim = s;
    x->requests = (struct sim_stream){.lag_max = SIM_EXTERNAL_LAG_MAX, .deliver = look, .arg = x};
    sim_stream_open(&x->requests, s, sim_resource("certificaterequests"));
    return x;
}

void sim_external_free(struct sim_external *x)
{
    free(x);
}

bool sim_external_renews(struct sim *s, int64_t by)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *crt = all[i]->json;
        const char *text = JSTR(crt, "status", "renewalTime");
        int64_t at = SIM_NEVER;
        if (text == NULL || !str_eq(JSTR(crt, "spec", "issuerRef", "group"), SIM_EXTERNAL_GROUP))
            continue;
        err_drop(rfc3339_parse(text, &at)); /* unreadable: never */
        if (at <= by)
            return true;
    }
    return false;
}

int64_t sim_external_next(struct sim_external *x)
{
    return sim_stream_next(&x->requests);
}

void sim_external_happen(struct sim_external *x)
{
    sim_stream_happen(&x->requests);
}
