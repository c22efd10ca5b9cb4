/* SPDX-License-Identifier: Apache-2.0 */
/* When is the certificate in the Secret to be renewed: by its own rule, and as its CA would have it (RFC 9773)? */
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "reconcilers/certificate.h"
#include "reconcilers/renewal_info.h"

/* After a start nobody knows who was asked when: so many ns for each Certificate there is. */
#define FIRST_CHECKS (100 * NS_PER_MS)
/* The first question about a new certificate comes within this, or a hundredth of its life, and not before half of that:
 * where many are made at once the CA has orders to answer, and the answer costs a write. */
#define FIRST_CHECK_MAX (10 * NS_PER_MIN)
#define EARLY_MIN NS_PER_HOUR
#define EARLY_MAX (32 * NS_PER_HOUR)

/* FNV-1a: the same on every machine and after every start, so that a time once told stands. */
static uint64_t hash_of(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}

struct renewal_spread renewal_spread_of(const struct certificate_pass *p)
{
    return (struct renewal_spread){p->env->config.renewal_jitter, p->crt->obj.meta.uid};
}

int64_t renewal_jitter(struct renewal_spread spread, int64_t life)
{
    int64_t width = life / 60 < spread.width ? life / 60 : spread.width;
    if (str_empty(spread.uid) || width < NS_PER_SEC)
        return 0;
    return (int64_t)(hash_of(spread.uid) % (uint64_t)(width / NS_PER_SEC)) * NS_PER_SEC;
}

int64_t renewal_time(const struct certificate_spec *spec, struct renewal_spread spread,
                     int64_t not_before, int64_t not_after)
{
    int64_t life = not_after - not_before;
    int64_t before = life / 3;
    if (life < 10 * NS_PER_DAY)
        before = life / 2;
    before += renewal_jitter(spread, life);
    if (spec->renew_before_percentage > 0 && spec->renew_before_percentage < 100)
        before = life / 100 * spec->renew_before_percentage;
    /* A CA may issue for less than was asked: never renew in a loop because of that. */
    if (spec->renew_before > 0 && spec->renew_before < life)
        before = spec->renew_before;
    int64_t at = not_after - before;
    return at - at % NS_PER_SEC;
}

int64_t renewal_due(const struct certificate_spec *spec, struct renewal_spread spread,
                    const struct certificate_status *status, int64_t issued_at)
{
    const struct certificate_renewal_info *info = &status->renewal_info;
    int64_t own = renewal_time(spec, spread, status->not_before, status->not_after);
    int64_t at = info->selected_time;
    if (at == 0)
        return own;
    if (info->early_renewals > 0) {
        const struct backoff b = {EARLY_MIN, EARLY_MAX, 0};
        int64_t n = info->early_renewals < 32 ? info->early_renewals : 32;
        int64_t earliest = issued_at + backoff_delay(&b, (unsigned)n - 1, NULL);
        at = at > earliest ? at : earliest;
    }
    bool ruled = spec->renew_before > 0 || spec->renew_before_percentage > 0;
    int64_t latest = ruled ? own : own + (status->not_after - own) / 2;
    at = at < latest ? at : latest;
    return at - at % NS_PER_SEC;
}

/* ---- the CA's word ---- */

static int64_t seconds(int64_t wall_ns)
{
    return wall_ns - wall_ns % NS_PER_SEC;
}

const char *held_certificate_id(const struct certificate_pass *p)
{
    const char *fingerprint = tls_secret_annotation(p->secret, API_FINGERPRINT);
    if (!p->held.certificate || !str_eq(fingerprint, p->held.fingerprint))
        return "";
    return str_or(tls_secret_annotation(p->secret, API_CERTIFICATE_ID), "");
}

/* A uniform draw from the window (section 4.2), once for each window: drawn anew at each look, the earliest
 * draw would win. */
static void take_window(struct certificate_pass *p, const struct renewal_answer *a)
{
    struct certificate_renewal_info *info = &p->status.renewal_info;
    int64_t start = seconds(a->start), end = seconds(a->end);
    bool known = info->selected_time != 0 && info->window_start == start && info->window_end == end;
    if (known) {
        renewal_board_settle(p->env->renewal_board, p->crt->obj.meta.uid);
        return;
    }
    info->window_start = start;
    info->window_end = end;
    info->selected_time = seconds(rng_between(p->env->rng, a->start, a->end));
    free(p->explanation);
    p->explanation = x_strdup_or_null(a->explanation_url);
    info->explanation_url = p->explanation;
    if (p->explanation == NULL)
        return;
    char from[RFC3339_MAX];
    char to[RFC3339_MAX];
    rfc3339_format(start, from);
    rfc3339_format(end, to);
    auto_free char *note =
        x_printf("The CA asks to renew between %s and %s: %s", from, to, p->explanation);
    env_event(p->env, &kind_certificate, p->crt, false, "RenewalInfo", note);
}

