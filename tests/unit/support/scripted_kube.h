/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the API server "https://api" over a script; include cmocka.h and what it needs first. */
#ifndef CERTROLL_TESTS_SUPPORT_SCRIPTED_KUBE_H
#define CERTROLL_TESTS_SUPPORT_SCRIPTED_KUBE_H

#include "kube/client.h"
#include "support/expect.h"
#include "support/scripted_transport.h"

static inline struct kube_client *scripted_kube(const struct scripted_transport *t)
{
    char server[] = "https://api";
    const struct kube_config config = {.server = server};
    struct kube_client *client = NULL;
    expect_ok(kube_client_new(&config, &t->transport, clock_system(), NULL, &client));
    return client;
}

/* A value that is JSON for sure. Owned. */
static inline json_t *parsed(const char *text)
{
    json_t *value = NULL;
    expect_ok(json_parse(text, strlen(text), &value));
    return value;
}

/* What the i-th request sent, as JSON. Owned. */
static inline json_t *scripted_json(const struct scripted_transport *t, size_t i)
{
    return parsed(scripted_seen(t, i)->sent);
}

#endif
