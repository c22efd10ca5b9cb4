/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/kinds.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/preflight.h"
#include "cli/text.h"
#include "pki/check.h"

#define LINES_MAX 1000 /* of one trial */
#define NAME_DIGITS 8  /* of the request's name: drawn with the key */

void trial_release(struct trial *t)
{
    free(t->reason);
    free(t->waits);
    free(t->uid);
    wanted_release(&t->wanted);
    pki_key_free(t->key);
    strlist_release(&t->said);
}

/* One line of the report, unless it was there before; what it quotes is made harmless. */
static void say(struct cli *cli, struct trial *t, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(struct cli *cli, struct trial *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *line = x_vprintf(fmt, ap);
    va_end(ap);
    if (strlist_has(&t->said, line) || t->said.len >= LINES_MAX)
        return;
    strlist_add(&t->said, line);
    auto_free char *clean = text_clean(line, TEXT_VALUE_MAX);
    buf_putf(&cli->out, "%s/%s: %s\n", t->crt->obj.meta.namespace, t->crt->obj.meta.name, clean);
}

static void wait_for(struct trial *t, char *what)
{
    free(t->waits);
    t->waits = what;
}

/* Nobody knows what became of the call; trying again may help. */
static bool may_pass(const struct err *e)
{
    return e->kind == ERR_TRANSIENT || e->kind == ERR_RATE_LIMITED;
}

static struct kube_ref request_ref(const struct trial *t)
{
    return (struct kube_ref){
        .res = &kind_certificate_request.res, .ns = t->crt->obj.meta.namespace, .name = t->name};
}

/* ---- the beginning ---- */

/* NULL, too, when it is not there, which the request will tell, or not to be read: the edit role has no ClusterIssuers. */
static struct err *read_issuer(const struct cli *cli, const struct trial *t,
                               const struct issuer_ref *ref, const struct issuer **ret_issuer)
{
    struct err *e = lookup_issuer(cli, ref, t->crt->obj.meta.namespace, ret_issuer);
    if (!err_is(e, ERR_NOT_FOUND) && !err_is(e, ERR_DENIED))
        return e;
    err_free(e);
    return NULL;
}

static struct err *check_server(const struct cli *cli, const struct trial *t)
{
    AUTO_OBJECT(struct issuer) asked = NULL;
    AUTO_OBJECT(struct issuer) real = NULL;
    TRY(read_issuer(cli, t, t->issuer, &asked));
    TRY(read_issuer(cli, t, &t->crt->spec.issuer_ref, &real));
    if (asked == NULL || real == NULL || !issuer_is_same_ca(asked, real))
        return NULL;
    return err_new(ERR_INVALID, "RealIssuer",
                   "spec.preflight.issuerRef: %s %s has the server of the real issuer, %s, whose "
                   "order it would spend: name one of a staging CA",
                   issuer_ref_kind(t->issuer), t->issuer->name, asked->spec.acme->server);
}

/* The issuer is refused that would sign in earnest: only the user may mean that. */
static struct err *check_issuer(const struct cli *cli, const struct trial *t)
{
    if (t->issuer == NULL)
        return err_new(ERR_INVALID, "NoIssuer",
                       "it names no spec.preflight.issuerRef: write --issuer [KIND/]NAME");
    if (cli->flags.issuer != NULL)
        return NULL;
    if (issuer_ref_equal(t->issuer, &t->crt->spec.issuer_ref))
        return err_new(ERR_INVALID, "RealIssuer",
                       "spec.preflight.issuerRef is the real issuer, whose order it would spend: "
                       "name one of a staging CA");
    return check_server(cli, t);
}

/* The owner's deletion must not wait for it: that would take a right that the edit role has not. */
static struct err *build_request(struct trial *t, json_t **ret_body)
{
    TRY(wanted_from_spec(&t->crt->spec, &t->wanted));
    TRY(pki_key_generate(&t->wanted.key, &t->key));
    char digits[PKI_SHA256_HEX];
    pki_key_spki_sha256(t->key, digits);
    digits[NAME_DIGITS] = '\0';
    auto_free char *suffix = x_printf("preflight-%s", digits);
    name_join(t->crt->obj.meta.name, suffix, KUBE_NAME_MAX, t->name);
    json_t *body = NULL;
    TRY(wanted_request(t->crt, &t->wanted, t->key, t->name, t->issuer, &body));
    json_put_str(JGET(body, "metadata", "annotations"), API_PREFLIGHT, API_PREFLIGHT_COMMAND);
    json_drop(JGET(body, "metadata", "ownerReferences", "0"), "blockOwnerDeletion");
    char version[KUBE_NAME_MAX];
    resource_api_version(&kind_certificate_request.res, version);
    json_put_str(body, "apiVersion", version);
    json_put_str(body, "kind", kind_certificate_request.res.kind);
    *ret_body = body;
    return NULL;
}

static struct err *create(struct cli *cli, struct trial *t)
{
    json_auto_t *body = NULL;
    json_auto_t *made = NULL;
    TRY(check_issuer(cli, t));
    TRY(build_request(t, &body));
    const struct kube_ref ref = request_ref(t);
    say(cli, t, "asks %s %s by CertificateRequest %s", issuer_ref_kind(t->issuer), t->issuer->name,
        t->name);
    struct err *e = kube_create(cli->kube, &ref, 0, body, &made);
    if (e != NULL && !may_pass(e))
        t->name[0] = '\0'; /* there is nothing to be deleted */
    TRY(e);
    t->uid = x_strdup(str_or(JSTR(made, "metadata", "uid"), ""));
    return NULL;
}

void trial_begin(struct cli *cli, struct trial *t)
{
    t->state = TRIAL_RUNS;
    t->begun = clock_mono(cli->clock);
    AUTO_ERR e = create(cli, t);
    if (e != NULL)
        trial_end(cli, t, x_strdup(e->message));
}

/* ---- the end ---- */

/* A request whose creation was not answered may be there all the same: its name is nobody else's. */
static void delete_request(struct cli *cli, const struct trial *t)
{
    const struct kube_ref ref = request_ref(t);
    if (t->name[0] == '\0')
        return;
    struct err *e = kube_delete(cli->kube, &ref, str_empty(t->uid) ? NULL : t->uid);
    if (e != NULL && e->kind != ERR_DENIED) {
        err_free(e);
        e = kube_delete(cli->kube, &ref, str_empty(t->uid) ? NULL : t->uid);
    }
    cli_complain(cli,
                 err_wrap(e, "CertificateRequest %s/%s is left over: delete it", ref.ns, ref.name));
}

void trial_end(struct cli *cli, struct trial *t, char *reason)
{
    if (t->state == TRIAL_RUNS)
        delete_request(cli, t);
    t->ended = clock_mono(cli->clock);
    t->state = reason == NULL ? TRIAL_PASSED : TRIAL_FAILED;
    t->reason = reason;
    if (reason == NULL)
        say(cli, t, "passed");
    else
        say(cli, t, "failed: %s", reason);
}

/* ---- the certificate ---- */

static struct err *check_pair(const struct cli *cli, const struct trial *t, const char *chain)
{
    AUTO(secret_release) struct secret key = {0};
    TRY(pki_key_pem(t->key, t->wanted.encoding, &key));
    const struct pki_check check = {
        .chain_pem = chain,
        .key_pem = key.data,
        .key_len = key.len,
        .names = &t->wanted.names,
        .now = clock_wall(cli->clock),
        .handshake = !t->crt->spec.is_ca,
        .signs = pki_usages_sign(&t->wanted.usages),
    };
    return pki_check_pair(&check);
}

/* What the certificate has to stand. Whatever else is made of it for a Secret, or shown to workloads, is checked by a
 * row of its own. */
static const struct {
    const char *what;
    struct err *(*check)(const struct cli *cli, const struct trial *t, const char *chain);
} checks[] = {
    {"names, dates, key, chain and a TLS handshake", check_pair},
};

/* Who signed, and who signed for that: "CN=intermediate, by CN=root". */
static struct err *describe_chain(const char *chain, char **ret_text)
{
    AUTO(buf_release) struct buf text = BUF_INIT(PKI_CHAIN_PEM_MAX);
    for (const char *at = chain; at != NULL; at = strstr(at + 1, "-----BEGIN ")) {
        AUTO(pki_cert_release) struct pki_cert cert = {0};
        TRY(pki_cert_parse(at, strlen(at), &cert));
        if (text.len == 0 || !cert.self_issued)
            buf_putf(&text, "%s%s", text.len > 0 ? ", by " : "", cert.issuer);
    }
    *ret_text = buf_take(&text);
    return NULL;
}

static struct err *say_certificate(struct cli *cli, struct trial *t, const char *chain)
{
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    auto_free char *issuers = NULL;
    TRY(pki_cert_parse(chain, strlen(chain), &leaf));
    TRY(describe_chain(chain, &issuers));
    char until[TEXT_TIME_MAX];
    text_time(leaf.not_after, clock_wall(cli->clock), until);
    say(cli, t, "issued by %s; valid until %s", issuers, until);
    return NULL;
}

static struct err *judge(struct cli *cli, struct trial *t, const struct certificate_request *r)
{
    auto_free char *chain = NULL;
    size_t len = strlen(r->status.certificate);
    TRY(base64_decode(r->status.certificate, len, &chain, &len), "status.certificate");
    TRY(say_certificate(cli, t, chain));
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        TRY(checks[i].check(cli, t, chain));
        say(cli, t, "checked: %s", checks[i].what);
    }
    return NULL;
}

