/* SPDX-License-Identifier: Apache-2.0 */
/* Both transports side by side: what holds for one must hold for the other. */
#ifndef CERTROLL_TESTS_NET_FIXTURE_H
#define CERTROLL_TESTS_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "support/scripted_server.h"

struct net_fixture {
    struct http_client *client;
    struct http_plain *plain;
};

/* Options that let loopback through. */
struct http_client_options net_open_options(void);
void net_fixture_init(struct net_fixture *f, const struct http_client_options *o);
void net_fixture_release(struct net_fixture *f);

enum { NET_CLIENT, NET_PLAIN, NET_TRANSPORTS };
const struct http_transport *net_transport(struct net_fixture *f, int which);

/* Asserts that the call fails with that kind and reason; returns the message, owned. */
char *assert_call_fails(const struct http_transport *t, const struct http_request *req,
                        const struct stop *stop, enum err_kind kind, const char *reason);
/* Asserts that it succeeds. The caller releases the response. */
struct http_response assert_call(const struct http_transport *t, const struct http_request *req);

/* cmocka group functions: http_global_init(). */
int net_group_setup(void **state);

int64_t now_ns(void);

#endif
