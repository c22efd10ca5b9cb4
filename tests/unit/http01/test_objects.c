/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/objects.h"

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

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define SOLVER_LABEL "acme.certroll.dev/http01-solver"

static json_t *pod_with(const char *pod_template)
{
    const struct http01_solver s = {
        .ns = "shop",
        .thumbprint = THUMBPRINT,
        .image = "certroll:1",
        .config = {.pod_template = pod_template, .field = "ingress.podTemplate"}};
    json_t *pod = NULL;
    expect_ok(http01_pod(&s, &pod));
    return pod;
}

static void expect_json(const json_t *value, const char *want)
{
    json_auto_t *expected = parsed(want);
    if (json_same(value, expected))
        return;
    auto_free char *got = NULL;
    expect_ok(json_to_string(value, 65536, &got));
    fail_msg("%s, expected %s", got, want);
}

/* The restricted Pod Security Standard, and what else must hold of every solver. */
static void expect_restricted(const json_t *pod)
{
    const json_t *spec = JGET(pod, "spec");
    assert_int_equal(json_count(JGET(spec, "containers")), 1);
    static const char *const never[] = {
        "initContainers", "ephemeralContainers",   "volumes",       "hostNetwork", "hostPID",
        "hostIPC",        "shareProcessNamespace", "hostUsers",     "hostAliases", "nodeName",
        "resources",      "runtimeClassName",      "schedulerName",
    };
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (JGET(spec, never[i]) != NULL)
            fail_msg("spec.%s is set", never[i]);
    assert_false(JBOOL(spec, "automountServiceAccountToken"));
    assert_non_null(JGET(spec, "automountServiceAccountToken"));
    assert_false(JBOOL(spec, "enableServiceLinks"));
    assert_true(JBOOL(spec, "securityContext", "runAsNonRoot"));
    assert_true(JINT(spec, 0, "securityContext", "runAsUser") > 0);
    const char *seccomp = JSTR(spec, "securityContext", "seccompProfile", "type");
    assert_true(str_eq(seccomp, "RuntimeDefault") || str_eq(seccomp, "Localhost"));
    assert_null(JGET(spec, "securityContext", "sysctls"));
    assert_null(JGET(spec, "securityContext", "windowsOptions"));
    assert_null(JGET(spec, "securityContext", "seLinuxOptions", "type"));
    const json_t *c = JGET(spec, "containers", "0");
    assert_string_equal(JSTR(c, "image"), "certroll:1");
    expect_json(JGET(c, "args"),
                "[\"solver\",\"--listen\",\":8089\",\"--thumbprint\",\"" THUMBPRINT "\"]");
    expect_json(JGET(c, "securityContext"),
                "{\"allowPrivilegeEscalation\":false,\"readOnlyRootFilesystem\":true,"
                "\"capabilities\":{\"drop\":[\"ALL\"]}}");
    assert_null(JGET(pod, "metadata", "ownerReferences"));
    assert_null(JGET(pod, "metadata", "finalizers"));
    assert_string_equal(JSTR(pod, "metadata", "namespace"), "shop");
    assert_string_equal(JSTR(pod, "metadata", "labels", SOLVER_LABEL), "true");
    assert_string_equal(JSTR(pod, "kind"), "Pod");
}

static void the_name_is_that_of_the_account(void **state)
{
    (void)state;
    char a[KUBE_NAME_MAX + 1], again[KUBE_NAME_MAX + 1], b[KUBE_NAME_MAX + 1];
    http01_solver_name(THUMBPRINT, a);
    http01_solver_name(THUMBPRINT, again);
    http01_solver_name("another", b);
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    assert_true(str_starts(a, "certroll-solver-"));
    assert_int_equal(strlen(a), strlen("certroll-solver-") + 10);
    assert_true(name_is_label(a));
}

static void a_pod_without_a_template_is_restricted(void **state)
{
    (void)state;
    json_auto_t *pod = pod_with(NULL);
    expect_restricted(pod);
    expect_json(JGET(pod, "spec", "securityContext"),
                "{\"runAsUser\":65532,\"runAsNonRoot\":true,"
                "\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}");
    const json_t *c = JGET(pod, "spec", "containers", "0");
    assert_int_equal(JINT(c, 0, "ports", "0", "containerPort"), HTTP01_PORT);
    assert_string_equal(JSTR(c, "readinessProbe", "httpGet", "path"),
                        "/.well-known/acme-challenge/certroll-readiness-probe");
    assert_string_equal(JSTR(c, "resources", "limits", "memory"), "32Mi");
}

