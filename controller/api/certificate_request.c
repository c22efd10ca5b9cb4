/* SPDX-License-Identifier: Apache-2.0 */
#include "api/certificate_request.h"

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"

#define SPEC(type, member, name, ...)                                                              \
    BIND_ROW(struct certificate_request_spec, type, member, name, __VA_ARGS__)
static const struct bind_field spec_fields[] = {
    SPEC(STRING, request, "request", .flags = BIND_REQUIRED),
    SPEC(OBJECT, issuer_ref, "issuerRef", .flags = BIND_REQUIRED, .table = &issuer_ref_table),
    SPEC(DURATION, duration, "duration"),
    SPEC(BOOL, is_ca, "isCA"),
    SPEC(STRINGS, usages, "usages"),
    SPEC(STRING, username, "username"),
    SPEC(STRING, uid, "uid"),
    SPEC(STRINGS, groups, "groups"),
    SPEC(JSON, extra, "extra"),
};
const struct bind_table certificate_request_spec_table =
    BIND_TABLE("CertificateRequestSpec", struct certificate_request_spec, spec_fields);

#define STATUS(type, member, name, ...)                                                            \
    BIND_ROW(struct certificate_request_status, type, member, name, __VA_ARGS__)
static const struct bind_field status_fields[] = {
    STATUS(LIST, conditions, "conditions", .table = &condition_table),
    STATUS(STRING, certificate, "certificate"),
    STATUS(STRING, ca, "ca"),
    STATUS(TIME, failure_time, "failureTime"),
};
const struct bind_table certificate_request_status_table =
    BIND_TABLE("CertificateRequestStatus", struct certificate_request_status, status_fields);

#define TOP(type, member, name, ...)                                                               \
    BIND_ROW(struct certificate_request, type, member, name, __VA_ARGS__)
static const struct bind_field fields[] = {
    TOP(OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED, .table = &object_meta_table),
    TOP(OBJECT, spec, "spec", .flags = BIND_REQUIRED, .table = &certificate_request_spec_table),
    TOP(OBJECT, status, "status", .table = &certificate_request_status_table),
};
const struct bind_table certificate_request_table =
    BIND_TABLE("CertificateRequest", struct certificate_request, fields);

bool certificate_request_is_preflight(const struct certificate_request *r)
{
    return !str_empty(bind_map_get(&r->obj.meta.annotations, API_PREFLIGHT));
}

bool request_is_issued(const struct certificate_request *request)
{
    const condition_list *c = &request->status.conditions;
    return condition_is_true(c->items, c->len, "Ready") && !str_empty(request->status.certificate);
}

bool request_has_failed(const struct certificate_request *request, const char **ret_message)
{
    static const char *const verdicts[] = {"Denied", "InvalidRequest"};
    const condition_list *c = &request->status.conditions;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        const struct condition *verdict = condition_find(c->items, c->len, verdicts[i]);
        if (verdict != NULL && str_eq(verdict->status, "True")) {
            *ret_message = str_or(verdict->message, verdicts[i]);
            return true;
        }
    }
    const struct condition *ready = condition_find(c->items, c->len, "Ready");
    if (ready == NULL || !str_eq(ready->status, "False") ||
        (!str_eq(ready->reason, "Failed") && !str_eq(ready->reason, "Denied")))
        return false;
    *ret_message = str_or(ready->message, "failed");
    return true;
}
