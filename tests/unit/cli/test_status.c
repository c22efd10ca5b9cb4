/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_fixture.h"
#include "objects.h"
#include "pki/key.h"

#define READY COND("Ready", "True", "Ready", "up to date")
#define EVENTS_PATH "/apis/events.k8s.io/v1/namespaces/ns/events"

static struct fixture fixture;

static int setup(void **state)
{
    fixture_init(&fixture);
    static char text[] = "text";
    fixture.cli.flags.output = text;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

/* ---- arguments ---- */

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    static const char *const good[][4] = {
        {NULL}, {"all"}, {"web"}, {"certificate", "web"}, {"order", "web"}, {"certificate", "all"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(fixture_check(f, &verb_status, good[i]));
    static const char *const bad[][4] = {
        {"a", "b"}, {"issuer", "a"}, {"certificate", "a", "b"}, {"order", "a", "b"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_ERR e = fixture_check(f, &verb_status, bad[i]);
        assert_true(err_is(e, ERR_INVALID));
    }
}

static void test_a_name_is_in_one_namespace(void **state)
{
    struct fixture *f = *state;
    f->cli.flags.all_namespaces = true;
    assert_null(fixture_check(f, &verb_status, ARGS("all")));
    AUTO_ERR e = fixture_check(f, &verb_status, ARGS("web"));
    assert_true(err_is(e, ERR_INVALID));
}

/* ---- the overview ---- */

static void test_overview(void **state)
{
    struct fixture *f = *state;
    fixture_list(f, CRDS "/namespaces/ns/certificates",
                 CRT("web", BY_LE,
                     "\"notAfter\":\"2026-12-21T12:00:00Z\",\"renewalTime\":"
                     "\"2026-12-01T12:00:00Z\",\"nextAction\":\"renewal\",",
                     READY) "," CRT("new", "\"name\":\"x\",\"kind\":\"ClusterIssuer\"", "", ""));
    assert_null(fixture_run(f, &verb_status, ARGS()));
    assert_string_equal(buf_str(&f->cli.out),
                        "READY     NAME   SECRET    ISSUER            EXPIRES IN   RENEWS IN   "
                        "NEXT ACTION\n"
                        "True      web    web-tls   le                30 d         10 d        "
                        "renewal\n"
                        "Unknown   new    new-tls   ClusterIssuer/x   -            -           "
                        "-\n");
    assert_int_equal(f->cli.code, 0);
    assert_int_equal(f->secret_reads, 0);
}

static void test_overview_of_everything(void **state)
{
    struct fixture *f = *state;
    f->cli.ns = NULL;
    static char selector[] = "a=b,c!=d";
    f->cli.flags.selector = selector;
    fixture_list(f, CRDS "/certificates", CRT("web", BY_LE, "", READY));
    assert_null(fixture_run(f, &verb_status, ARGS("all")));
    fixture_has(f, "NAMESPACE   READY   NAME");
    fixture_has(f, "ns          True    web");
    assert_non_null(strstr(f->query, "labelSelector=a%3Db%2Cc%21%3Dd"));
}

static void test_overview_of_nothing(void **state)
{
    struct fixture *f = *state;
    assert_null(fixture_run(f, &verb_status, ARGS()));
    assert_string_equal(buf_str(&f->cli.out), "No Certificates found in namespace ns.\n");
    f->cli.ns = NULL;
    assert_null(fixture_run(f, &verb_status, ARGS()));
    assert_string_equal(buf_str(&f->cli.out), "No Certificates found.\n");
}

static void test_group_is_not_installed(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRDS "/namespaces/ns/certificates", 404, "404 page not found");
    AUTO_ERR e = fixture_run(f, &verb_status, ARGS());
    assert_true(err_is(e, ERR_NOT_FOUND));
    assert_non_null(strstr(e->message, "--api-group"));
    assert_int_equal(f->cli.out.len, 0);
}

/* ---- one Certificate ---- */

static void put_chain(struct fixture *f)
{
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE,
                    "\"renewalTime\":\"2026-12-01T12:00:00Z\",\"nextAction\":\"Order\","
                    "\"revision\":1,\"failedIssuanceAttempts\":2,\"rollout\":{\"fingerprint\":"
                    "\"ab\",\"updated\":1,\"pending\":2},",
                    READY));
    fixture_put(f, ISSUER_PATH("le"), 200, ISSUER("le", COND("Ready", "True", "IsReady", "fine")));
    fixture_list(
        f, REQUESTS_PATH,
        REQUEST("web-9", "9", "") "," REQUEST("web-10", "10", READY) "," REQUEST(
            "web-1", "1",
            "") ",{" META("foreign", "x",
                          OWNED("Certificate", "web",
                                "other")) ",\"spec\":{\"request\":\"cnVi\",\"issuerRef\":{" BY_LE
                                          "}}}");
    fixture_tls_secret(f);
}