static void the_template_shapes_the_pod(void **state)
{
    (void)state;
    json_auto_t *pod =
        pod_with("{\"metadata\":{\"labels\":{\"team\":\"web\",\"" SOLVER_LABEL "\":\"no\"},"
                 "\"annotations\":{\"note\":\"n\"}},"
                 "\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"},\"affinity\":{\"nodeAffinity\":{}},"
                 "\"tolerations\":[{\"key\":\"edge\"}],\"priorityClassName\":\"high\","
                 "\"serviceAccountName\":\"solver\",\"imagePullSecrets\":[{\"name\":\"pull\"}],"
                 "\"resources\":{\"limits\":{\"memory\":\"64Mi\"}},"
                 "\"securityContext\":{\"runAsUser\":4711,\"runAsGroup\":4712,\"fsGroup\":4713,"
                 "\"supplementalGroups\":[1],\"seLinuxOptions\":{\"level\":\"s0:c1\"},"
                 "\"seccompProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\"p.json\"}}}}");
    expect_restricted(pod);
    const json_t *spec = JGET(pod, "spec");
    assert_string_equal(JSTR(pod, "metadata", "labels", "team"), "web");
    assert_string_equal(JSTR(pod, "metadata", "annotations", "note"), "n");
    assert_string_equal(JSTR(pod, "metadata", "annotations", "sidecar.istio.io/inject"), "false");
    expect_json(JGET(spec, "nodeSelector"), "{\"disk\":\"ssd\",\"kubernetes.io/os\":\"linux\"}");
    expect_json(JGET(spec, "affinity"), "{\"nodeAffinity\":{}}");
    expect_json(JGET(spec, "tolerations"), "[{\"key\":\"edge\"}]");
    expect_json(JGET(spec, "imagePullSecrets"), "[{\"name\":\"pull\"}]");
    assert_string_equal(JSTR(spec, "priorityClassName"), "high");
    assert_string_equal(JSTR(spec, "serviceAccountName"), "solver");
    expect_json(JGET(spec, "containers", "0", "resources"),
                "{\"requests\":{\"cpu\":\"1m\",\"memory\":\"8Mi\"},"
                "\"limits\":{\"memory\":\"64Mi\"}}");
    expect_json(JGET(spec, "securityContext"),
                "{\"runAsUser\":4711,\"runAsGroup\":4712,\"fsGroup\":4713,\"runAsNonRoot\":true,"
                "\"supplementalGroups\":[1],\"seLinuxOptions\":{\"level\":\"s0:c1\"},"
                "\"seccompProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\"p.json\"}}");
}

static void no_template_makes_the_pod_less_safe(void **state)
{
    (void)state;
    static const char *const templates[] = {
        "{\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":\"evil\"}],"
        "\"initContainers\":[{\"name\":\"y\",\"image\":\"evil\"}],\"ephemeralContainers\":[]}}",
        "{\"spec\":{\"hostNetwork\":true,\"hostPID\":true,\"hostIPC\":true,\"hostUsers\":true,"
        "\"shareProcessNamespace\":true,\"nodeName\":\"n\",\"runtimeClassName\":\"r\","
        "\"hostAliases\":[],\"schedulerName\":\"s\"}}",
        "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/\"}}],"
        "\"automountServiceAccountToken\":true,\"enableServiceLinks\":true}}",
        "{\"spec\":{\"securityContext\":{\"runAsNonRoot\":false,\"runAsUser\":0,"
        "\"seccompProfile\":{\"type\":\"Unconfined\"},\"sysctls\":[{\"name\":\"a\"}],"
        "\"windowsOptions\":{\"hostProcess\":true},"
        "\"seLinuxOptions\":{\"type\":\"spc_t\",\"level\":\"s0\"}}}}",
        "{\"spec\":{\"securityContext\":{\"runAsUser\":null,\"runAsNonRoot\":null,"
        "\"seccompProfile\":null}}}",
        "{\"spec\":{\"securityContext\":{\"runAsUser\":-1}}}",
        "{\"metadata\":{\"namespace\":\"kube-system\",\"name\":\"x\",\"finalizers\":[\"f\"],"
        "\"labels\":null,\"ownerReferences\":[{\"uid\":\"u\"}]},\"kind\":\"Deployment\"}",
        "{\"spec\":null,\"metadata\":null}",
        "{\"spec\":\"text\",\"metadata\":[]}",
        "{\"spec\":{\"resources\":7,\"securityContext\":[],\"nodeSelector\":\"x\"}}",
        "{}",
    };
    char name[KUBE_NAME_MAX + 1];
    http01_solver_name(THUMBPRINT, name);
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        json_auto_t *pod = pod_with(templates[i]);
        expect_restricted(pod);
        assert_string_equal(JSTR(pod, "metadata", "name"), name);
        assert_string_equal(JSTR(pod, "spec", "nodeSelector", "kubernetes.io/os"), "linux");
    }
}

