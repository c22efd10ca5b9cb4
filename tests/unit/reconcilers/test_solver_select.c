/* SPDX-License-Identifier: Apache-2.0 */
/* Which solver proves a name: what is written must fit, and the most exact one wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "reconciler_scene.h"
#include "reconcilers/solver.h"
#include "support/expect.h"

#define ANY "{}"
#define NAMES(list) "{\"selector\":{\"dnsNames\":[" list "]}}"
#define ZONES(list) "{\"selector\":{\"dnsZones\":[" list "]}}"
#define LABELED(rest) "{\"selector\":{\"matchLabels\":{\"team\":\"web\"}" rest "}}"

static const struct bind_pair web_labels[] = {{"tier", "front"}, {"team", "web"}};
static const struct bind_map web = {web_labels, 2};
static const struct bind_map bare = {NULL, 0};

/* The index of the chosen one, -1 = none. */
static int chosen_by(const char *solvers, const char *name, const char *alias,
                     const struct bind_map *labels)
{
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"ca\"},\"spec\":{\"acme\":{\"server\":\"https://ca\","
                 "\"privateKeySecretRef\":{\"name\":\"k\"},\"solvers\":[%s]}}}",
                 solvers);
    AUTO_OBJECT(struct issuer) issuer = scene_object(&kind_cluster_issuer, text);
    const struct acme_issuer *acme = issuer->spec.acme;
    const struct acme_solver *s = solver_select(acme, name, alias, labels);
    return s == NULL ? -1 : (int)(s - acme->solvers.items);
}

static int chosen(const char *solvers, const char *name, const struct bind_map *labels)
{
    return chosen_by(solvers, name, NULL, labels);
}

#define BY_HTTP "{\"http01\":{\"ingress\":{}}}"
#define BY_DNS "{\"dns01\":{\"cloudflare\":{}}}"