static void test_certificate(void **state)
{
    struct fixture *f = *state;
    put_chain(f);
    assert_null(fixture_run(f, &verb_status, ARGS("web")));
    fixture_has(f, "Name: web\nNamespace: ns\nCreated at: 2026-11-21T11:00:00Z (1 h ago)\n");
    fixture_has(f, "Conditions:\n  - Type: Ready\n    Status: True\n");
    fixture_has(f, "DNS names:\n  - web.example.com\nRenewal time: 2026-12-01T12:00:00Z (in 10 d)");
    fixture_has(f, "Failed attempts: 2\n");
    fixture_has(f, "Issuer:\n  Kind: Issuer\n  Name: le\n  Conditions:\n    - Type: Ready\n");
    fixture_has(f, "Secret:\n  Name: web-tls\n  Type: kubernetes.io/tls\n  DNS names:\n"
                   "    - web.example.com\n");
    fixture_has(f, "  Not after: 2026-12-21T12:00:00Z (in 30 d)\n  Fingerprint: ");
    fixture_has(f, "Rollout:\n  Fingerprint: ab\n  Updated: 1\n  Pending: 2\n");
    fixture_has(f, "Certificate request:\n  Name: web-10\n"); /* of the highest revision */
    fixture_lacks(f, "VE9QU0VDUkVU");
    fixture_lacks(f, "TOPSECRET");
    assert_int_equal(f->cli.code, 0);
}

static void test_acme_parts(void **state)
{
    struct fixture *f = *state;
    put_chain(f);
    fixture_list(f, REQUESTS_PATH, REQUEST("web-1", "1", ""));
    fixture_list(f, ORDERS_PATH,
                 ORDER("web-1-o", "\"state\":\"pending\",\"url\":\"https://ca/o\""));
    fixture_list(
        f, CHALLENGES_PATH,
        CHALLENGE("ch1", "web.example.com", "\"state\":\"pending\",\"presented\":true,\"reason\":\"waiting\"") ",{" META(
            "other", "x",
            OWNED("Order", "o",
                  "another")) ",\"spec\":{\"url\":\"u\",\"authorizationURL\":\"a\",\"dnsName\":"
                              "\"no\","
                              "\"type\":\"HTTP-01\",\"token\":\"t\",\"key\":\"k\",\"solver\":{},"
                              "\"issuerRef\":{" BY_LE "}}}");
    assert_null(fixture_run(f, &verb_status, ARGS("certificate", "web")));
    fixture_has(f, "Order:\n  Name: web-1-o\n");
    fixture_has(f, "  State: pending\n  URL: https://ca/o\n");
    fixture_has(f, "Challenges:\n  - DNS name: web.example.com\n    Name: ch1\n    Type: HTTP-01\n"
                   "    State: pending\n    Presented: yes\n    Reason: waiting\n");
    fixture_lacks(f, "DNS name: no");
}