/* ---- on the way ---- */

static void say_challenges(struct cli *cli, struct trial *t, const struct order *order,
                           const struct object_list *challenges)
{
    for (size_t i = 0; i < challenges->len; i++) {
        const struct challenge *c = challenges->items[i];
        const struct owner_reference *owner = object_controller(c);
        if (owner == NULL || !str_eq(owner->uid, order->obj.meta.uid))
            continue;
        auto_free char *line = x_printf(
            "%s: %s is %s%s%s", c->spec.dns_name, c->spec.type, str_or(c->status.state, "pending"),
            str_empty(c->status.reason) ? "" : ": ", str_or(c->status.reason, ""));
        say(cli, t, "%s", line);
        if (!order_state_is_final(c->status.state))
            wait_for(t, TAKE(line));
    }
}

/* A part that cannot be read does not end a trial: the request tells the verdict. */
static void follow_order(struct cli *cli, struct trial *t, const struct certificate_request *r,
                         const struct object_list *challenges)
{
    char name[KUBE_NAME_MAX + 1];
    AUTO_OBJECT(struct order) order = NULL;
    order_name(&r->obj.meta, name);
    AUTO_ERR e =
        lookup_object(cli, &kind_order, t->crt->obj.meta.namespace, name, (const void **)&order);
    if (e != NULL && e->kind != ERR_NOT_FOUND)
        wait_for(t, x_strdup(e->message));
    if (order == NULL)
        return;
    if (!str_empty(order->status.url))
        say(cli, t, "order %s is placed", order->status.url);
    say_challenges(cli, t, order, challenges);
    if (order_state_is_final(order->status.state))
        say(cli, t, "the order is %s%s%s", order->status.state,
            str_empty(order->status.reason) ? "" : ": ", str_or(order->status.reason, ""));
}

