/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are asked for, and what is made of their containers' times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "rollout/workload.h"
#include "support/scripted_kube.h"

#define WHEN (INT64_C(1767225600) * NS_PER_SEC) /* 2026-01-01T00:00:00Z */
#define BEFORE "2025-12-31T23:59:59Z"
#define SAME "2026-01-01T00:00:00Z"
#define AFTER "2026-01-01T00:00:01Z"
#define WORKLOAD "https://api/apis/apps/v1/namespaces/shop/deployments/web"
#define PODS "https://api/api/v1/namespaces/shop/pods"
#define LABELS "{\"matchLabels\":{\"app\":\"web\"}}"

static struct err *ask(const struct scripted_transport *api, bool *ret_older)
{
    const struct object_meta meta = {.name = "web", .namespace = "shop"};
    struct kube_client *client = scripted_kube(api);
    struct err *e =
        rollout_runs_since_before(client, &workload_kinds[0].res, &meta, WHEN, ret_older);
    kube_client_free(client);
    return e;
}

static void plan_workload(struct scripted_transport *api, const char *selector)
{
    auto_free char *body = x_printf("{\"spec\":{\"selector\":%s}}", selector);
    scripted_plan(api, "GET " WORKLOAD, 200, body);
}

/* Whether the answer is "older" for these items. */
static bool older_with(const char *pods)
{
    SCRIPTED api;
    scripted_init(&api);
    plan_workload(&api, LABELS);
    auto_free char *list = x_printf("{\"items\":[%s]}", pods);
    scripted_plan(&api, "GET " PODS, 200, list);
    bool older = false;
    expect_ok(ask(&api, &older));
    return older;
}

#define RUNNING(at) "{\"state\":{\"running\":{\"startedAt\":\"" at "\"}}}"
#define POD(statuses) "{\"status\":{\"containerStatuses\":[" statuses "]}}"

static void older_containers_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *pods;
        bool older;
    } rows[] = {
        {"", false},
        {POD(RUNNING(BEFORE)), true},
        {POD(RUNNING(SAME)), false},
        {POD(RUNNING(AFTER)), false},
        {POD(RUNNING(AFTER)) "," POD(RUNNING(BEFORE)), true},
        {POD(RUNNING(AFTER) "," RUNNING(BEFORE)), true},
        {POD(RUNNING(AFTER)) "," POD(RUNNING(AFTER)), false},
        {POD("{\"state\":{\"waiting\":{}}}"), false},
        {POD("{\"state\":{\"terminated\":{\"startedAt\":\"" BEFORE "\"}}}"), false},
        {"{\"status\":{\"phase\":\"Pending\"}}", false},
        {"{}", false},
        /* An init container is over; a sidecar goes on. */
        {"{\"status\":{\"initContainerStatuses\":[{\"state\":{\"terminated\":{}}}]}}", false},
        {"{\"status\":{\"initContainerStatuses\":[" RUNNING(BEFORE) "]}}", true},
        /* On its way out anyway. */
        {"{\"metadata\":{\"deletionTimestamp\":\"" AFTER "\"},\"status\":{"
         "\"containerStatuses\":[" RUNNING(BEFORE) "]}}",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (older_with(rows[i].pods) != rows[i].older)
            fail_msg("%s", rows[i].pods);
}

/* The escaped selector as the API server gets it. */
static void selectors_are_written_as_text(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {LABELS, "app%3Dweb"},
        {"{\"matchLabels\":{\"app\":\"web\",\"tier\":\"\"}}", "app%3Dweb%2Ctier%3D"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"x\",\"y\"]}]}",
         "a%20in%20%28x%2Cy%29"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"x\"]}]}",
         "a%20notin%20%28x%29"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]}", "a"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"DoesNotExist\"}]}", "%21a"},
        {"{\"matchLabels\":{\"l\":\"m\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":"
         "\"Exists\"},{\"key\":\"b\",\"operator\":\"In\",\"values\":[\"x\"]}]}",
         "l%3Dm%2Ca%2Cb%20in%20%28x%29"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCRIPTED api;
        scripted_init(&api);
        plan_workload(&api, rows[i][0]);
        auto_free char *query = x_printf("GET " PODS "?limit=500&labelSelector=%s", rows[i][1]);
        scripted_plan(&api, query, 200, "{\"items\":[]}");
        bool older = true;
        expect_ok(ask(&api, &older));
        assert_false(older);
    }
}

/* All pods of the namespace are nobody's answer. */
static void a_selector_for_everything_is_refused(void **state)
{
    (void)state;
    static const char *const selectors[] = {"{}", "null", "{\"matchLabels\":{}}", "7"};
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
        SCRIPTED api;
        scripted_init(&api);
        plan_workload(&api, selectors[i]);
        bool older = false;
        expect_err(ask(&api, &older), ERR_INVALID, "InvalidSelector", "no selector");
    }
}

/* A selector that does not fit is not asked for in part: it would find the pods of others. */
static void a_selector_that_is_too_long_is_refused(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf labels = BUF_INIT(65536);
    for (int i = 0; i < 200; i++)
        buf_putf(&labels, "%s\"label-%d-of-a-name-with-more-than-thirty-letters\":\"value\"",
                 i > 0 ? "," : "", i);
    SCRIPTED api;
    scripted_init(&api);
    auto_free char *selector = x_printf("{\"matchLabels\":{%s}}", buf_str(&labels));
    plan_workload(&api, selector);
    bool older = false;
    expect_err(ask(&api, &older), ERR_INVALID, "TooLarge", "selector");
}

static void errors_are_passed_on(void **state)
{
    (void)state;
    SCRIPTED api;
    scripted_init(&api);
    bool older = false;
    scripted_plan(&api, "GET " WORKLOAD, 404, "{}");
    expect_err(ask(&api, &older), ERR_NOT_FOUND, NULL, NULL);
    plan_workload(&api, LABELS);
    scripted_plan(&api, "GET " PODS, 503, "{}");
    expect_err(ask(&api, &older), ERR_TRANSIENT, NULL, NULL);
    plan_workload(&api, LABELS);
    scripted_plan(&api, "GET " PODS, 200, "{\"items\":[" POD(RUNNING("yesterday")) "]}");
    expect_err(ask(&api, &older), ERR_INVALID, NULL, "Pod status");
    assert_false(older);
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
        cmocka_unit_test(older_containers_are_found),
        cmocka_unit_test(selectors_are_written_as_text),
        cmocka_unit_test(a_selector_for_everything_is_refused),
        cmocka_unit_test(a_selector_that_is_too_long_is_refused),
        cmocka_unit_test(errors_are_passed_on),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
