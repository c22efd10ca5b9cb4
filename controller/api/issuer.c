/* SPDX-License-Identifier: Apache-2.0 */
#include "api/issuer.h"

#include "base/str.h"

static const char *const service_types[] = {"ClusterIP", "NodePort", NULL};
static const char *const mac_algorithms[] = {"HS256", "HS384", "HS512", NULL};
static const char *const key_algorithms[] = {"ES256", "ES384", "RS256", "EdDSA", NULL};
static const char *const switches[] = {"enabled", "disabled", NULL};
static const char *const caa_modes[] = {"check", "off", NULL};
static const char *const ownerships[] = {"First", "Any", NULL};
static const char *const pollings[] = {"early", "hint", NULL};

#define INGRESS(type, member, name, ...)                                                           \
    BIND_ROW(struct http01_ingress, type, member, name, __VA_ARGS__)
static const struct bind_field ingress_fields[] = {
    INGRESS(STRING, service_type, "serviceType", .enumeration = service_types),
    INGRESS(STRING, ingress_class_name, "ingressClassName"),
    INGRESS(STRING, class_name, "class"),
    INGRESS(STRING, name, "name"),
    INGRESS(JSON, pod_template, "podTemplate"),
    INGRESS(JSON, ingress_template, "ingressTemplate"),
};
static const struct bind_table ingress_table =
    BIND_TABLE("HTTP01Ingress", struct http01_ingress, ingress_fields);

static const struct bind_field parent_ref_fields[] = {
    BIND_ROW(struct gateway_parent_ref, STRING, group, "group"),
    BIND_ROW(struct gateway_parent_ref, STRING, kind, "kind"),
    BIND_ROW(struct gateway_parent_ref, STRING, namespace, "namespace"),
    BIND_ROW(struct gateway_parent_ref, STRING, name, "name", .flags = BIND_REQUIRED),
    BIND_ROW(struct gateway_parent_ref, STRING, section_name, "sectionName"),
    BIND_ROW(struct gateway_parent_ref, INT, port, "port"),
};
static const struct bind_table parent_ref_table =
    BIND_TABLE("ParentReference", struct gateway_parent_ref, parent_ref_fields);

#define GATEWAY(type, member, name, ...)                                                           \
    BIND_ROW(struct http01_gateway, type, member, name, __VA_ARGS__)
#define GATEWAY_ROUTE                                                                              \
    GATEWAY(MAP, labels, "labels"), GATEWAY(LIST, parent_refs, "parentRefs",                       \
                                            .flags = BIND_REQUIRED, .table = &parent_ref_table)
static const struct bind_field gateway_fields[] = {
    GATEWAY(STRING, service_type, "serviceType", .enumeration = service_types),
    GATEWAY(JSON, pod_template, "podTemplate"),
    GATEWAY_ROUTE,
};
static const struct bind_table gateway_table =
    BIND_TABLE("HTTP01GatewayHTTPRoute", struct http01_gateway, gateway_fields);

/* The same without a pod. */
static const struct bind_field shared_gateway_fields[] = {GATEWAY_ROUTE};
static const struct bind_table shared_gateway_table =
    BIND_TABLE("HTTP01SharedGatewayHTTPRoute", struct http01_gateway, shared_gateway_fields);

#define SHARED(type, member, name, ...)                                                            \
    BIND_ROW(struct http01_shared, type, member, name, __VA_ARGS__)
static const struct bind_field shared_fields[] = {
    SHARED(STRING, ingress_class_name, "ingressClassName"),
    SHARED(STRING, class_name, "class"),
    SHARED(JSON, ingress_template, "ingressTemplate"),
    SHARED(BOOL, standing, "standing"),
    SHARED(BOOL, endpoint_slice, "endpointSlice"),
    SHARED(POINTER, gateway, "gatewayHTTPRoute", .table = &shared_gateway_table),
};
static const struct bind_table shared_table =
    BIND_TABLE("HTTP01Shared", struct http01_shared, shared_fields);

