/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/replicas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "support/scripted_kube.h"

#define SLICES                                                                                     \
    "GET https://api/apis/discovery.k8s.io/v1/namespaces/certroll/endpointslices"                  \
    "?limit=500&labelSelector=kubernetes.io%2Fservice-name%3Dcertroll-http01"
#define ASKED "GET http://a.test/.well-known/acme-challenge/0123456789abcdef"
#define ANSWER "0123456789abcdef.thumb"
#define SLICE(endpoints) "{\"ports\":[{\"port\":8089}],\"endpoints\":[" endpoints "]}"
#define ENDPOINT(ip) "{\"addresses\":[\"" ip "\"],\"conditions\":{\"ready\":true}}"

struct world {
    struct scripted_transport script;
    struct clock_manual hands;
    struct kube_client *kube;
    struct http01_env env;
};

static void world_open(struct world *w)
{
    scripted_init(&w->script);
    clock_manual_init(&w->hands, NS_PER_DAY);
    clock_manual_advance(&w->hands, NS_PER_MIN);
    w->kube = scripted_kube(&w->script);
    w->env = (struct http01_env){.kube = w->kube,
                                 .responder = {.ns = "certroll", .service = "certroll-http01"},
                                 .replicas = http01_replicas_new(&w->hands.clock)};
}

static void world_close(struct world *w)
{
    http01_replicas_free(w->env.replicas);
    kube_client_free(w->kube);
    scripted_finish(&w->script);
}
#define WORLD __attribute__((cleanup(world_close))) struct world

static struct err *ask(struct world *w)
{
    const struct http01_question q = {
        .host = "a.test", .token = "0123456789abcdef", .key_authorization = ANSWER};
    return http01_replicas_answer(&w->env, &w->script.transport, NULL, &q);
}

static void all_must_answer(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, SLICES, 200,
                  "{\"items\":[" SLICE(ENDPOINT("10.0.0.1")) "," SLICE(ENDPOINT(
                      "10.0.0.2") ",{\"addresses\":[\"10.0.0.3\"],\"conditions\":{\"ready\":"
                                  "false}},{\"conditions\":{}}") ","
                                                                 "{\"endpoints\":[{}]}]}");
    scripted_plan(&w.script, ASKED, 200, ANSWER);
    scripted_plan(&w.script, ASKED, 404, "");
    expect_err(ask(&w), ERR_TRANSIENT, "ReplicaBehind", "10.0.0.2:8089");
    /* Who they are is known for a second. */
    scripted_plan(&w.script, ASKED, 200, ANSWER);
    scripted_plan(&w.script, ASKED, 200, ANSWER);
    expect_ok(ask(&w));
    clock_manual_advance(&w.hands, NS_PER_SEC);
    scripted_plan(&w.script, SLICES, 200, "{\"items\":[" SLICE(ENDPOINT("fd00::1")) "]}");
    scripted_plan(&w.script, ASKED, 200, "another");
    expect_err(ask(&w), ERR_TRANSIENT, "ReplicaBehind", "[fd00::1]:8089");
}

/* One that is out of reach gives the CA no wrong answer either. */
static void who_is_out_of_reach_is_not_waited_for(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, SLICES, 200, "{\"items\":[" SLICE(ENDPOINT("10.0.0.1")) "]}");
    scripted_plan_error(&w.script, ASKED, err_new(ERR_TRANSIENT, "ConnectFailed", "refused"));
    expect_ok(ask(&w));
    scripted_plan_error(&w.script, ASKED, err_new(ERR_CANCELLED, "Cancelled", "stopping"));
    expect_err(ask(&w), ERR_CANCELLED, NULL, NULL);
}

static void none_at_all_is_waited_for(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, SLICES, 200, "{\"items\":[]}");
    expect_err(ask(&w), ERR_TRANSIENT, "ReplicaBehind", "Service certroll/certroll-http01");
    clock_manual_advance(&w.hands, NS_PER_SEC);
    scripted_plan(&w.script, SLICES, 403, "{}");
    expect_err(ask(&w), ERR_DENIED, NULL, "certroll's own replicas");
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_must_answer),
        cmocka_unit_test(who_is_out_of_reach_is_not_waited_for),
        cmocka_unit_test(none_at_all_is_waited_for),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
