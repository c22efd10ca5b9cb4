/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_api.h"
#include "sim/sim_process.h"
#include "sim/sim_tenants.h"

/* Of one key: a self-check begins at 50 ms, a failing key at 5 ms; both slow down. */
#define RECONCILES_PER_MINUTE 120
/* A new process knows nothing of the looks before it and begins at 50 ms again, until it looks every 2 s. Clusters let a
 * container that dies so often wait for longer and longer; here it does not. */
#define RECONCILES_PER_DEATH 16
/* Far looks are made in hops of 50 to 60 min. */
#define RECONCILES_AT_REST 7 /* the hour, and what a CA says anew */
/* A Certificate whose Secret is another's looks every 3 min. */
#define RECONCILES_OF_LOSER 25
/* Who waits for a name looks every 5 min, and each minute where another issuer could take over. */
#define RECONCILES_OF_TENANT 70

struct pace {
    int64_t since;
    unsigned count;
    unsigned deaths; /* of replicas, before that */
    bool failed;     /* the last time */
};

struct sim_pace {
    struct map paces; /* "controller key" -> struct pace */
    unsigned reconciles;
    bool resting;
};

struct sim_pace *sim_pace_new(void)
{
    struct sim_pace *p = x_calloc(1, sizeof(*p));
    p->paces = MAP_INIT(free);
    return p;
}

void sim_pace_free(struct sim_pace *p)
{
    map_release(&p->paces);
    free(p);
}

unsigned sim_pace_reconciles(const struct sim_pace *p)
{
    return p->reconciles;
}

void sim_pace_rest(struct sim_pace *p)
{
    map_clear(&p->paces);
    p->resting = true;
}

static unsigned allowed(struct sim *s, const char *controller, const char *key, unsigned deaths)
{
    if (!s->pace->resting)
        return RECONCILES_PER_MINUTE + deaths * RECONCILES_PER_DEATH;
    const char *slash = strchr(key, '/');
    if (sim_tenants(s) != SIM_TENANTS_OFF &&
        (str_eq(controller, "certificate") || str_eq(controller, "order")))
        return RECONCILES_OF_TENANT;
    if (!str_eq(controller, "certificate") || slash == NULL)
        return RECONCILES_AT_REST;
    auto_free char *ns = x_strndup(key, (size_t)(slash - key));
    const json_t *crt = sim_api_json(s->api, "certificates", ns, slash + 1);
    return str_eq(JSTR(sim_condition(crt, "Ready"), "reason"), "SecretNameInUse")
               ? RECONCILES_OF_LOSER
               : RECONCILES_AT_REST;
}

void sim_pace_reconciled(struct sim *s, const char *controller, const char *key,
                         const struct err *err, bool goes_on)
{
    struct sim_pace *p = s->pace;
    p->reconciles++;
    if (err != NULL && err->kind == ERR_BUG)
        sim_fail(s, "%s %s: %s", controller, key, err->message);
    auto_free char *name = x_printf("%s %s", controller, key);
    struct pace *k = map_get(&p->paces, name);
    unsigned deaths = sim_process_deaths(s->process);
    if (k == NULL) {
        k = x_calloc(1, sizeof(*k));
        *k = (struct pace){.since = sim_now(s), .deaths = deaths};
        map_put(&p->paces, name, k);
    }
    if (!p->resting && sim_now(s) - k->since >= NS_PER_MIN)
        *k = (struct pace){.since = sim_now(s), .deaths = deaths};
    k->failed = err != NULL && goes_on;
    if (++k->count > allowed(s, controller, key, deaths - k->deaths))
        sim_fail(s, "a hot loop: %s was looked at %u times in %lld s", name, k->count,
                 (long long)((sim_now(s) - k->since) / NS_PER_SEC));
}

/* A controller is named as the kind that it looks at. */
static bool has_failed(struct sim *s, const struct sim_object *o)
{
    auto_free char *name =
        x_printf("%.*s %s/%s", (int)strlen(o->res->plural) - 1, o->res->plural, o->ns, o->name);
    const struct pace *k = map_get(&s->pace->paces, name);
    return k != NULL && k->failed;
}

char *sim_pace_unfinished(struct sim *s)
{
    auto_free struct sim_object **all = sim_api_all(s->api, NULL);
    for (size_t i = 0; all[i] != NULL; i++)
        if (has_failed(s, all[i]))
            return x_printf("the last look at %s %s/%s failed, and there was no other yet",
                            all[i]->res->kind, all[i]->ns, all[i]->name);
    return NULL;
}
