/* SPDX-License-Identifier: Apache-2.0 */
#include "api/order.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "pki/key.h"

#define SPEC(type, member, name, ...) BIND_ROW(struct order_spec, type, member, name, __VA_ARGS__)
static const struct bind_field spec_fields[] = {
    SPEC(STRING, request, "request", .flags = BIND_REQUIRED),
    SPEC(OBJECT, issuer_ref, "issuerRef", .flags = BIND_REQUIRED, .table = &issuer_ref_table),
    SPEC(STRING, common_name, "commonName"),
    SPEC(STRINGS, dns_names, "dnsNames"),
    SPEC(STRINGS, ip_addresses, "ipAddresses"),
    SPEC(DURATION, duration, "duration"),
    SPEC(STRING, profile, "profile"),
    SPEC(STRING, replaces, "replaces"),
};
const struct bind_table order_spec_table = BIND_TABLE("OrderSpec", struct order_spec, spec_fields);

static const struct bind_field challenge_fields[] = {
    BIND_ROW(struct order_challenge, STRING, url, "url", .flags = BIND_ALWAYS),
    BIND_ROW(struct order_challenge, STRING, token, "token", .flags = BIND_ALWAYS),
    BIND_ROW(struct order_challenge, STRING, type, "type", .flags = BIND_ALWAYS),
};
static const struct bind_table challenge_item_table =
    BIND_TABLE("OrderChallenge", struct order_challenge, challenge_fields);

#define AUTHZ(type, member, name, ...)                                                             \
    BIND_ROW(struct order_authorization, type, member, name, __VA_ARGS__)
static const struct bind_field authorization_fields[] = {
    AUTHZ(STRING, url, "url", .flags = BIND_ALWAYS),
    AUTHZ(STRING, identifier, "identifier"),
    AUTHZ(BOOL, wildcard, "wildcard"),
    AUTHZ(STRING, initial_state, "initialState"),
    AUTHZ(LIST, challenges, "challenges", .table = &challenge_item_table),
};
static const struct bind_table authorization_table =
    BIND_TABLE("OrderAuthorization", struct order_authorization, authorization_fields);

static const struct bind_field alias_fields[] = {
    BIND_ROW(struct order_alias, STRING, name, "name", .flags = BIND_ALWAYS),
    BIND_ROW(struct order_alias, STRING, target, "target", .flags = BIND_ALWAYS),
};
static const struct bind_table alias_table =
    BIND_TABLE("OrderAlias", struct order_alias, alias_fields);

static const struct bind_field waiting_fields[] = {
    BIND_ROW(struct order_waiting, STRING, reason, "reason"),
    BIND_ROW(struct order_waiting, TIME, until, "until"),
};
static const struct bind_table waiting_table =
    BIND_TABLE("OrderWaiting", struct order_waiting, waiting_fields);

static const struct bind_field judged_fields[] = {
    BIND_ROW(struct order_judged, STRING, uid, "uid"),
    BIND_ROW(struct order_judged, INT, generation, "generation"),
};
static const struct bind_table judged_table =
    BIND_TABLE("OrderJudged", struct order_judged, judged_fields);

static const struct bind_field prepare_fields[] = {
    BIND_ROW(struct order_prepare, STRING, state, "state"),
    BIND_ROW(struct order_prepare, TIME, since, "since"),
    BIND_ROW(struct order_prepare, STRING, kind, "kind"),
    BIND_ROW(struct order_prepare, STRING, hook, "hook"),
    BIND_ROW(struct order_prepare, POINTER, http, "http", .table = &acme_prepare_http_table),
    BIND_ROW(struct order_prepare, JSON, undo, "undo"),
};
static const struct bind_table prepare_table =
    BIND_TABLE("OrderPrepare", struct order_prepare, prepare_fields);

#define STATUS(type, member, name, ...)                                                            \
    BIND_ROW(struct order_status, type, member, name, __VA_ARGS__)
static const struct bind_field status_fields[] = {
    STATUS(STRING, url, "url"),
    STATUS(STRING, finalize_url, "finalizeURL"),
    STATUS(LIST, authorizations, "authorizations", .table = &authorization_table),
    STATUS(LIST, aliases, "aliases", .table = &alias_table),
    STATUS(OBJECT, judged_by, "judgedBy", .table = &judged_table),
    STATUS(STRING, certificate, "certificate"),
    STATUS(STRING, state, "state"),
    STATUS(STRING, reason, "reason"),
    STATUS(TIME, failure_time, "failureTime"),
    STATUS(TIME, placed_time, "placedTime"),
    STATUS(OBJECT, waiting, "waiting", .table = &waiting_table),
    STATUS(OBJECT, prepare, "prepare", .table = &prepare_table),
    STATUS(STRING, next_action, "nextAction"),
};
const struct bind_table order_status_table =
    BIND_TABLE("OrderStatus", struct order_status, status_fields);

static const struct bind_field fields[] = {
    BIND_ROW(struct order, OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED,
             .table = &object_meta_table),
    BIND_ROW(struct order, OBJECT, spec, "spec", .flags = BIND_REQUIRED,
             .table = &order_spec_table),
    BIND_ROW(struct order, OBJECT, status, "status", .table = &order_status_table),
};
const struct bind_table order_table = BIND_TABLE("Order", struct order, fields);

bool order_state_is_final(const char *state)
{
    return str_eq(state, "valid") || str_eq(state, "invalid") || str_eq(state, "expired") ||
           str_eq(state, "errored");
}

bool order_is_judged_by(const struct order *o, const struct object_meta *issuer)
{
    const struct order_judged *j = &o->status.judged_by;
    return str_empty(j->uid) ||
           (str_eq(j->uid, issuer->uid) && j->generation == issuer->generation);
}

const char *order_alias_of(const order_alias_list *aliases, const char *name)
{
    for (size_t i = 0; i < aliases->len; i++)
        if (aliases->items[i].name != NULL && strcasecmp(aliases->items[i].name, name) == 0)
            return aliases->items[i].target;
    return NULL;
}

void order_name(const struct object_meta *request, char out[KUBE_NAME_MAX + 1])
{
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(request->uid, strlen(request->uid), hex);
    hex[10] = '\0';
    name_join(request->name, hex, KUBE_NAMESPACE_MAX, out);
}