static struct err *read_request(const struct cli *cli, const struct trial *t,
                                const struct certificate_request **ret_request)
{
    AUTO_OBJECT(struct certificate_request) r = NULL;
    TRY(lookup_object(cli, &kind_certificate_request, t->crt->obj.meta.namespace, t->name,
                      (const void **)&r));
    if (!str_eq(r->obj.meta.uid, t->uid))
        return err_new(ERR_NOT_FOUND, "NotFound", "the CertificateRequest is another now");
    *ret_request = TAKE(r);
    return NULL;
}

/* The request's word, when it has one. */
static void look(struct cli *cli, struct trial *t, const struct certificate_request *r,
                 const struct object_list *challenges)
{
    const condition_list *c = &r->status.conditions;
    const struct condition *ready = condition_find(c->items, c->len, "Ready");
    const char *why = NULL;
    if (condition_is_true(c->items, c->len, "Approved"))
        say(cli, t, "the request is approved");
    wait_for(t, x_strdup(ready != NULL ? str_or(ready->message, "an answer of the issuer")
                                       : "the controller to look at the request"));
    if (issuer_ref_is_ours(t->issuer))
        follow_order(cli, t, r, challenges);
    if (request_is_issued(r)) {
        AUTO_ERR e = judge(cli, t, r);
        trial_end(cli, t, e != NULL ? x_strdup(e->message) : NULL);
    } else if (request_has_failed(r, &why)) {
        trial_end(cli, t, x_strdup(why));
    }
}

void trial_step(struct cli *cli, struct trial *t, const struct object_list *challenges)
{
    AUTO_OBJECT(struct certificate_request) r = NULL;
    AUTO_ERR e = read_request(cli, t, &r);
    if (e == NULL)
        look(cli, t, r, challenges);
    else if (may_pass(e))
        wait_for(t, x_strdup(e->message));
    else
        trial_end(cli, t, x_strdup(e->message));
    if (t->state != TRIAL_RUNS || clock_mono(cli->clock) - t->begun < cli->flags.timeout)
        return;
    char time[DURATION_MAX];
    duration_human(cli->flags.timeout, time);
    trial_end(cli, t, x_printf("no answer after %s, it waits for: %s", time, t->waits));
}
