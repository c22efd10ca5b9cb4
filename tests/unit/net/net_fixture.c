/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

int net_group_setup(void **state)
{
    (void)state;
    http_global_init();
    return 0;
}

int64_t now_ns(void)
{
    return clock_mono(clock_system());
}

struct http_client_options net_open_options(void)
{
    return (struct http_client_options){.user_agent = "test/1", .allow_private = true};
}

void net_fixture_init(struct net_fixture *f, const struct http_client_options *o)
{
    assert_null(http_client_new(o, &f->client));
    f->plain = http_plain_new(o);
}

void net_fixture_release(struct net_fixture *f)
{
    http_client_free(f->client);
    http_plain_free(f->plain);
}

const struct http_transport *net_transport(struct net_fixture *f, int which)
{
    return which == NET_CLIENT ? http_client_transport(f->client) : http_plain_transport(f->plain);
}

/* Under valgrind, beside others, a handshake takes longer than anybody would wait for one. */
static struct http_request patient(const struct http_request *req)
{
    struct http_request r = *req;
    if (r.connect_timeout == 0)
        r.connect_timeout = 30 * NS_PER_SEC;
    return r;
}

char *assert_call_fails(const struct http_transport *t, const struct http_request *req,
                        const struct stop *stop, enum err_kind kind, const char *reason)
{
    struct http_response resp = {.status = -1};
    const struct http_request r = patient(req);
    AUTO_ERR e = http_call(t, &r, stop, &resp);
    assert_non_null(e);
    if (e->kind != kind || strcmp(e->reason, reason) != 0)
        fail_msg("expected %s/%s, got %s/%s: %s", err_kind_str(kind), reason, err_kind_str(e->kind),
                 e->reason, e->message);
    assert_int_equal(resp.status, -1);
    return x_strdup(e->message);
}

struct http_response assert_call(const struct http_transport *t, const struct http_request *req)
{
    struct http_response resp = {0};
    const struct http_request r = patient(req);
    AUTO_ERR e = http_call(t, &r, NULL, &resp);
    if (e != NULL)
        fail_msg("%s: %s", e->reason, e->message);
    return resp;
}
