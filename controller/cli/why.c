/* SPDX-License-Identifier: Apache-2.0 */
/* `why`: what a Certificate waits for, since when, until when, and what to do. */
#include "cli/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/text.h"

#define PARTS                                                                                      \
    (1U << CHAIN_ISSUER | 1U << CHAIN_REQUEST | 1U << CHAIN_ORDER | 1U << CHAIN_CHALLENGES)

static void why_certificate(struct why *w);
static void why_issuer(struct why *w);
static void why_request(struct why *w);

static void (*const links[])(struct why *w) = {
    why_certificate, /* is anything waited for? */
    why_issuer,      /* it is there and ready */
    why_request,     /* it was made, approved, answered */
    why_order,       /* the CA knows it, and has not refused */
    why_challenges,  /* names are still to be proven */
    why_solver,      /* who answers for them runs and can be reached */
};

/* ---- helpers of the links ---- */

void why_say(struct why *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *line = x_vprintf(fmt, ap);
    va_end(ap);
    auto_free char *clean = text_clean(line, TEXT_VALUE_MAX);
    buf_putf(w->out, "%s\n", clean);
}

void why_since(const struct why *w, int64_t wall_ns, char out[WHY_SINCE_MAX])
{
    char when[TEXT_TIME_MAX];
    text_time(wall_ns, w->now, when);
    out[0] = '\0';
    if (wall_ns != 0)
        snprintf(out, WHY_SINCE_MAX, " since %s", when);
}

static void verdict_release(struct verdict *v)
{
    free(v->waits_for);
    free(v->until);
    free(v->to_do);
}

void why_conclude(struct why *w, struct verdict v)
{
    if (w->verdict.waits_for == NULL)
        w->verdict = v;
    else
        verdict_release(&v);
}

void why_conclude_failed(struct why *w, int64_t since, const char *to_do)
{
    const struct certificate *crt = w->chain->crt;
    why_conclude(w, (struct verdict){
                        .waits_for = x_strdup("the next attempt, as this one has failed"),
                        .since = since,
                        .until = x_strdup_or_null(crt->status.next_action),
                        .to_do = x_printf("%s; `%s renew %s` then tries at once", to_do,
                                          w->cli->name, crt->obj.meta.name),
                    });
}

static const struct condition *condition_of(const condition_list *l, const char *type)
{
    return condition_find(l->items, l->len, type);
}

static bool is(const struct condition *c, const char *status)
{
    return c != NULL && str_eq(c->status, status);
}

/* A part that could not be read: the walk goes on without it. */
static bool say_unread(struct why *w, enum chain_part part, const char *what)
{
    const struct err *e = w->chain->errs[part];
    if (e != NULL)
        why_say(w, "The %s cannot be read: %s.", what, e->message);
    return e != NULL;
}

/* ---- the Certificate ---- */

static void say_settled(struct why *w)
{
    const struct certificate_status *s = &w->chain->crt->status;
    char until[TEXT_TIME_MAX];
    char renewal[TEXT_TIME_MAX];
    text_time(s->not_after, w->now, until);
    text_time(s->renewal_time, w->now, renewal);
    why_say(w, "Its certificate is valid until %s and is renewed at %s.", until, renewal);
    long long pending = s->rollout.pending;
    long long updated = s->rollout.updated;
    if (pending > 0)
        why_say(w, "%lld of %lld workloads do not run with it yet.", pending, pending + updated);
    w->is_done = true;
}

/* Only a change of the spec helps: what else hangs on the Certificate does not matter. */
static bool is_users_turn(const char *reason)
{
    return str_eq(reason, "InvalidSpec") || str_eq(reason, "SecretNameInUse");
}

static void why_certificate(struct why *w)
{
    const struct certificate *crt = w->chain->crt;
    const struct object_meta *meta = &crt->obj.meta;
    const struct condition *ready = condition_of(&crt->status.conditions, "Ready");
    const struct condition *issuing = condition_of(&crt->status.conditions, "Issuing");
    char since[WHY_SINCE_MAX];
    why_since(w, ready != NULL ? ready->last_transition_time : 0, since);
    w->is_ready = is(ready, "True");
    if (ready == NULL) {
        why_say(w, "Certificate %s/%s has no status yet.", meta->namespace, meta->name);
    } else if (w->is_ready) {
        why_say(w, "Certificate %s/%s is Ready%s.", meta->namespace, meta->name, since);
    } else {
        why_say(w, "Certificate %s/%s is not Ready%s: %s: %s", meta->namespace, meta->name, since,
                str_or(ready->reason, "no reason"), str_or(ready->message, "no message"));
    }
    if (w->is_ready && issuing == NULL)
        say_settled(w);
    else if (w->is_ready)
        why_say(w, "A new one is to be issued: %s",
                str_or(issuing->message, str_or(issuing->reason, "no reason")));
    if (ready != NULL && !w->is_ready && is_users_turn(ready->reason))
        why_conclude(
            w, (struct verdict){
                   .waits_for = x_strdup(str_or(crt->status.next_action, "a change of the spec")),
                   .since = ready->last_transition_time,
                   .to_do = x_strdup("change the spec as the message says"),
               });
}

