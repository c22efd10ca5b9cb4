/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

/* Empty texts and times say nothing: they are left out. */
static void put_text(json_t *to, const char *key, const char *text)
{
    if (!str_empty(text))
        json_put_str(to, key, text);
}

static void put_time(json_t *to, const char *key, int64_t wall_ns)
{
    if (wall_ns == 0)
        return;
    char text[RFC3339_MAX];
    rfc3339_format(wall_ns, text);
    json_put_str(to, key, text);
}

static void put_strings(json_t *to, const char *key, const char *const *items, size_t len)
{
    if (len == 0)
        return;
    json_t *list = json_new_array();
    for (size_t i = 0; i < len; i++)
        json_push(list, json_new_string(items[i]));
    json_put(to, key, list);
}

static void put_strlist(json_t *to, const char *key, const struct strlist *l)
{
    put_strings(to, key, (const char *const *)l->items, l->len);
}

static void put_conditions(json_t *to, const condition_list *conditions)
{
    json_t *list = json_new_array();
    for (size_t i = 0; i < conditions->len; i++)
        json_push(list, bind_encode(&condition_table, &conditions->items[i]));
    json_put(to, "conditions", list);
}

static void put_meta(json_t *to, const struct object_meta *meta)
{
    json_put_str(to, "name", meta->name);
    put_text(to, "namespace", meta->namespace);
    put_time(to, "createdAt", meta->creation_timestamp);
}

static void put_error(json_t *to, const struct chain *c, enum chain_part which)
{
    if (c->errs[which] != NULL)
        json_put_str(to, "error", c->errs[which]->message);
}

/* ---- the parts ---- */

static json_t *issuer_part(const struct chain *c)
{
    const struct issuer_ref *ref = &c->crt->spec.issuer_ref;
    json_t *to = json_build("{s:s,s:s}", "kind", issuer_ref_kind(ref), "name", ref->name);
    if (!issuer_ref_is_ours(ref))
        json_put_str(to, "group", issuer_ref_group(ref));
    if (c->issuer != NULL)
        put_conditions(to, &c->issuer->status.conditions);
    put_error(to, c, CHAIN_ISSUER);
    return to;
}

static void put_leaf(json_t *to, const struct pki_cert *leaf)
{
    put_text(to, "commonName", leaf->names.common_name);
    put_strlist(to, "dnsNames", &leaf->names.dns);
    put_strlist(to, "ipAddresses", &leaf->names.ips);
    put_strlist(to, "uris", &leaf->names.uris);
    put_strlist(to, "emailAddresses", &leaf->names.emails);
    put_text(to, "issuedBy", leaf->issuer);
    put_text(to, "serialNumber", leaf->serial);
    put_time(to, "notBefore", leaf->not_before);
    put_time(to, "notAfter", leaf->not_after);
    put_text(to, "fingerprint", leaf->fingerprint);
}

static json_t *secret_part(const struct chain *c)
{
    json_t *to = json_build("{s:s}", "name", c->crt->spec.secret_name);
    put_text(to, "type", c->secret.type);
    if (c->secret.has_leaf)
        put_leaf(to, &c->secret.leaf);
    put_error(to, c, CHAIN_SECRET);
    return to;
}

static json_t *request_part(const struct chain *c)
{
    json_t *to = json_new_object();
    put_error(to, c, CHAIN_REQUEST);
    if (c->request == NULL)
        return to;
    put_meta(to, &c->request->obj.meta);
    if (certificate_request_is_preflight(c->request))
        put_text(to, "preflightBy", c->request->spec.issuer_ref.name);
    put_conditions(to, &c->request->status.conditions);
    put_time(to, "failureTime", c->request->status.failure_time);
    return to;
}

static void put_order(json_t *to, const struct order *o)
{
    put_meta(to, &o->obj.meta);
    json_put_str(to, "state", str_or(o->status.state, "new"));
    put_text(to, "reason", o->status.reason);
    put_text(to, "url", o->status.url);
    put_time(to, "failureTime", o->status.failure_time);
    put_text(to, "nextAction", o->status.next_action);
}

static json_t *order_part(const struct chain *c)
{
    json_t *to = json_new_object();
    put_error(to, c, CHAIN_ORDER);
    if (c->order != NULL)
        put_order(to, c->order);
    return to;
}

