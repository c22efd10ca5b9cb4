/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_fixture.h"
#include "http01/objects.h"
#include "objects.h"

#define READY COND("Ready", "True", "Ready", "up to date")
#define UNREADY COND("Ready", "False", "DoesNotExist", "no Secret")
#define APPROVED COND("Approved", "True", "certroll.dev", "ok")
#define PENDING COND("Ready", "False", "Pending", "Waiting for Order web-1-o")
#define ISSUING COND("Issuing", "True", "DoesNotExist", "no Secret")
#define INGRESSES "/apis/networking.k8s.io/v1/namespaces/ns/ingresses/"

static struct fixture fixture;

static int setup(void **state)
{
    fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

static void asks(struct fixture *f, int code)
{
    assert_null(fixture_run(f, &verb_why, ARGS("web")));
    if (f->cli.code != code)
        fail_msg("exit code %d:\n%s", f->cli.code, buf_str(&f->cli.out));
    assert_int_equal(f->secret_reads, 0);
}

/* Up to the CertificateRequest. */
static void put_certificate(struct fixture *f, const char *request)
{
    fixture_put(
        f, CRT_PATH("web"), 200,
        CRT("web", BY_LE, "\"nextAction\":\"what the controller says\",", UNREADY "," ISSUING));
    fixture_put(f, ISSUER_PATH("le"), 200, ISSUER("le", COND("Ready", "True", "IsReady", "fine")));
    fixture_list(f, REQUESTS_PATH, request);
}

static void put_order(struct fixture *f, const char *order, const char *challenges)
{
    put_certificate(f, REQUEST("web-1", "1", APPROVED "," PENDING));
    fixture_list(f, ORDERS_PATH, order);
    fixture_list(f, CHALLENGES_PATH, challenges);
}

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    AUTO_ERR none = fixture_check(f, &verb_why, ARGS());
    AUTO_ERR two = fixture_check(f, &verb_why, ARGS("a", "b"));
    assert_true(err_is(none, ERR_INVALID) && err_is(two, ERR_INVALID));
    AUTO_ERR absent = fixture_run(f, &verb_why, ARGS("web"));
    assert_true(err_is(absent, ERR_NOT_FOUND));
}

/* ---- the Certificate ---- */

static void test_ready(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE,
                    "\"notAfter\":\"2026-12-21T12:00:00Z\",\"renewalTime\":"
                    "\"2026-12-01T12:00:00Z\",\"rollout\":{\"updated\":2,\"pending\":1},",
                    READY));
    asks(f, 0);
    assert_string_equal(buf_str(&f->cli.out),
                        "Certificate ns/web is Ready since 2026-11-21T11:30:00Z (30 min ago).\n"
                        "Its certificate is valid until 2026-12-21T12:00:00Z (in 30 d) and is "
                        "renewed at 2026-12-01T12:00:00Z (in 10 d).\n"
                        "1 of 3 workloads do not run with it yet.\n");
}

static void test_ready_and_failing_to_renew(void **state)
{
    struct fixture *f = *state;
    put_certificate(
        f, REQUEST("web-2", "2", APPROVED "," COND("Ready", "False", "Failed", "refused")));
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE,
                    "\"revision\":1,\"notAfter\":\"2026-12-01T12:00:00Z\",\"nextAction\":\"next "
                    "attempt at noon\",",
                    READY "," COND("Issuing", "False", "Failed", "refused")));
    asks(f, 0); /* it serves */
    fixture_has(f, "CertificateRequest web-2 has failed: refused\n");
    fixture_has(f, "Until:     next attempt at noon\n");
    fixture_has(f, "`certroll renew web` then tries at once");
    fixture_has(
        f, "Meanwhile: the present certificate is valid until 2026-12-01T12:00:00Z (in 10 d)\n");
}

static void test_never_looked_at(void **state)
{
    struct fixture *f = *state;
    put_certificate(f, "");
    fixture_put(f, CRT_PATH("web"), 200, CRT("web", BY_LE, "", ""));
    asks(f, 1);
    fixture_has(f, "Certificate ns/web has no status yet.\n");
    fixture_has(f, "Waits for: the controller to look at it\nSince:     2026-11-21T11:00:00Z");
    fixture_has(f, "namespace ns and was started with --api-group certroll.dev\n");
}

static void test_spec_is_to_be_changed(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE, "", COND("Ready", "False", "InvalidSpec", "write another name")));
    asks(f, 1);
    fixture_has(f, "InvalidSpec: write another name\n");
    fixture_has(f, "Waits for: a change of the spec\n");
    fixture_lacks(f, "Issuer");
}