/* ---- the issuer ---- */

/* The latest request is the one that made what the Secret holds. */
static bool is_old(const struct chain *c)
{
    const char *text =
        bind_map_get(&c->request->obj.meta.annotations, api_names()->certificate_revision);
    auto_free char *held = x_printf("%lld", (long long)c->crt->status.revision);
    return str_eq(text, held);
}

/* The latest request may be at an issuer that took over. */
static bool failed_over(struct why *w)
{
    const struct certificate_request *r = w->chain->request;
    const struct issuer_ref *ref = &w->chain->crt->spec.issuer_ref;
    if (r == NULL || is_old(w->chain) || issuer_ref_equal(&r->spec.issuer_ref, ref))
        return false;
    why_say(w, "%s %s has failed or cannot be reached; %s %s has taken over.", issuer_ref_kind(ref),
            ref->name, issuer_ref_kind(&r->spec.issuer_ref), r->spec.issuer_ref.name);
    return true;
}

static void why_issuer(struct why *w)
{
    const struct certificate *crt = w->chain->crt;
    const struct issuer_ref *ref = &crt->spec.issuer_ref;
    const char *kind = issuer_ref_kind(ref);
    const struct condition *issuing = condition_of(&crt->status.conditions, "Issuing");
    int64_t since =
        issuing != NULL ? issuing->last_transition_time : crt->obj.meta.creation_timestamp;
    if (!issuer_ref_is_ours(ref)) {
        why_say(w, "Its issuer is %s %s of %s: not one of ours.", kind, ref->name, ref->group);
        return;
    }
    if (err_is(w->chain->errs[CHAIN_ISSUER], ERR_NOT_FOUND)) {
        why_say(w, "%s %s does not exist.", kind, ref->name);
        why_conclude(w, (struct verdict){
                            .waits_for = x_printf("%s %s to exist", kind, ref->name),
                            .since = since,
                            .to_do = x_strdup("create it, or correct spec.issuerRef"),
                        });
        return;
    }
    if (say_unread(w, CHAIN_ISSUER, "issuer") || w->chain->issuer == NULL)
        return;
    if (failed_over(w))
        return;
    const struct condition *ready = condition_of(&w->chain->issuer->status.conditions, "Ready");
    if (is(ready, "True")) {
        why_say(w, "%s %s is Ready.", kind, ref->name);
        return;
    }
    const char *message =
        ready != NULL ? str_or(ready->message, ready->reason) : "it has no status yet";
    why_say(w, "%s %s is not Ready: %s", kind, ref->name, str_or(message, "no message"));
    why_conclude(w,
                 (struct verdict){
                     .waits_for = x_printf("%s %s to be Ready", kind, ref->name),
                     .since = ready != NULL ? ready->last_transition_time : since,
                     .to_do = x_strdup("mend what its message says: it is tried again by itself"),
                 });
}

/* ---- the request ---- */

static void conclude_no_request(struct why *w)
{
    const struct certificate *crt = w->chain->crt;
    why_say(w, "There is no CertificateRequest for the next certificate.");
    why_conclude(w, (struct verdict){
                        .waits_for = x_strdup(
                            str_or(crt->status.next_action, "the controller to look at it")),
                        .since = crt->obj.meta.creation_timestamp,
                        .to_do = x_printf("if this lasts, see that the controller runs, watches "
                                          "namespace %s and was started with --api-group %s",
                                          crt->obj.meta.namespace, api_names()->group),
                    });
}