static json_t *challenge_item(const struct challenge *ch)
{
    json_t *to = json_build("{s:s,s:s,s:s,s:s,s:b}", "dnsName", ch->spec.dns_name, "name",
                            ch->obj.meta.name, "type", ch->spec.type, "state",
                            str_or(ch->status.state, "new"), "presented", ch->status.presented);
    put_text(to, "reason", ch->status.reason);
    put_time(to, "createdAt", ch->obj.meta.creation_timestamp);
    put_text(to, "nextAction", ch->status.next_action);
    return to;
}

/* Lists have no place for an error: it takes the place of an item. */
static json_t *list_part(const struct chain *c, enum chain_part which)
{
    json_t *list = json_new_array();
    if (c->errs[which] != NULL)
        json_push(list, json_build("{s:s}", "error", c->errs[which]->message));
    return list;
}

static void put_lists(json_t *to, const struct chain *c)
{
    json_t *challenges = list_part(c, CHAIN_CHALLENGES);
    for (size_t i = 0; i < c->challenges.len; i++)
        json_push(challenges, challenge_item(c->challenges.items[i]));
    json_put(to, "challenges", challenges);
    json_t *events = list_part(c, CHAIN_EVENTS);
    for (size_t i = 0; i < c->events.len; i++)
        json_push(events, json_build("O", c->events.items[i].event));
    json_put(to, "events", events);
}

/* ---- the reports ---- */

static void put_names(json_t *to, const struct certificate_spec *s)
{
    put_text(to, "commonName", s->common_name);
    put_strings(to, "dnsNames", s->dns_names.items, s->dns_names.len);
    put_strings(to, "ipAddresses", s->ip_addresses.items, s->ip_addresses.len);
    put_strings(to, "uris", s->uris.items, s->uris.len);
    put_strings(to, "emailAddresses", s->email_addresses.items, s->email_addresses.len);
}

static void put_rollout(json_t *to, const struct certificate_rollout_status *r)
{
    if (!str_empty(r->fingerprint))
        json_put(to, "rollout",
                 json_build("{s:s,s:I,s:I}", "fingerprint", r->fingerprint, "updated",
                            (json_int_t)r->updated, "pending", (json_int_t)r->pending));
}

json_t *report_certificate(const struct chain *c)
{
    const struct certificate *crt = c->crt;
    const struct certificate_status *s = &crt->status;
    json_t *to = json_new_object();
    put_meta(to, &crt->obj.meta);
    put_conditions(to, &s->conditions);
    put_text(to, "nextAction", s->next_action);
    put_names(to, &crt->spec);
    put_time(to, "renewalTime", s->renewal_time);
    if (s->failed_issuance_attempts > 0)
        json_put(to, "failedAttempts", json_build("I", (json_int_t)s->failed_issuance_attempts));
    put_time(to, "lastFailureTime", s->last_failure_time);
    json_put(to, "issuer", issuer_part(c));
    json_put(to, "secret", secret_part(c));
    put_rollout(to, &s->rollout);
    json_put(to, "certificateRequest", request_part(c));
    json_put(to, "order", order_part(c));
    put_lists(to, c);
    return to;
}

json_t *report_order(const struct chain *c)
{
    json_t *to = json_new_object();
    put_order(to, c->order);
    put_strings(to, "dnsNames", c->order->spec.dns_names.items, c->order->spec.dns_names.len);
    put_strings(to, "ipAddresses", c->order->spec.ip_addresses.items,
                c->order->spec.ip_addresses.len);
    put_lists(to, c);
    return to;
}

json_t *report_row(const struct certificate *crt)
{
    const struct certificate_status *s = &crt->status;
    const struct condition *ready = condition_find(s->conditions.items, s->conditions.len, "Ready");
    const struct issuer_ref *ref = &crt->spec.issuer_ref;
    auto_free char *issuer = str_eq(issuer_ref_kind(ref), "Issuer")
                                 ? x_strdup(ref->name)
                                 : x_printf("%s/%s", issuer_ref_kind(ref), ref->name);
    json_t *to = json_build("{s:s,s:s,s:s,s:s,s:s}", "namespace", crt->obj.meta.namespace, "name",
                            crt->obj.meta.name, "ready", ready != NULL ? ready->status : "Unknown",
                            "secretName", crt->spec.secret_name, "issuer", issuer);
    put_time(to, "notAfter", s->not_after);
    put_time(to, "renewalTime", s->renewal_time);
    put_text(to, "nextAction", s->next_action);
    return to;
}