static void a_template_is_an_object(void **state)
{
    (void)state;
    static const char *const templates[] = {"[]", "\"x\"", "7", "null", "{", ""};
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        const struct http01_solver s = {
            .ns = "shop",
            .thumbprint = THUMBPRINT,
            .image = "i",
            .config = {.pod_template = templates[i], .field = "ingress.podTemplate"}};
        const struct http01_presentation p = {.order = {.ns = "shop"}, .name = "o"};
        const struct http01_ingress_config config = {.field = "ingress.ingressTemplate",
                                                     .ingress_template = templates[i]};
        json_t *none = NULL;
        expect_err(http01_pod(&s, &none), ERR_INVALID, NULL, "http01.ingress.podTemplate");
        expect_err(http01_ingress(&p, "s", &config, &none), ERR_INVALID, NULL,
                   "http01.ingress.ingressTemplate");
        assert_null(none);
    }
}

static void the_service_finds_the_pod(void **state)
{
    (void)state;
    static const char *const types[][2] = {
        {NULL, "ClusterIP"}, {"", "ClusterIP"}, {"NodePort", "NodePort"}};
    json_auto_t *owner = parsed("{\"uid\":\"issuer\"}");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct http01_solver s = {.ns = "shop",
                                        .thumbprint = THUMBPRINT,
                                        .image = "i",
                                        .config = {.service_type = types[i][0]},
                                        .owner = owner};
        json_auto_t *service = NULL, *pod = NULL;
        expect_ok(http01_service(&s, &service));
        expect_ok(http01_pod(&s, &pod));
        assert_string_equal(JSTR(service, "spec", "type"), types[i][1]);
        assert_true(json_same(JGET(service, "spec", "selector"), JGET(pod, "metadata", "labels")));
        assert_string_equal(JSTR(service, "metadata", "name"), JSTR(pod, "metadata", "name"));
        expect_json(JGET(service, "metadata", "ownerReferences"), "[{\"uid\":\"issuer\"}]");
        expect_json(JGET(pod, "metadata", "ownerReferences"), "[{\"uid\":\"issuer\"}]");
        expect_json(JGET(service, "spec", "ports"),
                    "[{\"name\":\"http\",\"port\":8089,\"targetPort\":\"http\","
                    "\"protocol\":\"TCP\"}]");
    }
}

static json_t *ingress_with(const struct http01_ingress_config *config,
                            const struct http01_route *routes, size_t count)
{
    const struct http01_presentation p = {
        .order = {.ns = "shop"}, .name = "order-1", .routes = routes, .count = count};
    json_t *ingress = NULL;
    expect_ok(http01_ingress(&p, "answers", config, &ingress));
    return ingress;
}

static void each_name_has_an_exact_path(void **state)
{
    (void)state;
    static const struct http01_route routes[] = {
        {"a.test", "token-a"}, {"b.test", "token-b"}, {"192.0.2.1", "token-c"}};
    const struct http01_ingress_config config = {.class_name = NULL};
    json_auto_t *ingress = ingress_with(&config, routes, ARRAY_LEN(routes));
    const json_t *rules = JGET(ingress, "spec", "rules");
    assert_int_equal(json_count(rules), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *path = JGET(json_item(rules, i), "http", "paths", "0");
        auto_free char *want = x_printf("/.well-known/acme-challenge/%s", routes[i].token);
        assert_string_equal(JSTR(path, "path"), want);
        assert_string_equal(JSTR(path, "pathType"), "Exact");
        assert_string_equal(JSTR(path, "backend", "service", "name"), "answers");
        assert_int_equal(JINT(path, 0, "backend", "service", "port", "number"), HTTP01_PORT);
    }
    assert_string_equal(JSTR(rules, "0", "host"), "a.test");
    assert_string_equal(JSTR(rules, "1", "host"), "b.test");
    assert_null(JGET(rules, "2", "host"));
    assert_string_equal(JSTR(ingress, "metadata", "name"), "order-1");
    assert_string_equal(JSTR(ingress, "metadata", "labels", SOLVER_LABEL), "true");
    assert_null(JGET(ingress, "spec", "ingressClassName"));
    assert_null(JGET(ingress, "metadata", "annotations", "kubernetes.io/ingress.class"));
}