/* A verdict of an approver, of validation, or of the issuer. */
static bool has_failed(struct why *w, const struct certificate_request *r)
{
    static const struct {
        const char *type;
        const char *to_do;
    } ends[] = {
        {"Denied", "ask the approver who denied it what is allowed, and change the spec"},
        {"InvalidRequest", "change the spec as the message says"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const struct condition *c = condition_of(&r->status.conditions, ends[i].type);
        if (!is(c, "True"))
            continue;
        why_say(w, "CertificateRequest %s is %s: %s", r->obj.meta.name, ends[i].type,
                str_or(c->message, "no message"));
        why_conclude_failed(w, c->last_transition_time, ends[i].to_do);
        return true;
    }
    const struct condition *ready = condition_of(&r->status.conditions, "Ready");
    if (!is(ready, "False") || !str_eq(ready->reason, "Failed"))
        return false;
    why_say(w, "CertificateRequest %s has failed: %s", r->obj.meta.name,
            str_or(ready->message, "no message"));
    why_conclude_failed(w, ready->last_transition_time, "mend what the message says");
    return true;
}

static void say_pending(struct why *w, const struct certificate_request *r)
{
    const struct condition *ready = condition_of(&r->status.conditions, "Ready");
    why_say(w, "CertificateRequest %s is pending: %s", r->obj.meta.name,
            ready != NULL ? str_or(ready->message, ready->reason) : "nobody has answered it yet");
    if (!is(condition_of(&r->status.conditions, "Approved"), "True"))
        why_conclude(w, (struct verdict){
                            .waits_for = x_strdup("an approval of the CertificateRequest"),
                            .since = r->obj.meta.creation_timestamp,
                            .to_do = x_strdup("see that an approver runs for this issuer"),
                        });
    else if (!issuer_ref_is_ours(&r->spec.issuer_ref))
        why_conclude(w, (struct verdict){
                            .waits_for = x_strdup("the issuer's own controller to answer"),
                            .since = r->obj.meta.creation_timestamp,
                            .to_do = x_strdup("look at the logs of that controller"),
                        });
}

static void say_preflight(struct why *w, const struct certificate_request *r)
{
    const struct issuer_ref *ref = &r->spec.issuer_ref;
    why_say(w, "It is in its preflight: %s %s has to issue first, then the real issuer is asked.",
            issuer_ref_kind(ref), ref->name);
}

static void why_request(struct why *w)
{
    const struct certificate_request *r = w->chain->request;
    if (say_unread(w, CHAIN_REQUEST, "CertificateRequest"))
        return;
    if (r == NULL || is_old(w->chain)) {
        conclude_no_request(w);
        return;
    }
    bool is_preflight = certificate_request_is_preflight(r);
    if (is_preflight)
        say_preflight(w, r);
    if (has_failed(w, r))
        return;
    const struct condition *ready = condition_of(&r->status.conditions, "Ready");
    if (!is(ready, "True")) {
        say_pending(w, r);
        return;
    }
    why_say(w, "CertificateRequest %s was answered with a certificate.", r->obj.meta.name);
    why_conclude(
        w, (struct verdict){
               .waits_for = x_printf("the controller to %s",
                                     is_preflight ? "ask the real issuer" : "write the Secret"),
               .since = ready->last_transition_time,
               .to_do = x_strdup("if this lasts, look at the Certificate's Events"),
           });
}

/* ---- the verb ---- */

static void put_verdict(struct why *w)
{
    struct verdict *v = &w->verdict;
    const struct certificate_status *s = &w->chain->crt->status;
    char since[TEXT_TIME_MAX];
    char expiry[TEXT_TIME_MAX];
    text_time(v->since, w->now, since);
    text_time(s->not_after, w->now, expiry);
    buf_puts(w->out, "\n");
    why_say(w, "Waits for: %s", v->waits_for);
    why_say(w, "Since:     %s", since);
    why_say(w, "Until:     %s", str_or(v->until, "no time is set, it is tried again and again"));
    why_say(w, "To do:     %s", v->to_do);
    if (s->not_after > w->now)
        why_say(w, "Meanwhile: the present certificate is valid until %s", expiry);
}

static struct err *check(const struct cli *cli, const char *const *args)
{
    (void)cli;
    if (args[0] == NULL || args[1] != NULL)
        return err_new(ERR_INVALID, "InvalidUsage", "write the name of one Certificate");
    return NULL;
}

static struct err *run(struct cli *cli, const char *const *args)
{
    AUTO(chain_release) struct chain chain = {0};
    TRY(lookup_certificate(cli, args[0], PARTS, &chain));
    struct why w = {.cli = cli, .chain = &chain, .now = clock_wall(cli->clock), .out = &cli->out};
    for (size_t i = 0; i < ARRAY_LEN(links) && !w.is_done && w.verdict.waits_for == NULL; i++)
        links[i](&w);
    if (w.verdict.waits_for != NULL)
        put_verdict(&w);
    verdict_release(&w.verdict);
    if (!w.is_ready)
        cli->code = EXIT_FAILURE;
    return NULL;
}

const struct verb verb_why = {
    .name = "why",
    .arguments = "NAME",
    .help = "say what a Certificate waits for, and what to do; exit code 1 when it is not Ready",
    .flags = 0,
    .check = check,
    .run = run,
};
