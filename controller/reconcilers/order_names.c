/* SPDX-License-Identifier: Apache-2.0 */
/* Before an order is spent: may this namespace have these names? */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "pki/csr.h"
#include "reconcilers/names.h"
#include "reconcilers/order.h"
#include "reconcilers/request.h"

#define LOOK_FIRST (5 * NS_PER_SEC)
#define LOOK_LAST (5 * NS_PER_MIN)

struct err *order_names(const char *request, struct strlist *ret_names)
{
    const struct certificate_request holder = {.spec.request = request};
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(&holder, &csr));
    size_t most = csr.names.dns.len + csr.names.ips.len + 1;
    auto_free struct acme_identifier *ids = x_calloc(most, sizeof(*ids));
    size_t count = order_identifiers(&csr.names, ids);
    for (size_t i = 0; i < count; i++)
        strlist_add(ret_names, ids[i].value);
    return NULL;
}

/* Nobody tells of a new route: it is looked for after 5 s, 10 s, 20 s and so on. */
static int64_t look_again(const struct order_pass *p)
{
    auto_free char *key = x_printf("%s/names", p->order->obj.meta.uid);
    unsigned looks = memo_count(p->env->polls, key, p->now).count;
    int64_t delay = LOOK_FIRST;
    for (unsigned i = 0; i < looks && delay < LOOK_LAST; i++)
        delay *= 2;
    return p->now + (delay < LOOK_LAST ? delay : LOOK_LAST);
}

static struct err *judge(const struct order_pass *p, bool placed, char **ret_why)
{
    AUTO(strlist_release) struct strlist names = {0};
    TRY(order_names(p->chain.request->spec.request, &names));
    return placed ? names_judge_grants(p->env, &p->chain, &names, ret_why)
                  : names_judge(p->env, &p->chain, &names, ret_why);
}

void order_note_judged(struct order_pass *p)
{
    const struct object_meta *issuer = &p->chain.issuer->obj.meta;
    p->status.judged_by =
        (struct order_judged){.uid = issuer->uid, .generation = issuer->generation};
}

/* The solvers are not those that the names were judged by: what is not granted now is not routed, and the next attempt
 * waits before it spends an order. */
static struct err *judge_again(struct order_pass *p)
{
    if (!str_empty(p->order->status.url) &&
        order_is_judged_by(p->order, &p->chain.issuer->obj.meta))
        return NULL;
    auto_free char *why = NULL;
    TRY(judge(p, true, &why));
    if (why != NULL) {
        auto_free char *reason = x_printf("the issuer was changed: %s", why);
        order_fail(p, "invalid", reason);
    } else if (!str_empty(p->order->status.url)) { /* else it is written with the URL */
        order_note_judged(p);
        order_wait(p, p->now);
    }
    return NULL;
}

struct err *ensure_allowed(struct order_pass *p)
{
    if (order_is_placed(p->env, p->order))
        return judge_again(p);
    auto_free char *why = NULL;
    TRY(judge(p, false, &why));
    if (why == NULL) {
        if (str_starts(p->status.reason, NAME_NOT_ALLOWED) ||
            str_starts(p->status.reason, NAME_HELD_ELSEWHERE))
            p->status.reason = NULL;
        if (str_eq(p->status.waiting.reason, NAME_NOT_ALLOWED) ||
            str_eq(p->status.waiting.reason, NAME_HELD_ELSEWHERE))
            p->status.waiting.reason = NULL;
        return NULL;
    }
    free(p->owned[0]);
    p->owned[0] = TAKE(why);
    p->status.state = "pending";
    p->status.reason = p->owned[0];
    p->status.waiting.until = 0;
    p->status.waiting.reason =
        str_starts(p->owned[0], NAME_NOT_ALLOWED) ? NAME_NOT_ALLOWED : NAME_HELD_ELSEWHERE;
    order_wait(p, look_again(p));
    return NULL;
}
