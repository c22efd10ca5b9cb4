/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare/job_hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "support/scripted_kube.h"

#define JOBS "https://api/apis/batch/v1/namespaces/shop/jobs"
#define OURS "\"metadata\":{\"annotations\":{\"certroll.dev/prepare-order\":\"u1\"}}"

static char first_name[] = "a.test", second_name[] = "b.test";
static char *name_items[] = {first_name, second_name};
static const struct strlist names = {.items = name_items, .len = 2};
static const struct prepare_order order = {
    .ns = "shop", .name = "web-1-x", .issuer = "acme", .names = &names};

static void states_are_read(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *job;
        enum job_state state;
    } rows[] = {
        {404, "{}", JOB_ABSENT},
        {200, "{" OURS "}", JOB_RUNNING},
        {200, "{" OURS ",\"status\":{\"active\":1,\"ready\":0}}", JOB_RUNNING},
        {200, "{" OURS ",\"status\":{\"active\":1,\"ready\":1}}", JOB_READY},
        {200,
         "{" OURS ",\"status\":{\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}}",
         JOB_COMPLETE},
        {200,
         "{" OURS ",\"status\":{\"ready\":1,\"conditions\":[{\"type\":\"Failed\",\"status\":"
         "\"True\"}]}}",
         JOB_FAILED},
        {200, "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}", JOB_ABSENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCRIPTED t = {0};
        scripted_init(&t);
        struct kube_client *kube = scripted_kube(&t);
        scripted_plan(&t, "GET " JOBS "/j", rows[i].status, rows[i].job);
        enum job_state got;
        expect_ok(prepare_job_state(kube, &order, "j", "u1", &got));
        assert_int_equal(got, rows[i].state);
        kube_client_free(kube);
    }
}

static void anothers_job_is_not_touched(void **state)
{
    (void)state;
    SCRIPTED t = {0};
    scripted_init(&t);
    struct kube_client *kube = scripted_kube(&t);
    scripted_plan(&t, "GET " JOBS "/j", 200, "{\"metadata\":{\"name\":\"j\"}}");
    enum job_state got;
    expect_err(prepare_job_state(kube, &order, "j", "u1", &got), ERR_INVALID, "NameTaken", "j");
    kube_client_free(kube);
}

static void a_job_is_made_from_its_template(void **state)
{
    (void)state;
    static const char text[] =
        "{\"metadata\":{\"name\":\"mine\",\"namespace\":\"kube-system\",\"labels\":{\"a\":\"b\"},"
        "\"finalizers\":[\"x/y\"],\"ownerReferences\":[{}]},\"spec\":{\"template\":{\"spec\":{"
        "\"containers\":[{\"name\":\"c\"},{\"name\":\"d\",\"env\":[{\"name\":\"E\"}]}]}}}}";
    SCRIPTED t = {0};
    scripted_init(&t);
    struct kube_client *kube = scripted_kube(&t);
    scripted_plan(&t, "POST " JOBS, 201, "{}");
    scripted_plan(&t, "POST " JOBS, 409, "{\"reason\":\"AlreadyExists\",\"code\":409}");
    expect_ok(prepare_job_create(kube, &order, "j", text, parsed("{\"uid\":\"u1\"}"), "u1"));
    expect_ok(prepare_job_create(kube, &order, "j", text, NULL, "u1"));
    json_auto_t *owned = scripted_json(&t, 0);
    assert_string_equal(JSTR(owned, "metadata", "name"), "j");
    assert_string_equal(JSTR(owned, "metadata", "namespace"), "shop");
    assert_string_equal(JSTR(owned, "metadata", "labels", "a"), "b");
    assert_string_equal(JSTR(owned, "metadata", "ownerReferences", "0", "uid"), "u1");
    assert_null(JGET(owned, "metadata", "finalizers"));
    const json_t *containers = JGET(owned, "spec", "template", "spec", "containers");
    assert_string_equal(JSTR(containers, "0", "env", "0", "value"), "a.test b.test");
    assert_string_equal(JSTR(containers, "1", "env", "1", "name"), "CERTROLL_NAMES");
    json_auto_t *alone = scripted_json(&t, 1);
    assert_null(JGET(alone, "metadata", "ownerReferences"));
    assert_int_equal(JINT(alone, 0, "spec", "ttlSecondsAfterFinished"), 3600);
    kube_client_free(kube);
}

static void a_bad_template_is_refused(void **state)
{
    (void)state;
    SCRIPTED t = {0};
    scripted_init(&t);
    struct kube_client *kube = scripted_kube(&t);
    auto_free char *big = x_calloc(1, 70000);
    memset(big, ' ', 69999);
    expect_err(prepare_job_create(kube, &order, "j", big, NULL, "u1"), ERR_INVALID, "InvalidHook",
               "65536");
    expect_err(prepare_job_create(kube, &order, "j", "[", NULL, "u1"), ERR_INVALID, "BadJSON",
               "template");
    kube_client_free(kube);
}

/* The schema keeps what it does not know: any JSON may stand there, and whoever writes an Issuer must not end the process. */
static void a_template_of_another_shape_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } rows[] = {
        {"[]", "an object"},
        {"\"job\"", "an object"},
        {"{\"metadata\":\"m\",\"spec\":{}}", "metadata"},
        {"{\"metadata\":[],\"spec\":{}}", "metadata"},
        {"{\"metadata\":{\"annotations\":\"a\"},\"spec\":{}}", "metadata.annotations"},
        {"{\"spec\":7}", "spec"},
        {"{\"spec\":{\"template\":{\"spec\":{\"containers\":[\"c\"]}}}}", "containers[0]"},
        {"{\"spec\":{\"template\":{\"spec\":{\"containers\":[{},{\"env\":{}}]}}}}",
         "containers[1].env"},
    };
    SCRIPTED t = {0};
    scripted_init(&t);
    struct kube_client *kube = scripted_kube(&t);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_err(prepare_job_create(kube, &order, "j", rows[i].text, NULL, "u1"), ERR_INVALID,
                   "InvalidHook", rows[i].field);
    kube_client_free(kube);
}

/* A person may have written null; the API server leaves such members out, or not. */
static void what_is_null_is_absent(void **state)
{
    (void)state;
    static const char text[] =
        "{\"metadata\":null,\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"env\":null}]}}}}";
    SCRIPTED t = {0};
    scripted_init(&t);
    struct kube_client *kube = scripted_kube(&t);
    scripted_plan(&t, "POST " JOBS, 201, "{}");
    expect_ok(prepare_job_create(kube, &order, "j", text, NULL, "u1"));
    json_auto_t *sent = scripted_json(&t, 0);
    assert_string_equal(JSTR(sent, "metadata", "name"), "j");
    const json_t *containers = JGET(sent, "spec", "template", "spec", "containers");
    assert_string_equal(JSTR(containers, "0", "env", "0", "value"), "a.test b.test");
    kube_client_free(kube);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_read),
        cmocka_unit_test(anothers_job_is_not_touched),
        cmocka_unit_test(a_job_is_made_from_its_template),
        cmocka_unit_test(a_bad_template_is_refused),
        cmocka_unit_test(a_template_of_another_shape_is_refused),
        cmocka_unit_test(what_is_null_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
