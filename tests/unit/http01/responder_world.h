/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted API server, and what tiers may use where certroll's own replicas answer; include cmocka.h and what it
 * needs first. */
#ifndef CERTROLL_TESTS_HTTP01_RESPONDER_WORLD_H
#define CERTROLL_TESTS_HTTP01_RESPONDER_WORLD_H

#include "base/clock.h"
#include "http01/tier.h"
#include "support/scripted_transport.h"

struct world {
    struct scripted_transport script;
    struct clock_manual hands;
    struct kube_client *kube;
    struct http01_env env;
};
void world_open(struct world *w);
/* Fails the test unless the script was followed. */
void world_close(struct world *w);
#define WORLD __attribute__((cleanup(world_close))) struct world

#endif