/* ---- the issuer ---- */

static void test_issuer_is_absent(void **state)
{
    struct fixture *f = *state;
    put_certificate(f, "");
    fixture_put(f, ISSUER_PATH("le"), 404, "{}");
    asks(f, 1);
    fixture_has(f, "Issuer le does not exist.\n");
    fixture_has(f, "Waits for: Issuer le to exist\nSince:     2026-11-21T11:30:00Z (30 min ago)\n");
    fixture_has(f, "To do:     create it, or correct spec.issuerRef\n");
}

static void test_cluster_issuer_is_not_ready(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", "\"name\":\"le\",\"kind\":\"ClusterIssuer\"", "", UNREADY));
    fixture_put(f, CRDS "/clusterissuers/le", 200,
                ISSUER("le", COND("Ready", "False", "ErrRegister", "the CA \\u001b[1mrefused")));
    asks(f, 1);
    fixture_has(f, "ClusterIssuer le is not Ready: the CA ?[1mrefused\n");
    fixture_has(f, "Waits for: ClusterIssuer le to be Ready\n");
    fixture_put(f, CRDS "/clusterissuers/le", 200, ISSUER("le", ""));
    asks(f, 1);
    fixture_has(f, "ClusterIssuer le is not Ready: it has no status yet\n");
}

static void test_foreign_issuer(void **state)
{
    struct fixture *f = *state;
    put_certificate(f, REQUEST("web-1", "1", ""));
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", "\"name\":\"le\",\"kind\":\"Foo\",\"group\":\"foo.io\"", "", UNREADY));
    asks(f, 1);
    fixture_has(f, "Its issuer is Foo le of foo.io: not one of ours.\n");
    fixture_has(f, "CertificateRequest web-1 is pending: nobody has answered it yet\n");
    fixture_has(f, "Waits for: an approval of the CertificateRequest\n");
}

/* ---- the request ---- */