static const struct bind_field redirect_fields[] = {
    BIND_ROW(struct http01_redirect, STRING, url, "url", .flags = BIND_REQUIRED),
    BIND_ROW(struct http01_redirect, STRING, ingress_class_name, "ingressClassName"),
    BIND_ROW(struct http01_redirect, JSON, ingress_template, "ingressTemplate"),
};
static const struct bind_table redirect_table =
    BIND_TABLE("HTTP01Redirect", struct http01_redirect, redirect_fields);

static const char *const self_check_modes[] = {"dns", "ingressStatus", "wait", "none", NULL};

static const struct bind_field self_check_fields[] = {
    BIND_ROW(struct http01_self_check, STRING, mode, "mode", .enumeration = self_check_modes),
    BIND_ROW(struct http01_self_check, DURATION, wait, "wait"),
    BIND_ROW(struct http01_self_check, STRINGS, nameservers, "nameservers"),
};
static const struct bind_table self_check_table =
    BIND_TABLE("HTTP01SelfCheck", struct http01_self_check, self_check_fields);

static const struct bind_field http01_fields[] = {
    BIND_ROW(struct solver_http01, POINTER, ingress, "ingress", .table = &ingress_table),
    BIND_ROW(struct solver_http01, POINTER, gateway, "gatewayHTTPRoute", .table = &gateway_table),
    BIND_ROW(struct solver_http01, POINTER, shared, "shared", .table = &shared_table),
    BIND_ROW(struct solver_http01, POINTER, redirect, "redirect", .table = &redirect_table),
    BIND_ROW(struct solver_http01, JSON, external, "external"),
    BIND_ROW(struct solver_http01, POINTER, self_check, "selfCheck", .table = &self_check_table),
};
static const struct bind_table http01_table =
    BIND_TABLE("SolverHTTP01", struct solver_http01, http01_fields);

static const struct bind_field selector_fields[] = {
    BIND_ROW(struct solver_selector, MAP, match_labels, "matchLabels"),
    BIND_ROW(struct solver_selector, STRINGS, dns_names, "dnsNames"),
    BIND_ROW(struct solver_selector, STRINGS, dns_zones, "dnsZones"),
};
static const struct bind_table selector_table =
    BIND_TABLE("SolverSelector", struct solver_selector, selector_fields);

static const struct bind_field solver_fields[] = {
    BIND_ROW(struct acme_solver, OBJECT, selector, "selector", .table = &selector_table),
    BIND_ROW(struct acme_solver, POINTER, http01, "http01", .table = &http01_table),
    BIND_ROW(struct acme_solver, JSON, dns01, "dns01"),
    BIND_ROW(struct acme_solver, JSON, dns_persist01, "dnsPersist01"),
    BIND_ROW(struct acme_solver, STRING, wait_instead_of_self_check, "waitInsteadOfSelfCheck"),
};
const struct bind_table acme_solver_table =
    BIND_TABLE("ACMESolver", struct acme_solver, solver_fields);

static const struct bind_field external_account_fields[] = {
    BIND_ROW(struct acme_external_account, STRING, key_id, "keyID", .flags = BIND_REQUIRED),
    BIND_ROW(struct acme_external_account, OBJECT, key_secret_ref, "keySecretRef",
             .flags = BIND_REQUIRED, .table = &secret_key_selector_table),
    BIND_ROW(struct acme_external_account, STRING, key_algorithm, "keyAlgorithm",
             .enumeration = mac_algorithms),
};
static const struct bind_table external_account_table =
    BIND_TABLE("ACMEExternalAccountBinding", struct acme_external_account, external_account_fields);

static const struct bind_field account_key_fields[] = {
    BIND_ROW(struct acme_account_key, STRING, algorithm, "algorithm",
             .enumeration = key_algorithms),
    BIND_ROW(struct acme_account_key, INT, size, "size"),
    BIND_ROW(struct acme_account_key, DURATION, rotate_after, "rotateAfter"),
};
static const struct bind_table account_key_table =
    BIND_TABLE("ACMEAccountKey", struct acme_account_key, account_key_fields);

