/* SPDX-License-Identifier: Apache-2.0 */
#include "api/challenge.h"

static const char *const types[] = {"HTTP-01", "DNS-01", "DNS-ACCOUNT-01", "DNS-PERSIST-01", NULL};

#define SPEC(type, member, name, ...)                                                              \
    BIND_ROW(struct challenge_spec, type, member, name, __VA_ARGS__)
static const struct bind_field spec_fields[] = {
    SPEC(STRING, url, "url", .flags = BIND_REQUIRED),
    SPEC(STRING, authorization_url, "authorizationURL", .flags = BIND_REQUIRED),
    SPEC(STRING, dns_name, "dnsName", .flags = BIND_REQUIRED),
    SPEC(BOOL, wildcard, "wildcard"),
    SPEC(STRING, type, "type", .flags = BIND_REQUIRED, .enumeration = types),
    SPEC(STRING, token, "token", .flags = BIND_REQUIRED),
    SPEC(STRING, key, "key", .flags = BIND_REQUIRED),
    SPEC(JSON, solver, "solver", .flags = BIND_REQUIRED),
    SPEC(OBJECT, issuer_ref, "issuerRef", .flags = BIND_REQUIRED, .table = &issuer_ref_table),
};
const struct bind_table challenge_spec_table =
    BIND_TABLE("ChallengeSpec", struct challenge_spec, spec_fields);

#define RECORD(type, member, name, ...)                                                            \
    BIND_ROW(struct challenge_record, type, member, name, __VA_ARGS__)
static const struct bind_field record_fields[] = {
    RECORD(STRING, name, "name"),          RECORD(STRING, zone, "zone"),
    RECORD(STRING, value, "value"),        RECORD(STRING, provider, "provider"),
    RECORD(STRING, record_id, "recordID"), RECORD(TIME, since, "since"),
};
static const struct bind_table record_table =
    BIND_TABLE("ChallengeRecord", struct challenge_record, record_fields);

static const struct bind_field persist_fields[] = {
    BIND_ROW(struct challenge_persist, STRING, name, "name"),
    BIND_ROW(struct challenge_persist, STRING, value, "value"),
};
static const struct bind_table persist_table =
    BIND_TABLE("ChallengePersist", struct challenge_persist, persist_fields);

#define STATUS(type, member, name, ...)                                                            \
    BIND_ROW(struct challenge_status, type, member, name, __VA_ARGS__)
static const struct bind_field status_fields[] = {
    STATUS(BOOL, processing, "processing"),
    STATUS(BOOL, presented, "presented"),
    STATUS(TIME, presented_at, "presentedAt"),
    STATUS(STRING, reason, "reason"),
    STATUS(STRING, state, "state"),
    STATUS(STRING, next_action, "nextAction"),
    STATUS(OBJECT, dns01, "dns01", .table = &record_table),
    STATUS(OBJECT, dns_persist01, "dnsPersist01", .table = &persist_table),
};
const struct bind_table challenge_status_table =
    BIND_TABLE("ChallengeStatus", struct challenge_status, status_fields);

static const struct bind_field fields[] = {
    BIND_ROW(struct challenge, OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED,
             .table = &object_meta_table),
    BIND_ROW(struct challenge, OBJECT, spec, "spec", .flags = BIND_REQUIRED,
             .table = &challenge_spec_table),
    BIND_ROW(struct challenge, OBJECT, status, "status", .table = &challenge_status_table),
};
const struct bind_table challenge_table = BIND_TABLE("Challenge", struct challenge, fields);