static void test_verdicts_on_the_request(void **state)
{
    static const struct {
        const char *conditions;
        const char *said;
    } rows[] = {
        {COND("Denied", "True", "Policy", "not these names"), "is Denied: not these names\n"},
        {COND("InvalidRequest", "True", "InvalidRequest", "bad CSR"),
         "is InvalidRequest: bad CSR\n"},
        {COND("Ready", "False", "Failed", "no luck"), "has failed: no luck\n"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *request = x_printf(
            "{" META("web-1", "u",
                     OWNED("Certificate", "web",
                           "crt-web")) ",\"spec\":{\"request\":\"cnVi\",\"issuerRef\":{" BY_LE
                                       "}},\"status\":{\"conditions\":[%s]}}",
            rows[i].conditions);
        put_certificate(f, request);
        asks(f, 1);
        fixture_has(f, rows[i].said);
        fixture_has(f, "Waits for: the next attempt, as this one has failed\n"
                       "Since:     2026-11-21T11:30:00Z (30 min ago)\n"
                       "Until:     what the controller says\n");
    }
}

static void test_request_of_the_past_explains_nothing(void **state)
{
    struct fixture *f = *state;
    put_certificate(f, REQUEST("web-1", "1", APPROVED "," READY));
    fixture_put(f, CRT_PATH("web"), 200, CRT("web", BY_LE, "\"revision\":1,", UNREADY));
    asks(f, 1);
    fixture_has(f, "There is no CertificateRequest for the next certificate.\n");
}

static void test_answered_and_not_written(void **state)
{
    struct fixture *f = *state;
    put_certificate(f, REQUEST("web-1", "1", APPROVED "," READY));
    asks(f, 1);
    fixture_has(f, "Waits for: the controller to write the Secret\n");
}

static void test_preflight(void **state)
{
    struct fixture *f = *state;
    put_certificate(
        f, PREFLIGHT("web-1-preflight", "attempt",
                     COND("Ready", "False", "Failed",
                          "refused")) "," PREFLIGHT("web-preflight-x", "command", APPROVED));
    asks(f, 1);
    fixture_has(f, "It is in its preflight: Issuer staging has to issue first,");
    fixture_has(f, "CertificateRequest web-1-preflight has failed: refused\n");
    put_certificate(f, PREFLIGHT("web-1-preflight", "attempt", APPROVED "," READY));
    asks(f, 1);
    fixture_has(f, "Waits for: the controller to ask the real issuer\n");
    /* The request itself comes after it; somebody's own is nobody's attempt. */
    put_certificate(f, PREFLIGHT("web-1-preflight", "attempt",
                                 APPROVED) "," REQUEST("web-1", "1", APPROVED "," READY));
    asks(f, 1);
    fixture_lacks(f, "preflight");
    put_certificate(f, PREFLIGHT("web-preflight-x", "command", APPROVED));
    asks(f, 1);
    fixture_has(f, "There is no CertificateRequest for the next certificate.\n");
}

static void test_approved_and_not_answered(void **state)
{
    struct fixture *f = *state;
    put_certificate(f, REQUEST("web-1", "1", APPROVED));
    asks(f, 1);
    fixture_has(f, "Waits for: the issuer to answer the CertificateRequest\n");
}

static void test_parts_that_may_not_be_read(void **state)
{
    struct fixture *f = *state;
    put_order(f, "", "");
    fixture_put(f, ORDERS_PATH, 403, "{\"reason\":\"Forbidden\"}");
    fixture_put(f, ISSUER_PATH("le"), 403, "{\"reason\":\"Forbidden\"}");
    asks(f, 1);
    fixture_has(f, "The issuer cannot be read: ");
    fixture_has(f, "The Order cannot be read: ");
    fixture_has(f, "Waits for: ");
}

/* ---- ACME ---- */

static void test_order_has_failed(void **state)
{
    struct fixture *f = *state;
    put_order(f,
              ORDER("web-1-o", "\"state\":\"invalid\",\"reason\":\"the CA says no\","
                               "\"failureTime\":\"2026-11-21T11:45:00Z\""),
              "");
    asks(f, 1);
    fixture_has(f,
                "Order web-1-o is invalid since 2026-11-21T11:00:00Z (1 h ago): the CA says no\n");
    fixture_has(f, "Since:     2026-11-21T11:45:00Z (15 min ago)\n");
}

static void test_ca_is_to_issue(void **state)
{
    struct fixture *f = *state;
    put_order(f, ORDER("web-1-o", "\"state\":\"processing\",\"url\":\"https://ca/o\""),
              CHALLENGE("c", "web.example.com", "\"state\":\"valid\""));
    asks(f, 1);
    fixture_has(f, "Waits for: the CA to issue\n");
    fixture_lacks(f, "The challenge");
    put_order(f, ORDER("web-1-o", ""), "");
    asks(f, 1);
    fixture_has(f, "Order web-1-o is new");
    fixture_has(f, "Waits for: the CA to accept the order\n");
}

static void test_challenge_has_failed(void **state)
{
    struct fixture *f = *state;
    put_order(f, ORDER("web-1-o", "\"state\":\"pending\""),
              CHALLENGE("c", "web.example.com",
                        "\"state\":\"invalid\",\"reason\":\"connection refused\""));
    asks(f, 1);
    fixture_has(f, "The challenge for web.example.com is invalid: connection refused\n");
    fixture_has(f, "To do:     mend what the CA says: it must reach the name on port 80");
}

/* Somebody has to put a record into DNS: which one is said in full. */
static void test_record_is_wanted(void **state)
{
    struct fixture *f = *state;
    auto_free char *challenge = x_strdup(
        CHALLENGE("c", "web.example.com",
                  "\"state\":\"pending\",\"reason\":\"not there\",\"nextAction\":\"somebody\","
                  "\"dnsPersist01\":{\"name\":\"_validation-persist.web.example.com\",\"value\":"
                  "\"ca.example; accounturi=https://ca/1\"}"));
    char *type = strstr(challenge, "HTTP-01");
    memcpy(type, "DNS-01\" ", 8); /* as long, and a DNS type */
    put_order(f, ORDER("web-1-o", "\"state\":\"pending\""), challenge);
    asks(f, 1);
    fixture_has(f, "The challenge for web.example.com is pending: not there\n");
    fixture_has(f, "Waits for: somebody\n");
    fixture_has(f,
                "put this TXT record into DNS, where it stays: _validation-persist.web.example.com "
                "\"ca.example; accounturi=https://ca/1\"");
}

static void test_many_challenges_are_counted(void **state)
{
    struct fixture *f = *state;
#define OPEN(n) CHALLENGE("c" n, n ".example.com", "\"state\":\"pending\"")
    put_order(f, ORDER("web-1-o", "\"state\":\"pending\""),
              OPEN("1") "," OPEN("2") "," OPEN("3") "," OPEN("4") "," OPEN("5") "," OPEN(
                  "6") "," OPEN("7"));
    asks(f, 1);
    fixture_has(f,
                "The challenge for 5.example.com is pending\n2 more names are not proven yet.\n");
    fixture_lacks(f, "6.example.com");
}

/* ---- the solver ---- */

static void put_solver(struct fixture *f, const char *pod_status, const char *ingress_status)
{
    char name[KUBE_NAME_MAX + 1];
    http01_solver_name("thumb", name);
    auto_free char *pod = x_printf("/api/v1/namespaces/ns/pods/%s", name);
    auto_free char *service = x_printf("/api/v1/namespaces/ns/services/%s", name);
    auto_free char *pod_body = x_printf("{\"status\":{%s}}", pod_status);
    auto_free char *ingress =
        x_printf("{\"spec\":{\"ingressClassName\":\"haproxy\"},\"status\":{%s}}", ingress_status);
    put_order(f, ORDER("web-1-o", "\"state\":\"pending\""),
              CHALLENGE("c", "web.example.com", "\"state\":\"pending\",\"reason\":\"not seen\""));
    fixture_put(f, pod, 200, pod_body);
    fixture_put(f, service, 200, "{}");
    fixture_put(f, INGRESSES "web-1-o", 200, ingress);
}

#define POD_READY "\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]"
#define ADDRESS "\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"}]}"

static void test_solver_is_not_there(void **state)
{
    struct fixture *f = *state;
    put_order(f, ORDER("web-1-o", "\"state\":\"pending\""),
              CHALLENGE("c", "web.example.com", "\"state\":\"pending\""));
    asks(f, 1);
    char name[KUBE_NAME_MAX + 1];
    http01_solver_name("thumb", name);
    auto_free char *waits = x_printf("Waits for: Pod %s to be created\n", name);
    fixture_has(f, waits);
    fixture_has(f, "Ingress web-1-o does not exist.\n");
}

static void test_pod_has_no_image(void **state)
{
    struct fixture *f = *state;
    put_solver(f,
               "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}],"
               "\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\","
               "\"message\":\"no such image\"}}}]",
               ADDRESS);
    asks(f, 1);
    fixture_has(f, "which answers the CA, is not ready: ErrImagePull: no such image\n");
    fixture_has(f, "--solver-image");
}

static void test_pod_has_no_room(void **state)
{
    struct fixture *f = *state;
    put_solver(f,
               "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":"
               "\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/1 nodes\"}]",
               ADDRESS);
    asks(f, 1);
    fixture_has(f, "is not ready: Unschedulable: 0/1 nodes\n");
    fixture_has(f, "To do:     make room for the Pod");
}

static void test_route_is_left(void **state)
{
    struct fixture *f = *state;
    put_solver(f, POD_READY, "");
    asks(f, 1);
    fixture_has(
        f, "No ingress controller has given Ingress web-1-o (class haproxy) an address yet.\n");
    fixture_has(f, "To do:     see that "
                   "http://web.example.com/.well-known/acme-challenge/the-token-of-16+ answers: "
                   "web.example.com must resolve to the ingress controller, which must serve "
                   "Ingress web-1-o on port 80\n");
    put_solver(f, POD_READY, ADDRESS);
    asks(f, 1);
    fixture_lacks(f, "No ingress controller");
    fixture_has(f, "Waits for: the answer to be seen\n");
}

int main(void)
{
    json_room_init();
    assert_null(api_init(API_DEFAULT_GROUP));
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_arguments),
        TEST(test_ready),
        TEST(test_ready_and_failing_to_renew),
        TEST(test_never_looked_at),
        TEST(test_spec_is_to_be_changed),
        TEST(test_issuer_is_absent),
        TEST(test_cluster_issuer_is_not_ready),
        TEST(test_foreign_issuer),
        TEST(test_verdicts_on_the_request),
        TEST(test_request_of_the_past_explains_nothing),
        TEST(test_answered_and_not_written),
        TEST(test_preflight),
        TEST(test_approved_and_not_answered),
        TEST(test_parts_that_may_not_be_read),
        TEST(test_order_has_failed),
        TEST(test_ca_is_to_issue),
        TEST(test_challenge_has_failed),
        TEST(test_record_is_wanted),
        TEST(test_many_challenges_are_counted),
        TEST(test_solver_is_not_there),
        TEST(test_pod_has_no_image),
        TEST(test_pod_has_no_room),
        TEST(test_route_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
