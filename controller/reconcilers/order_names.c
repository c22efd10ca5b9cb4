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

struct err *order_names(const struct certificate_request *request, struct strlist *ret_names)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(request, &csr));
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

struct err *ensure_allowed(struct order_pass *p)
{
    if (order_is_placed(p->env, p->order))
        return NULL;
    AUTO(strlist_release) struct strlist names = {0};
    TRY(order_names(p->chain.request, &names));
    auto_free char *why = NULL;
    TRY(names_judge(p->env, &p->chain, &names, &why));
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
