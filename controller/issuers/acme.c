/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acme issuer: a request becomes an Order object; the order reconciler walks it to a certificate,
 * which is checked here and handed back.
 */
#include <string.h>

#include "acme/renewal_info.h"
#include "api/group.h"
#include "api/kinds.h"
#include "api/order.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_account.h"
#include "issuers/issuer.h"
#include "pki/cert.h"

static bool configured(const struct issuer_spec *spec)
{
    return spec->acme != NULL;
}

/* ---- request -> Order ---- */

static struct err *check_names(const struct pki_csr *csr)
{
    if (csr->names.uris.len > 0 || csr->names.emails.len > 0)
        return err_new(ERR_INVALID, "InvalidOrder",
                       "an ACME CA issues for DNS names and IP addresses only: remove uris and "
                       "emailAddresses");
    auto_free char *ip = NULL;
    if (!str_empty(csr->names.common_name))
        err_drop(pki_ip_canonical(csr->names.common_name, &ip)); /* a name, as it should be */
    if (ip != NULL)
        return err_new(ERR_INVALID, "InvalidOrder",
                       "commonName: ACME CAs take no IP address there: remove it, ipAddresses is "
                       "enough");
    if (csr->is_ca)
        return err_new(ERR_INVALID, "InvalidOrder", "an ACME CA issues no CA certificates");
    if (csr->names.dns.len + csr->names.ips.len == 0 && str_empty(csr->names.common_name))
        return err_new(ERR_INVALID, "InvalidOrder", "the request names nothing: set dnsNames");
    return NULL;
}

static json_t *order_spec_json(const struct issuance *i)
{
    const struct pki_names *n = &i->csr->names;
    const char *profile = bind_map_get(&i->request->obj.meta.annotations, API_PROFILE);
    const char *replaces = bind_map_get(&i->request->obj.meta.annotations, API_REPLACES);
    const struct order_spec spec = {
        .request = i->request->spec.request,
        .issuer_ref = i->request->spec.issuer_ref,
        .common_name = n->common_name,
        .dns_names = {(const char *const *)n->dns.items, n->dns.len},
        .ip_addresses = {(const char *const *)n->ips.items, n->ips.len},
        .profile = str_or(profile, i->issuer->spec.acme->profile),
        .replaces = acme_certificate_id_is_valid(replaces) ? replaces : NULL,
    };
    return bind_encode(&order_spec_table, &spec);
}

/* Those that choose between the issuer's solvers. Copied, as the request's can be changed while the order is under way. */
static json_t *labels_json(const struct issuance *i)
{
    const struct acme_issuer *acme = i->issuer->spec.acme;
    json_t *labels = json_new_object();
    for (size_t s = 0; s < acme->solvers.len; s++) {
        const struct bind_map *wanted = &acme->solvers.items[s].selector.match_labels;
        for (size_t l = 0; l < wanted->len; l++)
            json_put_str(labels, wanted->items[l].key,
                         bind_map_get(&i->request->obj.meta.labels, wanted->items[l].key));
    }
    return labels;
}

static struct err *create_order(const struct issuer_env *env, const struct issuance *i,
                                const char *name)
{
    const struct object_meta *owner = &i->request->obj.meta;
    json_auto_t *order = json_build("{s:{s:s,s:s,s:[o]},s:o}", "metadata", "name", name,
                                    "namespace", owner->namespace, "ownerReferences",
                                    owner_reference_json(&kind_certificate_request.res, owner),
                                    "spec", order_spec_json(i));
    json_t *labels = labels_json(i);
    if (json_count(labels) > 0)
        json_put(JGET(order, "metadata"), "labels", labels);
    else
        json_decref(labels);
    const char *crt = bind_map_get(&owner->annotations, api_names()->certificate_name);
    if (crt != NULL) {
        json_t *annotations = json_new_object();
        json_put_str(annotations, api_names()->certificate_name, crt);
        json_put(JGET(order, "metadata"), "annotations", annotations);
    }
    return store_create(&env->orders, owner->namespace, name, order);
}

