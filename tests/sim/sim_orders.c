/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_orders.h"

#include "api/order.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/env.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_check.h"
#include "sim/sim_net.h"
#include "sim/sim_process.h"

/* Nobody acts on one that is over, and a CA may lend it: the request of that Order is gone, which the CA does not know. */
static bool is_over(const json_t *order)
{
    return order_state_is_final(JSTR(order, "status", "state"));
}

void sim_orders_check_alone(struct sim *s, const json_t *order)
{
    const char *url = JSTR(order, "status", "url");
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    for (size_t i = 0; all[i] != NULL && !is_over(order); i++)
        if (str_eq(JSTR(all[i]->json, "status", "url"), url) && !is_over(all[i]->json) &&
            !str_eq(JSTR(all[i]->json, "metadata", "uid"), JSTR(order, "metadata", "uid")))
            sim_fail(s, "%s is of two Orders: %s and %s", url, JSTR(order, "metadata", "name"),
                     JSTR(all[i]->json, "metadata", "name"));
}

bool sim_orders_awaited(struct sim *s, size_t n)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    for (size_t i = 0; all[i] != NULL; i++)
        if (sim_ca_order_number(JSTR(all[i]->json, "status", "url")) == n &&
            !order_state_is_final(JSTR(all[i]->json, "status", "state")))
            return true;
    return false;
}

unsigned sim_orders_in_memory(struct sim *s, const struct env *env)
{
    unsigned count = 0;
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    for (size_t i = 0; all[i] != NULL; i++) {
        auto_free char *url = memo_text(env->placed, JSTR(all[i]->json, "metadata", "uid"));
        count += url != NULL && str_empty(JSTR(all[i]->json, "status", "url"));
    }
    return count;
}

/* A death takes the answer that is under way, and the URLs that could not be stored yet. One that the API server would
 * not store, and that expired while the CA was away, is not there any more: certroll has to have asked for it, since it
 * goes on with that one wherever it can. */
void sim_orders_check_stored(struct sim *s, unsigned torn)
{
    unsigned excused = sim_process_deaths(s->process) + sim_process_lost_urls(s->process) +
                       sim_net_lost_orders(s->net) + torn;
    unsigned lost = 0;
    for (size_t n = 0; n < sim_ca_order_count(s->ca); n++)
        if (!sim_check_order_is_stored(s, n) && !sim_ca_order_is_gone(s->ca, n))
            lost++;
    if (lost > excused)
        sim_fail(s, "%u orders were made and never stored, where %u may be", lost, excused);
}
