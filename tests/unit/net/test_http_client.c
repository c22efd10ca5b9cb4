/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, stop tokens and life cycle of the transports. */
#include "net/net_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "net/fake_dns.h"

/* A call in a thread of its own. */
struct caller {
    pthread_t thread;
    const struct http_transport *t;
    struct http_request req;
    const struct stop *stop;
    struct err *err;
    int64_t ended;
};

static void *call_thread(void *arg)
{
    struct caller *c = arg;
    AUTO_RESPONSE r = {0};
    c->err = http_call(c->t, &c->req, c->stop, &r);
    c->ended = now_ns();
    return NULL;
}

static void caller_start(struct caller *c)
{
    assert_int_equal(pthread_create(&c->thread, NULL, call_thread, c), 0);
}

static void assert_cancelled(struct caller *c)
{
    pthread_join(c->thread, NULL);
    assert_non_null(c->err);
    assert_int_equal(c->err->kind, ERR_CANCELLED);
    err_free(c->err);
}

/* How long a call in flight takes to end after its token is set. */
static int64_t stop_latency(const struct http_transport *t, struct scripted_server *s,
                            const char *url)
{
    struct stop *stop = stop_new();
    struct caller c = {.t = t, .req = {.url = url}, .stop = stop};
    caller_start(&c);
    struct scripted_conn *conn = scripted_accept(s);
    struct scripted_request r;
    assert_true(scripted_read_request(conn, &r));
    scripted_request_release(&r);
    int64_t start = now_ns();
    stop_set(stop);
    assert_cancelled(&c);
    assert_true(scripted_wait_closed(conn));
    scripted_close(conn);
    auto_free char *m = assert_call_fails(t, &c.req, stop, ERR_CANCELLED, "Cancelled");
    stop_free(stop);
    return c.ended - start;
}

static void test_stop_cancels_at_once(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    struct net_fixture f;
    net_fixture_init(&f, &o);
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){0});
    auto_free char *url = scripted_server_url(s, "/");
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        /* The best of some: the machine may be busy with something else. */
        int64_t best = INT64_MAX;
        for (int i = 0; i < 5; i++) {
            int64_t took = stop_latency(net_transport(&f, which), s, url);
            best = took < best ? took : best;
        }
        assert_true(best < 50 * NS_PER_MS);
    }
    scripted_server_stop(s);
    net_fixture_release(&f);
}

static void hello(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    while (scripted_read_request(c, &r)) {
        scripted_request_release(&r);
        scripted_respond(c, 200, "", "hello");
    }
}

/* getaddrinfo() may hang for 30 s: nobody else may notice. */
static void test_hanging_resolver(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    struct net_fixture f;
    net_fixture_init(&f, &o);
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){.script = hello});
    auto_free char *url = scripted_server_url(s, "/");
    fake_dns_hang("slow.test");
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        struct stop *stop = stop_new();
        struct caller c = {.t = net_transport(&f, which),
                           .req = {.url = "http://slow.test/", .connect_timeout = NS_PER_MIN},
                           .stop = stop};
        caller_start(&c);
        fake_dns_wait_hanging((unsigned)which * 2 + 1);
        if (which == NET_CLIENT) {
            AUTO_RESPONSE r = assert_call(c.t, &(struct http_request){.url = url});
        }
        int64_t start = now_ns();
        stop_set(stop);
        assert_cancelled(&c);
        assert_true(c.ended - start < 5 * NS_PER_SEC);
        start = now_ns();
        auto_free char *m = assert_call_fails(
            c.t, &(struct http_request){.url = "http://slow.test/", .timeout = 50 * NS_PER_MS},
            NULL, ERR_TRANSIENT, "Timeout");
        assert_true(now_ns() - start < 5 * NS_PER_SEC);
        stop_free(stop);
    }
    fake_dns_release();
    net_fixture_release(&f);
    scripted_server_stop(s);
}

#define CALLERS 16

static void test_free_fails_what_is_in_flight(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    struct http_client *client;
    assert_null(http_client_new(&o, &client));
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){0});
    auto_free char *url = scripted_server_url(s, "/");
    struct caller callers[CALLERS];
    struct scripted_conn *conns[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.t = http_client_transport(client), .req = {.url = url}};
        caller_start(&callers[i]);
    }
    for (int i = 0; i < CALLERS; i++)
        conns[i] = scripted_accept(s);
    http_client_free(client);
    for (int i = 0; i < CALLERS; i++) {
        assert_cancelled(&callers[i]);
        scripted_close(conns[i]);
    }
    scripted_server_stop(s);
}

#define CALLS_EACH 200

struct load {
    const struct http_transport *t;
    const char *url;
    atomic_int ok;
};

static void *load_thread(void *arg)
{
    struct load *l = arg;
    for (int i = 0; i < CALLS_EACH; i++) {
        AUTO_RESPONSE r = {0};
        AUTO_ERR e = http_call(l->t, &(struct http_request){.url = l->url}, NULL, &r);
        if (e == NULL && r.status == 200 && strcmp(buf_str(&r.body), "hello") == 0)
            atomic_fetch_add(&l->ok, 1);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    struct http_client *client;
    assert_null(http_client_new(&o, &client));
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){.script = hello});
    auto_free char *url = scripted_server_url(s, "/");
    struct load load = {.t = http_client_transport(client), .url = url};
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_thread, &load), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&load.ok), CALLERS * CALLS_EACH);
    assert_true(scripted_server_accepted(s) <= CALLERS);
    http_client_free(client);
    scripted_server_stop(s);
}

/* Tokens set at any moment of a call: before, while it is posted, in flight, when it is done. */
struct racer {
    struct stop *stop;
    int64_t delay;
};

static void *race_thread(void *arg)
{
    struct racer *r = arg;
    int64_t until = now_ns() + r->delay;
    while (now_ns() < until)
        continue;
    stop_set(r->stop);
    return NULL;
}

static void test_stop_races_with_the_end(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    struct net_fixture f;
    net_fixture_init(&f, &o);
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){.script = hello});
    auto_free char *url = scripted_server_url(s, "/");
    struct rng_seeded rng;
    rng_seeded_init(&rng, 7);
    int ended[2] = {0};
    for (int i = 0; i < 400; i++) {
        struct racer racer = {.stop = stop_new(),
                              .delay = rng_between(&rng.rng, 0, 600 * NS_PER_US)};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, race_thread, &racer), 0);
        AUTO_RESPONSE r = {0};
        AUTO_ERR e = http_call(net_transport(&f, i % 4 == 0 ? NET_PLAIN : NET_CLIENT),
                               &(struct http_request){.url = url}, racer.stop, &r);
        assert_true(e == NULL ? r.status == 200 : e->kind == ERR_CANCELLED);
        ended[e == NULL]++;
        pthread_join(thread, NULL);
        stop_free(racer.stop);
    }
    print_message("%d cancelled, %d done\n", ended[0], ended[1]);
    net_fixture_release(&f);
    scripted_server_stop(s);
}

static void test_free_unused(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    for (int i = 0; i < 20; i++) {
        struct net_fixture f;
        net_fixture_init(&f, &o);
        net_fixture_release(&f);
    }
    http_client_free(NULL);
    http_plain_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_cancels_at_once),
        cmocka_unit_test(test_hanging_resolver),
        cmocka_unit_test(test_free_fails_what_is_in_flight),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_stop_races_with_the_end),
        cmocka_unit_test(test_free_unused),
    };
    return cmocka_run_group_tests(tests, net_group_setup, NULL);
}