/* As cert-manager drops solvers of a type that the CA does not offer for the name. */
static void what_cannot_prove_a_name_is_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *solvers, *name;
        int want;
    } rows[] = {
        {BY_HTTP "," BY_DNS, "a.test", 0},
        {BY_HTTP "," BY_DNS, "*.a.test", 1},
        {"{\"http01\":{\"ingress\":{}},\"selector\":{\"dnsNames\":[\"*.a.test\"]}}," BY_DNS,
         "*.a.test", 1},
        {BY_DNS "," BY_HTTP, "192.0.2.1", 1},
        {BY_DNS "," BY_HTTP, "2001:db8::1", 1},
        {"{\"dnsPersist01\":{\"issuerDomainName\":\"ca.test\"}}," BY_HTTP, "192.0.2.1", 1},
        /* It is told of the one that fits. */
        {BY_HTTP, "*.a.test", 0},
        {BY_HTTP "," ZONES("\"b.test\""), "*.a.test", 0},
        {BY_DNS, "192.0.2.1", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (chosen(rows[i].solvers, rows[i].name, &bare) != rows[i].want)
            fail_msg("%s of %s", rows[i].name, rows[i].solvers);
}

static void the_most_exact_solver_wins(void **state)
{
    (void)state;
    static const struct {
        const char *solvers;
        const char *name;
        const struct bind_map *labels;
        int want;
    } rows[] = {
        {"", "a.test", &bare, -1},
        {ANY, "a.test", &bare, 0},
        {ANY "," ANY, "a.test", &bare, 0},
        /* dnsNames before dnsZones before none, whatever the order. */
        {ANY "," ZONES("\"test\"") "," NAMES("\"a.test\""), "a.test", &bare, 2},
        {NAMES("\"a.test\"") "," ZONES("\"test\"") "," ANY, "a.test", &bare, 0},
        {NAMES("\"a.test\"") "," ZONES("\"test\"") "," ANY, "b.test", &bare, 1},
        {NAMES("\"a.test\"") "," ZONES("\"test\"") "," ANY, "b.example", &bare, 2},
        {NAMES("\"b.test\",\"a.test\""), "a.test", &bare, 0},
        {NAMES("\"a.test\""), "x.a.test", &bare, -1},
        /* A longer zone before a shorter one; whole labels only. */
        {ZONES("\"test\"") "," ZONES("\"a.test\""), "x.a.test", &bare, 1},
        {ZONES("\"a.test\"") "," ZONES("\"test\""), "x.a.test", &bare, 0},
        {ZONES("\"test\",\"b.a.test\"") "," ZONES("\"a.test\""), "x.b.a.test", &bare, 0},
        {ZONES("\"a.test\""), "a.test", &bare, 0},
        {ZONES("\"a.test\""), "ba.test", &bare, -1},
        {ZONES("\"a.test\""), "test", &bare, -1},
        {ZONES("\"x.a.test\""), "a.test", &bare, -1},
        {ZONES("\"\""), "a.test", &bare, -1},
        /* Labels must fit, and more of them break a tie. */
        {LABELED(""), "a.test", &bare, -1},
        {LABELED(""), "a.test", &web, 0},
        {ANY "," LABELED(""), "a.test", &web, 1},
        {ANY "," LABELED(""), "a.test", &bare, 0},
        {LABELED("") "," LABELED(""), "a.test", &web, 0},
        {LABELED("") ",{\"selector\":{\"matchLabels\":{\"team\":\"web\",\"tier\":\"front\"}}}",
         "a.test", &web, 1},
        {"{\"selector\":{\"matchLabels\":{\"team\":\"api\"}}}", "a.test", &web, -1},
        {"{\"selector\":{\"matchLabels\":{\"none\":\"\"}}}", "a.test", &web, -1},
        {LABELED("") "," ZONES("\"test\""), "a.test", &web, 1},
        {LABELED(",\"dnsZones\":[\"test\"]") "," ZONES("\"a.test\""), "x.a.test", &web, 1},
        {ZONES("\"test\"") "," LABELED(",\"dnsZones\":[\"test\"]"), "a.test", &web, 1},
        /* All that is written must fit. */
        {"{\"selector\":{\"dnsNames\":[\"a.test\"],\"dnsZones\":[\"example\"]}}", "a.test", &bare,
         -1},
        {"{\"selector\":{\"dnsNames\":[\"b.test\"],\"dnsZones\":[\"test\"]}}", "a.test", &bare, -1},
        {"{\"selector\":{\"dnsNames\":[\"a.test\"],\"dnsZones\":[\"test\"]}}", "a.test", &bare, 0},
        {LABELED(",\"dnsNames\":[\"b.test\"]"), "a.test", &web, -1},
        /* A tie of names is broken by zones. */
        {NAMES("\"a.test\"") ",{\"selector\":{\"dnsNames\":[\"a.test\"],\"dnsZones\":[\"test\"]}}",
         "a.test", &bare, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = chosen(rows[i].solvers, rows[i].name, rows[i].labels);
        if (got != rows[i].want)
            fail_msg("%s of %s: %d, expected %d", rows[i].name, rows[i].solvers, got, rows[i].want);
    }
}

static void names_are_written_in_whatever_way(void **state)
{
    (void)state;
    static const char idn[] = "www.xn--bcher-kva.test", wildcard[] = "*.xn--bcher-kva.test";
    assert_int_equal(chosen(ZONES("\"b\u00fccher.test\"") "," ANY, idn, &bare), 0);
    assert_int_equal(chosen(ANY "," NAMES("\"WWW.B\u00fccher.test\""), idn, &bare), 1);
    assert_int_equal(chosen(NAMES("\"*.b\u00fccher.test\"") "," ANY, wildcard, &bare), 0);
    assert_int_equal(chosen(ZONES("\"Test\"") "," ANY, "a.test", &bare), 0);
    assert_int_equal(chosen(ZONES("\"-\u00fc-\"") "," ANY, "a.test", &bare), 1);
}

#define DNS(zones, strategy)                                                                       \
    "{\"selector\":{\"dnsZones\":[" zones "]},\"dns01\":{" strategy "\"cloudflare\":{}}}"
#define NO_FOLLOW "\"cnameStrategy\":\"None\","
#define DNS_NAMED(names, zones)                                                                    \
    "{\"selector\":{\"dnsNames\":[" names "],\"dnsZones\":[" zones                                 \
    "]},\"dns01\":{\"cloudflare\":{}}}"

static void an_alias_leads_to_a_solver_where_no_name_does(void **state)
{
    (void)state;
    static const struct {
        const char *solvers;
        const char *alias;
        const struct bind_map *labels;
        int want;
    } rows[] = {
        /* The name is w.a.test. */
        {DNS("\"b.test\"", ""), "w.b.test", &bare, 0},
        {DNS("\"b.test\"", ""), "b.test", &bare, 0},
        {DNS("\"b.test\"", ""), "w.xb.test", &bare, -1},
        {DNS("\"b.test\"", ""), NULL, &bare, -1},
        {ANY "," DNS("\"b.test\"", ""), "w.b.test", &bare, 1},
        {ANY "," DNS("\"b.test\"", ""), "w.c.test", &bare, 0},
        {ANY "," DNS("\"b.test\"", ""), NULL, &bare, 0},
        {DNS("\"test\"", "") "," DNS("\"w.b.test\"", ""), "w.b.test", &bare, 0},
        {DNS("\"b.test\"", "") "," DNS("\"w.b.test\"", ""), "x.w.b.test", &bare, 1},
        /* The name's own zone, and the name itself, come first. */
        {ZONES("\"a.test\"") "," DNS("\"b.test\"", ""), "w.b.test", &bare, 0},
        {NAMES("\"w.a.test\"") "," DNS("\"b.test\"", ""), "w.b.test", &bare, 0},
        {DNS_NAMED("\"w.a.test\"", "\"b.test\"") "," DNS("\"w.b.test\"", ""), "w.b.test", &bare, 0},
        {DNS_NAMED("\"x.a.test\"", "\"b.test\"") "," ANY, "w.b.test", &bare, 1},
        /* Only a record that follows the alias is put there. */
        {ANY "," DNS("\"b.test\"", NO_FOLLOW), "w.b.test", &bare, 0},
        {ANY "," ZONES("\"b.test\""), "w.b.test", &bare, 0},
        {DNS("\"b.test\"", NO_FOLLOW) "," DNS("\"test\"", ""), "w.b.test", &bare, 1},
        {LABELED(",\"dnsZones\":[\"b.test\"]"), "w.b.test", &web, -1},
        {ANY ",{\"selector\":{\"matchLabels\":{\"team\":\"web\"},\"dnsZones\":[\"b.test\"]},"
             "\"dns01\":{}}",
         "w.b.test", &web, 1},
        {ANY ",{\"selector\":{\"matchLabels\":{\"team\":\"web\"},\"dnsZones\":[\"b.test\"]},"
             "\"dns01\":{}}",
         "w.b.test", &bare, 0},
        {LABELED("") "," DNS("\"b.test\"", ""), "w.b.test", &web, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = chosen_by(rows[i].solvers, "w.a.test", rows[i].alias, rows[i].labels);
        if (got != rows[i].want)
            fail_msg("%s of %s: %d, expected %d", rows[i].alias, rows[i].solvers, got,
                     rows[i].want);
    }
}

static void only_a_namespaced_issuer_owns_its_solver(void **state)
{
    (void)state;
    const struct issuer cluster = {.obj.meta = {.name = "ca", .uid = "c"}};
    const struct issuer here = {.obj.meta = {.name = "ca", .namespace = "shop", .uid = "i"}};
    assert_null(solver_owner(&cluster));
    json_auto_t *owner = solver_owner(&here);
    assert_string_equal(JSTR(owner, "kind"), "Issuer");
    assert_string_equal(JSTR(owner, "uid"), "i");
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

static void only_a_cluster_issuer_annotates_routes_of_certroll_s(void **state)
{
    (void)state;
    static const struct http01_shared shared = {.ingress_template = "{}"};
    static const struct http01_redirect redirect = {.ingress_template = "{}"};
    static const struct http01_ingress ingress = {.ingress_template = "{}"};
    static const struct http01_shared plain = {.ingress_class_name = "x"};
    static const struct http01_shared here = {.ingress_template = "{}", .endpoint_slice = true};
    const struct issuer own = {.obj.meta = {.name = "i", .namespace = "b"}};
    const struct issuer cluster = {.obj.meta = {.name = "i"}};
    const struct solver_http01 bad[] = {{.shared = &shared}, {.redirect = &redirect}};
    const struct solver_http01 good[] = {
        {.shared = &plain}, {.ingress = &ingress}, {.shared = &here}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        expect_err(solver_check(&own, &bad[i]), ERR_INVALID, "InvalidSolver", "ingressTemplate");
        expect_ok(solver_check(&cluster, &bad[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_ok(solver_check(&own, &good[i]));
    expect_ok(solver_check(&own, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_exact_solver_wins),
        cmocka_unit_test(what_cannot_prove_a_name_is_passed_over),
        cmocka_unit_test(names_are_written_in_whatever_way),
        cmocka_unit_test(an_alias_leads_to_a_solver_where_no_name_does),
        cmocka_unit_test(only_a_namespaced_issuer_owns_its_solver),
        cmocka_unit_test(only_a_cluster_issuer_annotates_routes_of_certroll_s),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