static void test_what_cannot_be_read_hides_nothing(void **state)
{
    struct fixture *f = *state;
    put_chain(f);
    fixture_put(f, "/api/v1/namespaces/ns/secrets/web-tls", 403,
                "{\"reason\":\"Forbidden\",\"message\":\"you may not\"}");
    fixture_put(f, ORDERS_PATH, 403, "{\"reason\":\"Forbidden\"}");
    fixture_put(f, EVENTS_PATH, 403, "{\"reason\":\"Forbidden\"}");
    fixture_put(f, ISSUER_PATH("le"), 404, "{}");
    assert_null(fixture_run(f, &verb_status, ARGS("web")));
    fixture_has(f, "Error: GET secrets ns/web-tls: the API server answered 403 Forbidden: you may");
    fixture_has(f, "Order:\n  Error: GET orders.acme.certroll.dev");
    fixture_has(f, "Events:\n  - Error: GET events.events.k8s.io");
    fixture_has(f, "Error: Issuer ns/le not found\n");
    fixture_has(f, "Certificate request:\n  Name: web-10\n");
}

static void test_unusable_secret(void **state)
{
    struct fixture *f = *state;
    put_chain(f);
    fixture_put(f, "/api/v1/namespaces/ns/secrets/web-tls", 200,
                "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"ns\"},\"type\":\"Opaque\","
                "\"data\":{\"tls.crt\":\"cnViYmlzaA==\",\"tls.key\":\"VE9QU0VDUkVU\"}}");
    assert_null(fixture_run(f, &verb_status, ARGS("web")));
    fixture_has(f, "Secret:\n  Name: web-tls\n  Type: Opaque\n  Error: tls.crt: ");
    fixture_lacks(f, "rubbish");
}

static void test_not_found(void **state)
{
    struct fixture *f = *state;
    AUTO_ERR e = fixture_run(f, &verb_status, ARGS("web"));
    assert_true(err_is(e, ERR_NOT_FOUND));
    assert_non_null(strstr(e->message, "Certificate ns/web not found"));
    AUTO_ERR order = fixture_run(f, &verb_status, ARGS("order", "o"));
    assert_non_null(strstr(order->message, "Order ns/o not found"));
}

/* ---- an Order ---- */

static void test_order(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, ORDERS_PATH "/web-1-o", 200,
                ORDER("web-1-o", "\"state\":\"invalid\",\"reason\":\"refused\""));
    fixture_list(f, CHALLENGES_PATH, CHALLENGE("ch1", "web.example.com", "\"state\":\"invalid\""));
    assert_null(fixture_run(f, &verb_status, ARGS("order", "web-1-o")));
    fixture_has(f, "Name: web-1-o\n");
    fixture_has(f, "State: invalid\nReason: refused\n");
    fixture_has(f, "Challenges:\n  - DNS name: web.example.com\n");
    assert_int_equal(f->secret_reads, 0);
}

/* ---- Events ---- */

static void add_event(struct buf *b, const char *uid, int minute, const char *note)
{
    buf_putf(b,
             "%s{\"metadata\":{\"name\":\"e\",\"creationTimestamp\":\"2026-11-21T00:00:00Z\"},"
             "\"regarding\":{\"kind\":\"Certificate\",\"name\":\"web\",\"uid\":\"%s\"},"
             "\"eventTime\":\"2026-11-21T10:%02d:00.000000Z\",\"type\":\"Normal\","
             "\"reason\":\"R\",\"note\":\"%s%d\"}",
             b->len > 0 ? "," : "", uid, minute, note, minute);
}

static void test_events_are_the_latest_in_order(void **state)
{
    struct fixture *f = *state;
    put_chain(f);
    AUTO(buf_release) struct buf items = BUF_INIT(65536);
    static const int minutes[] = {30, 5, 50, 10, 45, 1, 20, 40, 15, 25, 35, 55};
    for (size_t i = 0; i < ARRAY_LEN(minutes); i++)
        add_event(&items, "crt-web", minutes[i], "note-");
    add_event(&items, "foreign", 59, "foreign-");
    fixture_list(f, EVENTS_PATH, buf_str(&items));
    assert_null(fixture_run(f, &verb_status, ARGS("web")));
    static const int kept[] = {10, 15, 20, 25, 30, 35, 40, 45, 50, 55};
    const char *at = buf_str(&f->cli.out);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        auto_free char *note = x_printf("note-%d\n", kept[i]);
        at = strstr(at, note);
        assert_non_null(at); /* each after the one before */
    }
    fixture_lacks(f, "note-1\n");
    fixture_lacks(f, "note-5\n");
    fixture_lacks(f, "foreign-");
}