static const struct bind_field limit_fields[] = {
    BIND_ROW(struct acme_limit, INT, count, "count", .flags = BIND_REQUIRED),
    BIND_ROW(struct acme_limit, DURATION, period, "period", .flags = BIND_REQUIRED),
};
static const struct bind_table limit_table =
    BIND_TABLE("ACMELimit", struct acme_limit, limit_fields);

#define LIMIT(type, member, name, ...) BIND_ROW(struct acme_limits, type, member, name, __VA_ARGS__)
static const struct bind_field limits_fields[] = {
    LIMIT(POINTER, orders_per_account, "ordersPerAccount", .table = &limit_table),
    LIMIT(POINTER, certificates_per_registered_domain, "certificatesPerRegisteredDomain",
          .table = &limit_table),
    LIMIT(POINTER, certificates_per_exact_set, "certificatesPerExactSet", .table = &limit_table),
    LIMIT(POINTER, failed_authorizations, "failedAuthorizations", .table = &limit_table),
    LIMIT(INT, max_issuances_per_day, "maxIssuancesPerDay"),
};
static const struct bind_table limits_table =
    BIND_TABLE("ACMELimits", struct acme_limits, limits_fields);

static const struct bind_field secret_ref_fields[] = {
    BIND_ROW(struct secret_ref, STRING, name, "name", .flags = BIND_REQUIRED),
};
static const struct bind_table secret_ref_table =
    BIND_TABLE("SecretReference", struct secret_ref, secret_ref_fields);

static const char *const prepare_methods[] = {"POST", "PUT", NULL};
static const struct bind_field prepare_http_fields[] = {
    BIND_ROW(struct acme_prepare_http, STRING, url, "url", .flags = BIND_REQUIRED),
    BIND_ROW(struct acme_prepare_http, STRING, method, "method", .enumeration = prepare_methods),
    BIND_ROW(struct acme_prepare_http, OBJECT, headers_from, "headersFrom",
             .table = &secret_ref_table),
    BIND_ROW(struct acme_prepare_http, DURATION, timeout, "timeout"),
};
const struct bind_table acme_prepare_http_table =
    BIND_TABLE("ACMEPrepareHTTP", struct acme_prepare_http, prepare_http_fields);

static const struct bind_field prepare_job_fields[] = {
    BIND_ROW(struct acme_prepare_job, JSON, template, "template", .flags = BIND_REQUIRED),
    BIND_ROW(struct acme_prepare_job, JSON, undo, "undo"),
    BIND_ROW(struct acme_prepare_job, DURATION, timeout, "timeout"),
};
static const struct bind_table prepare_job_table =
    BIND_TABLE("ACMEPrepareJob", struct acme_prepare_job, prepare_job_fields);

static const struct bind_field prepare_fields[] = {
    BIND_ROW(struct acme_prepare, POINTER, http, "http", .table = &acme_prepare_http_table),
    BIND_ROW(struct acme_prepare, POINTER, job, "job", .table = &prepare_job_table),
};
const struct bind_table acme_prepare_table =
    BIND_TABLE("ACMEPrepare", struct acme_prepare, prepare_fields);

#define ACME(type, member, name, ...) BIND_ROW(struct acme_issuer, type, member, name, __VA_ARGS__)
static const struct bind_field acme_fields[] = {
    ACME(STRING, server, "server", .flags = BIND_REQUIRED),
    ACME(STRING, email, "email"),
    ACME(STRING, ca_bundle, "caBundle"),
    ACME(BOOL, skip_tls_verify, "skipTLSVerify"),
    ACME(POINTER, external_account_binding, "externalAccountBinding",
         .table = &external_account_table),
    ACME(OBJECT, private_key_secret_ref, "privateKeySecretRef", .flags = BIND_REQUIRED,
         .table = &secret_key_selector_table),
    ACME(OBJECT, account_key, "accountKey", .table = &account_key_table),
    ACME(BOOL, disable_account_key_generation, "disableAccountKeyGeneration"),
    ACME(STRING, preferred_chain, "preferredChain"),
    ACME(STRING, profile, "profile"),
    ACME(STRING, preferred_profile, "preferredProfile"),
    ACME(STRING, polling, "polling", .enumeration = pollings),
    ACME(STRING, renewal_info, "renewalInfo", .enumeration = switches),
    ACME(LIST, failover, "failover", .table = &issuer_ref_table),
    ACME(INT, failover_attempts, "failoverAfterAttempts", .dflt = "3"),
    ACME(DURATION, failover_outage, "failoverAfterOutage", .dflt = "10m"),
    ACME(STRING, caa, "caa", .enumeration = caa_modes),
    ACME(STRING, name_ownership, "nameOwnership", .enumeration = ownerships),
    ACME(OBJECT, limits, "limits", .table = &limits_table),
    ACME(POINTER, prepare, "prepare", .table = &acme_prepare_table),
    ACME(LIST, solvers, "solvers", .table = &acme_solver_table),
};
static const struct bind_table acme_table =
    BIND_TABLE("ACMEIssuer", struct acme_issuer, acme_fields);

