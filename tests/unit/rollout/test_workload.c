/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/scripted_kube.h"

enum { DEPLOYMENT, STATEFULSET, DAEMONSET };

#define META "\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"generation\":4"
#define POD(spec) "\"template\":{\"spec\":{" spec "}}"

static const struct workload *decoded(size_t kind, const char *text)
{
    json_auto_t *json = parsed(text);
    const void *object = NULL;
    expect_ok(object_decode(&workload_kinds[kind], json, &object));
    return object;
}

/* ---- which Secrets ---- */

/* "a b c" */
static void expect_secrets(const struct workload *w, const char *want)
{
    AUTO(strlist_release) struct strlist l = {0};
    for (size_t i = 0; i < w->secrets.len; i++)
        strlist_add(&l, w->secrets.items[i]);
    auto_free char *got = strlist_join(&l, " ", 0);
    assert_string_equal(got, want);
}

static void every_use_of_a_secret_counts(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\"volumes\":[{\"secret\":{\"secretName\":\"v\"}}]", "v"},
        {"\"volumes\":[{\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"c\"}},"
         "{\"secret\":{\"name\":\"p\"}},{\"secret\":{\"name\":\"q\"}}]}}]",
         "p q"},
        {"\"containers\":[{\"env\":[{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"B\","
         "\"valueFrom\":{\"secretKeyRef\":{\"name\":\"e\",\"key\":\"k\"}}}]}]",
         "e"},
        {"\"containers\":[{},{\"envFrom\":[{\"configMapRef\":{\"name\":\"c\"}},"
         "{\"secretRef\":{\"name\":\"f\"}}]}]",
         "f"},
        {"\"initContainers\":[{\"env\":[{\"valueFrom\":{\"secretKeyRef\":{\"name\":\"i\"}}}],"
         "\"envFrom\":[{\"secretRef\":{\"name\":\"j\"}}]}]",
         "i j"},
        /* Sorted, once each. */
        {"\"volumes\":[{\"secret\":{\"secretName\":\"z\"}},{\"secret\":{\"secretName\":\"a\"}}],"
         "\"containers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"z\"}}]}]",
         "a z"},
        /* Not for serving: how images are pulled, and other things with names. */
        {"\"imagePullSecrets\":[{\"name\":\"pull\"}],\"serviceAccountName\":\"sa\","
         "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}},{\"csi\":{"
         "\"nodePublishSecretRef\":{\"name\":\"n\"}}}],\"containers\":[{\"env\":[{\"valueFrom\":{"
         "\"configMapKeyRef\":{\"name\":\"c\"}}}]}]",
         ""},
        {"\"volumes\":[{\"secret\":{\"secretName\":\"\"}},{\"secret\":{}},{\"secret\":7},null],"
         "\"containers\":{},\"initContainers\":\"x\"",
         ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = x_printf("{" META "},\"spec\":{" POD("%s") "}}", rows[i][0]);
        for (size_t kind = 0; kind < WORKLOAD_KINDS; kind++) {
            AUTO_OBJECT(struct workload) w = decoded(kind, text);
            expect_secrets(w, rows[i][1]);
        }
    }
}

static void annotations_become_words(void **state)
{
    (void)state;
    AUTO_OBJECT(struct workload)
    w = decoded(DEPLOYMENT,
                "{" META ",\"uid\":\"u\",\"resourceVersion\":\"8\",\"labels\":{\"a\":\"b\"},"
                "\"annotations\":{\"certroll.dev/rollout\":\"true\","
                "\"certroll.dev/certificates\":\"seen\"}},\"spec\":{\"template\":{\"metadata\":{"
                "\"annotations\":{\"certroll.dev/certificates\":\"rolled\"}}}}}");
    assert_string_equal(w->opt, "true");
    assert_string_equal(w->seen, "seen");
    assert_string_equal(w->rolled, "rolled");
    assert_string_equal(w->obj.meta.uid, "u");
    assert_string_equal(w->obj.meta.resource_version, "8");
    assert_int_equal(w->obj.meta.generation, 4);
    assert_int_equal(w->obj.meta.labels.len, 0);
    AUTO_OBJECT(struct workload) bare = decoded(DEPLOYMENT, "{" META "}}");
    assert_null(bare->opt);
    assert_null(bare->seen);
    assert_null(bare->rolled);
}

static void a_workload_without_a_name_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{\"metadata\":{}}", "{\"metadata\":7}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_auto_t *json = parsed(texts[i]);
        const void *object = NULL;
        expect_err(object_decode(&workload_kinds[DEPLOYMENT], json, &object), ERR_INVALID, NULL,
                   NULL);
        assert_null(object);
    }
}

/* ---- how far ---- */

