/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/challenge_look.h"

#include "base/mem.h"
#include "base/turns.h"
#include "reconcilers/challenge_record.h"

#define LOOKS_PER_ZONE 4

struct dns_finder challenge_finder(const struct env *env)
{
    return (struct dns_finder){.dns = env->dns,
                               .http = env->outside,
                               .clock = env->clock,
                               .stop = env->stop,
                               .zones = env->dns_zones};
}

struct err *challenge_find_place(struct challenge_pass *p, const struct dns_config *config,
                                 const char *name, struct dns_place *ret_place)
{
    if (!challenge_turn(p, "look", p->env->dns_looks))
        return NULL;
    const struct dns_finder f = challenge_finder(p->env);
    struct err *e = dns_place_find(&f, config, name, ret_place);
    turns_give(p->env->turns, "look");
    return err_wrap(e, "%s", name);
}

struct err *challenge_look(struct challenge_pass *p, const struct dns_look *look)
{
    struct turns *turns = p->env->turns;
    const struct dns_finder f = challenge_finder(p->env);
    auto_free char *zone = x_printf("zone %s", look->place->zone);
    if (!challenge_turn(p, zone, LOOKS_PER_ZONE))
        return NULL;
    struct err *e = NULL;
    if (challenge_turn(p, "look", p->env->dns_looks)) {
        e = dns_look(&f, look);
        challenge_forget(p, NOTE_BUSY);
        turns_give(turns, "look");
    }
    turns_give(turns, zone);
    return e;
}