static void the_class_is_a_field_or_an_annotation(void **state)
{
    (void)state;
    const struct http01_ingress_config field = {.ingress_class_name = "special"};
    json_auto_t *a = ingress_with(&field, NULL, 0);
    assert_string_equal(JSTR(a, "spec", "ingressClassName"), "special");
    assert_null(JGET(a, "metadata", "annotations", "kubernetes.io/ingress.class"));
    const struct http01_ingress_config annotation = {.class_name = "old"};
    json_auto_t *b = ingress_with(&annotation, NULL, 0);
    assert_null(JGET(b, "spec", "ingressClassName"));
    assert_string_equal(JSTR(b, "metadata", "annotations", "kubernetes.io/ingress.class"), "old");
}

static void the_template_adds_to_the_ingress(void **state)
{
    (void)state;
    const struct http01_ingress_config config = {
        .class_name = "old",
        .ingress_template =
            "{\"metadata\":{\"labels\":{\"team\":\"web\",\"" SOLVER_LABEL "\":\"no\"},"
            "\"annotations\":{\"example.test/a\":\"b\",\"kubernetes.io/ingress.class\":\"x\"},"
            "\"name\":\"other\",\"namespace\":\"other\",\"finalizers\":[\"f\"]},"
            "\"spec\":{\"tls\":[{}],\"defaultBackend\":{},\"ingressClassName\":\"x\"}}"};
    json_auto_t *ingress = ingress_with(&config, NULL, 0);
    const json_t *meta = JGET(ingress, "metadata");
    assert_string_equal(JSTR(meta, "labels", "team"), "web");
    assert_string_equal(JSTR(meta, "labels", SOLVER_LABEL), "true");
    assert_string_equal(JSTR(meta, "annotations", "example.test/a"), "b");
    assert_string_equal(JSTR(meta, "annotations", "kubernetes.io/ingress.class"), "old");
    assert_string_equal(JSTR(meta, "annotations", "nginx.ingress.kubernetes.io/ssl-redirect"),
                        "false");
    assert_string_equal(JSTR(meta, "name"), "order-1");
    assert_string_equal(JSTR(meta, "namespace"), "shop");
    assert_null(JGET(meta, "finalizers"));
    expect_json(JGET(ingress, "spec"), "{\"rules\":[]}");
}

static void no_controller_asks_for_https_or_a_login(void **state)
{
    (void)state;
    static const char *const off[] = {"nginx.ingress.kubernetes.io/ssl-redirect",
                                      "nginx.ingress.kubernetes.io/force-ssl-redirect",
                                      "nginx.ingress.kubernetes.io/enable-global-auth",
                                      "haproxy-ingress.github.io/ssl-redirect",
                                      "haproxy.org/ssl-redirect",
                                      "ingress.kubernetes.io/ssl-redirect",
                                      "ingress.kubernetes.io/force-ssl-redirect"};
    const struct http01_ingress_config plain = {.class_name = NULL};
    json_auto_t *ingress = ingress_with(&plain, NULL, 0);
    const json_t *annotations = JGET(ingress, "metadata", "annotations");
    for (size_t i = 0; i < ARRAY_LEN(off); i++)
        assert_string_equal(JSTR(annotations, off[i]), "false");
    assert_string_equal(JSTR(annotations, "konghq.com/protocols"), "http,https");
    assert_string_equal(JSTR(annotations, "nginx.ingress.kubernetes.io/whitelist-source-range"),
                        "0.0.0.0/0,::/0");
    /* The template is by whoever knows the controller. */
    const struct http01_ingress_config own = {
        .ingress_template = "{\"metadata\":{\"annotations\":{\"konghq.com/protocols\":\"http\","
                            "\"haproxy.org/ssl-redirect\":\"true\"}}}"};
    json_auto_t *told = ingress_with(&own, NULL, 0);
    annotations = JGET(told, "metadata", "annotations");
    assert_string_equal(JSTR(annotations, "konghq.com/protocols"), "http");
    assert_string_equal(JSTR(annotations, "haproxy.org/ssl-redirect"), "true");
    assert_string_equal(JSTR(annotations, "ingress.kubernetes.io/ssl-redirect"), "false");
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
        cmocka_unit_test(the_name_is_that_of_the_account),
        cmocka_unit_test(a_pod_without_a_template_is_restricted),
        cmocka_unit_test(the_template_shapes_the_pod),
        cmocka_unit_test(no_template_makes_the_pod_less_safe),
        cmocka_unit_test(a_template_is_an_object),
        cmocka_unit_test(the_service_finds_the_pod),
        cmocka_unit_test(each_name_has_an_exact_path),
        cmocka_unit_test(the_class_is_a_field_or_an_annotation),
        cmocka_unit_test(the_template_adds_to_the_ingress),
        cmocka_unit_test(no_controller_asks_for_https_or_a_login),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