/* After a start the persisted time counts, or a share of the time in which all are asked once. */
static int64_t next_check(const struct certificate_pass *p)
{
    struct renewal_board *board = p->env->renewal_board;
    const char *uid = p->crt->obj.meta.uid;
    int64_t next = renewal_board_next(board, uid);
    if (next != 0)
        return next;
    next = p->crt->status.renewal_info.next_check;
    if (next <= p->now) {
        int64_t all = (int64_t)cache_len(p->env->certificates.cache) * FIRST_CHECKS;
        next = p->now + rng_between(p->env->rng, 0, all);
    }
    renewal_board_plan(board, uid, next);
    return next;
}

struct err *follow_renewal_info(struct certificate_pass *p)
{
    const struct object_meta *meta = &p->crt->obj.meta;
    const char *id = held_certificate_id(p);
    AUTO_OBJECT(struct issuer) issuer = NULL;
    if (*id != '\0' && p->held.not_after > p->now)
        TRY(renewal_info_issuer(p->env, p->secret, meta->namespace, &issuer));
    if (!str_eq(p->crt->status.fingerprint, p->held.fingerprint) || issuer == NULL) {
        int64_t early = p->crt->status.renewal_info.early_renewals;
        p->status.renewal_info = (struct certificate_renewal_info){.early_renewals = early};
    }
    if (issuer == NULL)
        return NULL;
    AUTO(renewal_answer_release) struct renewal_answer answer = {0};
    renewal_board_read(p->env->renewal_board, meta->uid, id, &answer);
    if (answer.start != 0)
        take_window(p, &answer);
    p->next_check = next_check(p);
    if (p->status.renewal_info.selected_time != 0)
        p->status.renewal_info.next_check = seconds(p->next_check);
    if (p->next_check <= p->now)
        controller_enqueue(p->env->controllers.renewal_info, meta->namespace, meta->name);
    return NULL;
}

void begin_renewal_info(struct certificate_pass *p)
{
    const struct certificate_status *was = &p->crt->status;
    bool early =
        str_eq(p->violation.reason, "Renewing") && was->renewal_info.selected_time != 0 &&
        renewal_time(&p->crt->spec, renewal_spread_of(p), was->not_before, was->not_after) > p->now;
    p->status.renewal_info = (struct certificate_renewal_info){
        .early_renewals = early ? was->renewal_info.early_renewals + 1 : 0};
    int64_t within = (p->held.not_after - p->held.not_before) / 100;
    within = within < FIRST_CHECK_MAX ? within : FIRST_CHECK_MAX;
    renewal_board_plan(p->env->renewal_board, p->crt->obj.meta.uid,
                       p->now + rng_between(p->env->rng, within / 2, within));
}

/* One of the names in a list that we wrote: DNS names and addresses need no quotes there. */
static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = str_or(list, ""); *at != '\0'; at += *at == ',') {
        size_t item = strcspn(at, ",");
        if (item == len && strncmp(at, name, len) == 0)
            return true;
        at += item;
    }
    return false;
}

/* RFC 9773 section 5: an order that replaces a certificate has an identifier of it; CAs refuse others, not always in
 * words that say so. */
static bool shares_name(const struct certificate_pass *p)
{
    const struct pki_names *want = &p->wanted.names;
    const char *dns = tls_secret_annotation(p->secret, api_names()->alt_names);
    const char *ips = tls_secret_annotation(p->secret, api_names()->ip_sans);
    for (size_t i = 0; i < want->dns.len; i++)
        if (is_listed(dns, want->dns.items[i]))
            return true;
    for (size_t i = 0; i < want->ips.len; i++)
        if (is_listed(ips, want->ips.items[i]))
            return true;
    return want->common_name != NULL && is_listed(dns, want->common_name);
}

const char *replaced_certificate(const struct certificate_pass *p)
{
    const char *id = held_certificate_id(p);
    if (*id == '\0' || p->issuer == NULL || p->issuer->spec.acme == NULL ||
        str_eq(p->issuer->spec.acme->renewal_info, "disabled"))
        return NULL;
    const struct api_names *n = api_names();
    const struct issuer_ref from = {
        .name = tls_secret_annotation(p->secret, n->issuer_name),
        .kind = tls_secret_annotation(p->secret, n->issuer_kind),
        .group = tls_secret_annotation(p->secret, n->issuer_group),
    };
    const char *account = tls_secret_annotation(p->secret, API_ACME_ACCOUNT);
    bool same = issuer_ref_equal(&from, p->ref) && str_eq(account, p->issuer->status.acme.uri);
    return same && shares_name(p) ? id : NULL;
}