/* ---- Order -> answer ---- */

static bool belongs_to(const struct order *order, const struct certificate_request *request)
{
    const struct owner_reference *owner = object_controller(order);
    return owner != NULL && str_eq(owner->uid, request->obj.meta.uid);
}

static struct err *take_certificate(const struct order *order, struct issuance_result *ret_result)
{
    auto_free char *pem = NULL;
    size_t len = strlen(order->status.certificate);
    TRY(base64_decode(order->status.certificate, len, &pem, &len), "Order %s, status.certificate",
        order->obj.meta.name);
    struct err *e = pki_chain_arrange(pem, len, &ret_result->chain_pem, &ret_result->ca_pem);
    if (e != NULL) {
        ret_result->state = ISSUANCE_FAILED;
        ret_result->message = x_printf("the CA's certificate is unusable: %s", e->message);
        err_free(e);
        return NULL;
    }
    ret_result->state = ISSUANCE_ISSUED;
    ret_result->message = x_strdup("Certificate fetched from the ACME server");
    return NULL;
}

/* What an Order waits for before it is one at the CA is a reason of its own. */
static const char *waiting_reason(const struct order *order)
{
    static const char *const known[] = {"BudgetExhausted", "DailyCapReached", "RateLimited",
                                        "Paused",          "NameNotAllowed",  "NameHeldElsewhere",
                                        "SolverNotChosen"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(order->status.waiting.reason, known[i]))
            return known[i];
    return NULL;
}

static struct err *read_order(const struct order *order, struct issuance_result *ret_result)
{
    const char *state = str_or(order->status.state, "pending");
    if (str_eq(state, "valid") && order->status.certificate != NULL)
        return take_certificate(order, ret_result);
    const char *reason = order->status.reason;
    if (order_state_is_final(state)) {
        ret_result->state = ISSUANCE_FAILED;
        ret_result->message = x_printf("Order %s is %s: %s", order->obj.meta.name, state,
                                       str_or(reason, "no reason given"));
        return NULL;
    }
    const char *next = order->status.next_action;
    ret_result->state = ISSUANCE_PENDING;
    ret_result->reason = waiting_reason(order);
    ret_result->message =
        x_printf("Waiting for Order %s%s%s%s%s", order->obj.meta.name, reason == NULL ? "" : ": ",
                 str_or(reason, ""), next == NULL ? "" : "; next: ", str_or(next, ""));
    return NULL;
}

static struct err *issue(const struct issuer_env *env, const struct issuance *issuance,
                         struct issuance_result *ret_result)
{
    struct err *bad = check_names(issuance->csr);
    if (bad != NULL) {
        ret_result->state = ISSUANCE_FAILED;
        ret_result->message = TAKE(bad->message);
        err_free(bad);
        return NULL;
    }
    char name[KUBE_NAME_MAX + 1];
    order_name(&issuance->request->obj.meta, name);
    AUTO_OBJECT(struct order) order = NULL;
    TRY(store_get(&env->orders, issuance->request->obj.meta.namespace, name,
                  (const void **)&order));
    if (order != NULL && !belongs_to(order, issuance->request))
        return err_new(ERR_TRANSIENT, "NameTaken",
                       "Order %s/%s exists and belongs to another request: delete it",
                       issuance->request->obj.meta.namespace, name);
    if (order != NULL)
        return read_order(order, ret_result);
    ret_result->state = ISSUANCE_PENDING;
    ret_result->message = x_printf("Waiting for Order %s", name);
    return issuance->may_begin ? create_order(env, issuance, name) : NULL;
}

const struct issuer_driver issuer_driver_acme = {
    .name = "acme",
    .in_process = false,
    .configured = configured,
    .ensure_ready = acme_account_ensure,
    .issue = issue,
};