static const struct bind_field self_signed_fields[] = {
    BIND_ROW(struct self_signed_issuer, STRINGS, crl_distribution_points, "crlDistributionPoints"),
};
static const struct bind_table self_signed_table =
    BIND_TABLE("SelfSignedIssuer", struct self_signed_issuer, self_signed_fields);

static const struct bind_field allowed_names_fields[] = {
    BIND_ROW(struct allowed_names, OBJECT, namespace_selector, "namespaceSelector",
             .table = &label_selector_table),
    BIND_ROW(struct allowed_names, STRINGS, names, "names", .flags = BIND_REQUIRED),
};
static const struct bind_table allowed_names_table =
    BIND_TABLE("AllowedNames", struct allowed_names, allowed_names_fields);

static const struct bind_field spec_fields[] = {
    BIND_ROW(struct issuer_spec, POINTER, acme, "acme", .table = &acme_table),
    BIND_ROW(struct issuer_spec, POINTER, self_signed, "selfSigned", .table = &self_signed_table),
    BIND_ROW(struct issuer_spec, LIST, allowed_names, "allowedNames",
             .table = &allowed_names_table),
};
const struct bind_table issuer_spec_table =
    BIND_TABLE("IssuerSpec", struct issuer_spec, spec_fields);

static const struct bind_field acme_status_fields[] = {
    BIND_ROW(struct acme_issuer_status, STRING, uri, "uri"),
    BIND_ROW(struct acme_issuer_status, STRING, last_registered_email, "lastRegisteredEmail"),
    BIND_ROW(struct acme_issuer_status, STRING, last_private_key_hash, "lastPrivateKeyHash"),
    BIND_ROW(struct acme_issuer_status, STRING, thumbprint, "thumbprint"),
    BIND_ROW(struct acme_issuer_status, STRING, terms_of_service, "termsOfService"),
    BIND_ROW(struct acme_issuer_status, TIME, key_since, "keySince"),
    BIND_ROW(struct acme_issuer_status, STRING, key_rotation, "keyRotation"),
};
static const struct bind_table acme_status_table =
    BIND_TABLE("ACMEIssuerStatus", struct acme_issuer_status, acme_status_fields);

static const struct bind_field status_fields[] = {
    BIND_ROW(struct issuer_status, LIST, conditions, "conditions", .table = &condition_table),
    BIND_ROW(struct issuer_status, OBJECT, acme, "acme", .table = &acme_status_table),
};
const struct bind_table issuer_status_table =
    BIND_TABLE("IssuerStatus", struct issuer_status, status_fields);

static const struct bind_field fields[] = {
    BIND_ROW(struct issuer, OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED,
             .table = &object_meta_table),
    BIND_ROW(struct issuer, OBJECT, spec, "spec", .flags = BIND_REQUIRED,
             .table = &issuer_spec_table),
    BIND_ROW(struct issuer, OBJECT, status, "status", .table = &issuer_status_table),
};
const struct bind_table issuer_table = BIND_TABLE("Issuer", struct issuer, fields);

bool issuer_is_same_ca(const struct issuer *a, const struct issuer *b)
{
    return a->spec.acme != NULL && b->spec.acme != NULL &&
           str_eq(a->spec.acme->server, b->spec.acme->server);
}