static const struct {
    size_t kind;
    const char *rest; /* after metadata */
    bool out;
} states[] = {
    {DEPLOYMENT,
     "\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":4,\"replicas\":3,"
     "\"updatedReplicas\":3,\"availableReplicas\":3}",
     true},
    {DEPLOYMENT,
     "\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":3,\"replicas\":3,"
     "\"updatedReplicas\":3,\"availableReplicas\":3}",
     false},
    {DEPLOYMENT,
     "\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":4,\"replicas\":3,"
     "\"updatedReplicas\":2,\"availableReplicas\":3}",
     false},
    {DEPLOYMENT,
     "\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":4,\"replicas\":3,"
     "\"updatedReplicas\":3,\"availableReplicas\":2}",
     false},
    /* A surge: the three that are available are the old ones. */
    {DEPLOYMENT,
     "\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":4,\"replicas\":6,"
     "\"updatedReplicas\":3,\"availableReplicas\":3}",
     false},
    /* Without a number, one. */
    {STATEFULSET,
     "\"status\":{\"observedGeneration\":4,\"replicas\":1,\"updatedReplicas\":1,"
     "\"availableReplicas\":1}",
     true},
    {STATEFULSET, "\"status\":{\"observedGeneration\":4}", false},
    {STATEFULSET, "\"spec\":{\"replicas\":0},\"status\":{\"observedGeneration\":4}", true},
    {DAEMONSET,
     "\"status\":{\"observedGeneration\":4,\"desiredNumberScheduled\":2,"
     "\"updatedNumberScheduled\":2,\"numberAvailable\":2}",
     true},
    {DAEMONSET,
     "\"status\":{\"observedGeneration\":4,\"desiredNumberScheduled\":2,"
     "\"updatedNumberScheduled\":1,\"numberAvailable\":2}",
     false},
    {DAEMONSET,
     "\"status\":{\"observedGeneration\":4,\"desiredNumberScheduled\":2,"
     "\"updatedNumberScheduled\":2}",
     false},
    /* No node wants it. */
    {DAEMONSET, "\"status\":{\"observedGeneration\":4,\"desiredNumberScheduled\":0}", true},
    /* Nobody has looked at it yet. */
    {DAEMONSET, "\"status\":{}", false},
    {DEPLOYMENT, "\"spec\":{}", false},
};

static void progress_is_told_from_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        auto_free char *text = x_printf("{" META "},%s}", states[i].rest);
        AUTO_OBJECT(struct workload) w = decoded(states[i].kind, text);
        if (workload_is_rolled_out(w) != states[i].out)
            fail_msg("%s", states[i].rest);
    }
}

/* ---- the annotation ---- */

#define A "0123456789abcdef"
#define B "fedcba9876543210"

static void seen_finds_its_secret(void **state)
{
    (void)state;
    static const struct {
        const char *annotation;
        const char *want; /* of Secret "web", NULL = none */
    } rows[] = {
        {"web=" A, A},
        {"api=" B ",web=" A, A},
        {"web=" A ",api=" B, A},
        {"webs=" B ",aweb=" B ",web=" A, A},
        {"x,,web=" A ",", A},
        {"web=" A ",web=" B, A},
        {NULL, NULL},
        {"", NULL},
        {"web", NULL},
        {"web=", NULL},
        {"web=0123", NULL},
        {"web=" A "0", NULL},
        {"web:" A, NULL},
        {" web=" A, NULL},
        {"web =" A, NULL},
        {"WEB=" A, NULL},
        {"api=" A, NULL},
        {"=" A, NULL},
        {",,,,", NULL},
        {"web=" A ";api=" B, NULL},
        {A A A A A A, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[ROLLOUT_PRINT_LEN + 1] = "untouched";
        bool found = rollout_seen(rows[i].annotation, "web", out);
        if (found != (rows[i].want != NULL) || !str_eq(out, str_or(rows[i].want, "untouched")))
            fail_msg("%s: %s", str_or(rows[i].annotation, "NULL"), out);
    }
}

static void a_patch_has_only_what_is_ours(void **state)
{
    (void)state;
    const struct object_meta meta = {.name = "web", .namespace = "shop", .generation = 4};
    json_auto_t *roll = rollout_patch(&workload_kinds[STATEFULSET].res, &meta, "w=1", "t=1");
    json_auto_t *want =
        parsed("{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{"
               "\"name\":\"web\",\"namespace\":\"shop\",\"annotations\":{"
               "\"certroll.dev/certificates\":\"w=1\"}},\"spec\":{\"template\":{\"metadata\":{"
               "\"annotations\":{\"certroll.dev/certificates\":\"t=1\"}}}}}");
    assert_true(json_same(roll, want));
    json_auto_t *note = rollout_patch(&workload_kinds[STATEFULSET].res, &meta, "w=1", NULL);
    json_drop(want, "spec");
    assert_true(json_same(note, want));
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_use_of_a_secret_counts),
        cmocka_unit_test(annotations_become_words),
        cmocka_unit_test(a_workload_without_a_name_is_refused),
        cmocka_unit_test(progress_is_told_from_status),
        cmocka_unit_test(seen_finds_its_secret),
        cmocka_unit_test(a_patch_has_only_what_is_ours),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
