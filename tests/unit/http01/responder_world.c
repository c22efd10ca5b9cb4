/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http01/grants.h"
#include "responder_world.h"
#include "support/scripted_kube.h"

void world_open(struct world *w)
{
    scripted_init(&w->script);
    clock_manual_init(&w->hands, 1000 * NS_PER_SEC);
    w->kube = scripted_kube(&w->script);
    w->env = (struct http01_env){.kube = w->kube,
                                 .responder = {.ns = "certroll", .service = "certroll-http01"},
                                 .grants = http01_grants_new(&w->hands.clock)};
}

void world_close(struct world *w)
{
    http01_grants_free(w->env.grants);
    kube_client_free(w->kube);
    scripted_finish(&w->script);
}