static void test_events_of_all_kinds_of_writers(void **state)
{
    struct fixture *f = *state;
    put_chain(f);
    fixture_list(
        f, EVENTS_PATH,
        "{\"metadata\":{\"name\":\"a\"},\"regarding\":{\"uid\":\"issuer-le\",\"kind\":\"Issuer\","
        "\"name\":\"le\"},\"eventTime\":null,\"deprecatedLastTimestamp\":\"2026-11-21T11:59:00Z\","
        "\"deprecatedCount\":4,\"type\":\"Warning\",\"reason\":\"Old\",\"note\":\"n\\u001b[0m\"},"
        "{\"metadata\":{\"name\":\"b\"},\"regarding\":{\"uid\":\"cr-web-10\"},\"eventTime\":"
        "\"2026-11-21T10:00:00.5Z\",\"series\":{\"count\":9,\"lastObservedTime\":"
        "\"2026-11-21T11:58:00.123456Z\"},\"reason\":\"Series\"}");
    assert_null(fixture_run(f, &verb_status, ARGS("web")));
    fixture_has(f, "Events:\n"
                   "  - Last seen: 2026-11-21T11:58:00Z (2 min ago)\n    Reason: Series\n"
                   "    Object: ?/?\n    Count: 9\n"
                   "  - Last seen: 2026-11-21T11:59:00Z (1 min ago)\n    Type: Warning\n"
                   "    Reason: Old\n    Object: Issuer/le\n    Message: n?[0m\n    Count: 4\n");
}

/* ---- JSON ---- */

static json_t *output(struct fixture *f)
{
    json_t *value = NULL;
    assert_null(json_parse(buf_str(&f->cli.out), f->cli.out.len, &value));
    return value;
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    static char text[] = "json";
    f->cli.flags.output = text;
    put_chain(f);
    assert_null(fixture_run(f, &verb_status, ARGS("web")));
    json_auto_t *one = output(f);
    assert_string_equal(JSTR(one, "secret", "dnsNames", "0"), "web.example.com");
    assert_string_equal(JSTR(one, "issuer", "conditions", "0", "type"), "Ready");
    assert_string_equal(JSTR(one, "certificateRequest", "name"), "web-10");
    assert_int_equal(json_count(JGET(one, "order")), 0);
    assert_null(JGET(one, "secret", "tls.key"));
    fixture_list(f, CRDS "/namespaces/ns/certificates", CRT("web", BY_LE, "", READY));
    assert_null(fixture_run(f, &verb_status, ARGS()));
    json_auto_t *all = output(f);
    assert_string_equal(JSTR(all, "items", "0", "name"), "web");
    assert_string_equal(JSTR(all, "items", "0", "ready"), "True");
}

int main(void)
{
    json_room_init();
    pki_init();
    assert_null(api_init(API_DEFAULT_GROUP));
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_arguments),
        TEST(test_a_name_is_in_one_namespace),
        TEST(test_overview),
        TEST(test_overview_of_everything),
        TEST(test_overview_of_nothing),
        TEST(test_group_is_not_installed),
        TEST(test_certificate),
        TEST(test_acme_parts),
        TEST(test_what_cannot_be_read_hides_nothing),
        TEST(test_unusable_secret),
        TEST(test_not_found),
        TEST(test_order),
        TEST(test_events_are_the_latest_in_order),
        TEST(test_events_of_all_kinds_of_writers),
        TEST(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
