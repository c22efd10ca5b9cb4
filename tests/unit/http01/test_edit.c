/* SPDX-License-Identifier: Apache-2.0 */
/* Paths within an Ingress of somebody else's: where they go, and that nothing but them ever changes. */
#include "http01/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

#define SERVICE "certroll-solver-0123456789"
#define TOKEN(n) "token-that-is-long-enough-" n
#define ACME "/.well-known/acme-challenge/"
#define PATH(path, type, service, port)                                                            \
    "{\"path\":\"" path "\",\"pathType\":\"" type                                                  \
    "\",\"backend\":{\"service\":{\"name\":\"" service "\",\"port\":{\"number\":" #port "}}}}"
#define OURS(n) PATH(ACME TOKEN(n), "Exact", SERVICE, 8089)
#define WEB PATH("/", "Prefix", "web", 80)
#define RULE(host, paths) "{\"host\":\"" host "\",\"http\":{\"paths\":[" paths "]}}"
#define ANY(paths) "{\"http\":{\"paths\":[" paths "]}}"
#define RECORD(text) "{\"" HTTP01_PATHS "\":\"" text "\"}"

/* An Ingress as the API server would give it, with these rules. */
static json_t *ingress_of(const char *spec, const char *annotations)
{
    auto_free char *text = x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\","
                                    "\"resourceVersion\":\"7\",\"labels\":{\"app\":\"web\"},"
                                    "\"annotations\":%s},\"spec\":%s}",
                                    annotations, spec);
    json_t *ingress = NULL;
    expect_ok(json_parse(text, strlen(text), &ingress));
    return ingress;
}

static void expect_json(const json_t *got, const char *want_text)
{
    json_auto_t *want = NULL;
    expect_ok(json_parse(want_text, strlen(want_text), &want));
    auto_free char *text = NULL;
    expect_ok(json_to_string(got, 1024 * 1024, &text));
    if (!json_same(got, want))
        fail_msg("got %s\nwant %s", text, want_text);
}

/* As the API server does; of the version that was read. Takes over the patch; false when there is none. */
static bool apply(json_t *ingress, json_t *patch)
{
    if (patch == NULL)
        return false;
    assert_string_equal(JSTR(patch, "metadata", "resourceVersion"), "7");
    json_merge_patch(ingress, patch);
    json_decref(patch);
    return true;
}

static bool add(json_t *ingress, const char *order, const struct http01_route *routes, size_t count)
{
    const struct http01_edit edit = {
        .order = order, .service = SERVICE, .routes = routes, .count = count};
    json_t *patch = NULL;
    expect_ok(http01_edit_add(ingress, &edit, &patch));
    return apply(ingress, patch);
}

static bool add_one(json_t *ingress, const char *order, const char *host, const char *token)
{
    const struct http01_route route = {host, token};
    return add(ingress, order, &route, 1);
}

static bool take_out(json_t *ingress, const char *order)
{
    return apply(ingress, http01_edit_remove(ingress, order));
}

static const struct {
    const char *what;
    const char *host;
    const char *before; /* the spec */
    const char *after;
} places[] = {
    {"the host's rule", "a.test", "{\"rules\":[" RULE("a.test", WEB) "]}",
     "{\"rules\":[" RULE("a.test", OURS("1") "," WEB) "]}"},
    {"in whatever letters", "A.Test", "{\"rules\":[" RULE("a.test", WEB) "]}",
     "{\"rules\":[" RULE("a.test", OURS("1") "," WEB) "]}"},
    {"no rule for it", "b.test", "{\"rules\":[" RULE("a.test", WEB) "]}",
     "{\"rules\":[" RULE("b.test", OURS("1")) "," RULE("a.test", WEB) "]}"},
    {"the wildcard that serves it", "b.a.test",
     "{\"rules\":[" ANY(WEB) "," RULE("*.a.test", WEB) "," RULE("*.test", WEB) "]}",
     "{\"rules\":[" ANY(WEB) "," RULE("*.a.test", OURS("1") "," WEB) "," RULE("*.test", WEB) "]}"},
    {"a wildcard is for one label", "c.b.a.test", "{\"rules\":[" RULE("*.a.test", WEB) "]}",
     "{\"rules\":[" RULE("c.b.a.test", OURS("1")) "," RULE("*.a.test", WEB) "]}"},
    {"the rule for all", "b.test", "{\"rules\":[" RULE("a.test", WEB) "," ANY(WEB) "]}",
     "{\"rules\":[" RULE("a.test", WEB) "," ANY(OURS("1") "," WEB) "]}"},
    {"the host's before a wildcard's", "b.a.test",
     "{\"rules\":[" RULE("*.a.test", WEB) "," RULE("b.a.test", WEB) "]}",
     "{\"rules\":[" RULE("*.a.test", WEB) "," RULE("b.a.test", OURS("1") "," WEB) "]}"},
    {"a default backend alone", "a.test", "{\"defaultBackend\":{\"service\":{}}}",
     "{\"defaultBackend\":{\"service\":{}},\"rules\":[" ANY(OURS("1")) "]}"},
    {"an address", "192.0.2.1", "{\"rules\":[" RULE("a.test", WEB) "]}",
     "{\"rules\":[" ANY(OURS("1")) "," RULE("a.test", WEB) "]}"},
    {"a rule that leads nowhere", "a.test", "{\"rules\":[{\"host\":\"a.test\"}]}",
     "{\"rules\":[" RULE("a.test", OURS("1")) "]}"},
    {"one that leads nowhere, for all", "a.test", "{\"rules\":[{}],\"ingressClassName\":\"x\"}",
     "{\"rules\":[" ANY(OURS("1")) "],\"ingressClassName\":\"x\"}"},
    {"two rules of the host", "a.test",
     "{\"rules\":[{\"host\":\"a.test\"}," RULE("a.test", WEB) "," RULE("a.test", WEB) "]}",
     "{\"rules\":[{\"host\":\"a.test\"}," RULE("a.test", OURS("1") "," WEB) "," RULE("a.test",
                                                                                     WEB) "]}"},
};

static void a_path_goes_where_the_name_is_served_and_nothing_else_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        json_auto_t *ingress = ingress_of(places[i].before, "{\"note\":\"theirs\"}");
        json_auto_t *before = json_copy_deep(ingress);
        print_message("%s\n", places[i].what);
        assert_true(add_one(ingress, "web-1", places[i].host, TOKEN("1")));
        expect_json(JGET(ingress, "spec"), places[i].after);
        assert_true(http01_edit_has(ingress, "web-1"));
        assert_string_equal(JSTR(ingress, "metadata", "labels", HTTP01_PATHS), "true");
        assert_false(add_one(ingress, "web-1", places[i].host, TOKEN("1")));
        assert_true(take_out(ingress, "web-1"));
        assert_true(json_same(ingress, before));
        assert_false(take_out(ingress, "web-1"));
    }
}

static void one_patch_for_all_names_and_one_to_remove_them(void **state)
{
    (void)state;
    static const struct http01_route routes[] = {
        {"a.test", TOKEN("1")}, {"b.test", TOKEN("2")}, {"192.0.2.1", TOKEN("3")}};
    json_auto_t *ingress = ingress_of("{\"rules\":[" RULE("a.test", WEB) "]}", "{}");
    json_auto_t *before = json_copy_deep(ingress);
    assert_true(add(ingress, "web-1", routes, 3));
    expect_json(
        JGET(ingress, "spec", "rules"),
        "[" ANY(OURS("3")) "," RULE("b.test", OURS("2")) "," RULE("a.test", OURS("1") "," WEB) "]");
    assert_true(take_out(ingress, "web-1"));
    assert_true(json_same(ingress, before));
}

static void two_orders_share_an_ingress(void **state)
{
    (void)state;
    for (int first = 1; first <= 2; first++) {
        json_auto_t *ingress =
            ingress_of("{\"rules\":[" RULE("a.test", WEB) ",{\"host\":\"c.test\"}]}", "{}");
        json_auto_t *before = json_copy_deep(ingress);
        static const struct http01_route one[] = {
            {"b.test", TOKEN("1")}, {"c.test", TOKEN("2")}, {"a.test", TOKEN("3")}};
        static const struct http01_route two[] = {
            {"b.test", TOKEN("4")}, {"c.test", TOKEN("5")}, {"a.test", TOKEN("6")}};
        assert_true(add(ingress, "web-1", one, 3));
        assert_true(add(ingress, "web-2", two, 3));
        assert_false(add(ingress, "web-1", one, 3));
        assert_true(take_out(ingress, first == 1 ? "web-1" : "web-2"));
        if (first == 1)
            expect_json(JGET(ingress, "spec", "rules"),
                        "[" RULE("b.test", OURS("4")) "," RULE(
                            "a.test", OURS("6") "," WEB) "," RULE("c.test", OURS("5")) "]");
        assert_false(http01_edit_has(ingress, first == 1 ? "web-1" : "web-2"));
        assert_true(take_out(ingress, first == 1 ? "web-2" : "web-1"));
        assert_true(json_same(ingress, before));
    }
}

/* What somebody does to the rules meanwhile, and what is to be there at the end. */
static const struct {
    const char *what;
    const char *edited;
    const char *left;
} edits[] = {
    {"other order", "[" RULE("b.test", OURS("2")) "," RULE("a.test", WEB "," OURS("1")) "]",
     "[" RULE("a.test", WEB) "]"},
    {"ours removed", "[" RULE("a.test", WEB) "]", "[" RULE("a.test", WEB) "]"},
    {"another host", "[" RULE("x.test", OURS("1") "," WEB) "," RULE("y.test", OURS("2")) "]",
     "[" RULE("x.test", WEB) "]"},
    {"their path in our rule",
     "[" RULE("b.test", OURS("2") "," WEB) "," RULE("a.test", OURS("1") "," WEB) "]",
     "[" RULE("b.test", WEB) "," RULE("a.test", WEB) "]"},
    {"our path leads elsewhere",
     "[" RULE("a.test", PATH(ACME TOKEN("1"), "Exact", "theirs", 80)) "]",
     "[" RULE("a.test", PATH(ACME TOKEN("1"), "Exact", "theirs", 80)) "]"},
    {"our path twice", "[" RULE("a.test", OURS("1") "," OURS("1") "," WEB) "," ANY(OURS("1")) "]",
     "[" RULE("a.test", WEB) "]"},
    {"no rules at all", "null", NULL},
};

static void what_others_do_meanwhile_is_kept(void **state)
{
    (void)state;
    static const struct http01_route routes[] = {{"a.test", TOKEN("1")}, {"b.test", TOKEN("2")}};
    static const char *const records[] = {NULL, "{}", RECORD("not JSON"), RECORD("{}"),
                                          RECORD("{\\\"orders\\\":[7]}")};
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        for (size_t r = 0; r < ARRAY_LEN(records); r++) {
            json_auto_t *ingress = ingress_of("{\"rules\":[" RULE("a.test", WEB) "]}", "{}");
            assert_true(add(ingress, "web-1", routes, 2));
            auto_free char *text = x_printf("{\"spec\":{\"rules\":%s}}", edits[i].edited);
            json_auto_t *edit = NULL;
            expect_ok(json_parse(text, strlen(text), &edit));
            if (records[r] != NULL) {
                json_t *annotations = NULL;
                expect_ok(json_parse(records[r], strlen(records[r]), &annotations));
                json_put(JGET(ingress, "metadata"), "annotations", annotations);
            }
            print_message("%s, record %zu\n", edits[i].what, r);
            json_merge_patch(ingress, edit);
            assert_true(take_out(ingress, "web-1"));
            if (edits[i].left != NULL)
                expect_json(JGET(ingress, "spec", "rules"), edits[i].left);
            else
                assert_null(JGET(ingress, "spec", "rules"));
            assert_int_equal(json_count(JGET(ingress, "metadata", "annotations")), 0);
            assert_null(JGET(ingress, "metadata", "labels", HTTP01_PATHS));
        }
    }
}

static void what_was_removed_or_moved_is_put_in_again(void **state)
{
    (void)state;
    json_auto_t *ingress = ingress_of("{\"rules\":[" RULE("a.test", WEB) "]}", "{}");
    assert_true(add_one(ingress, "web-1", "a.test", TOKEN("1")));
    json_auto_t *edit = json_build("{s:{s:[{s:s,s:O}]}}", "spec", "rules", "host", "b.test", "http",
                                   JGET(ingress, "spec", "rules", "0", "http"));
    json_merge_patch(ingress, edit);
    assert_true(add_one(ingress, "web-1", "a.test", TOKEN("1")));
    expect_json(JGET(ingress, "spec", "rules"),
                "[" RULE("a.test", OURS("1")) "," RULE("b.test", OURS("1") "," WEB) "]");
    /* The label alone is missing. */
    json_drop(JGET(ingress, "metadata", "labels"), HTTP01_PATHS);
    assert_true(add_one(ingress, "web-1", "a.test", TOKEN("1")));
    assert_string_equal(JSTR(ingress, "metadata", "labels", HTTP01_PATHS), "true");
    assert_true(take_out(ingress, "web-1"));
    expect_json(JGET(ingress, "spec", "rules"), "[" RULE("b.test", WEB) "]");
}

static void a_path_of_the_users_own_is_not_touched(void **state)
{
    (void)state;
#define THEIRS PATH(ACME TOKEN("1"), "Exact", "certbot", 80)
    json_auto_t *ingress = ingress_of("{\"rules\":[" RULE("a.test", THEIRS "," WEB) "]}", "{}");
    json_auto_t *before = json_copy_deep(ingress);
    assert_false(add_one(ingress, "web-1", "a.test", TOKEN("1")));
    assert_false(take_out(ingress, "web-1"));
    assert_true(json_same(ingress, before));
    /* A prefix is less exact than ours. */
#define FOLDER PATH(ACME, "Prefix", "certbot", 80)
    json_auto_t *folder = ingress_of("{\"rules\":[" RULE("a.test", FOLDER) "]}", "{}");
    assert_true(add_one(folder, "web-1", "a.test", TOKEN("1")));
    expect_json(JGET(folder, "spec", "rules"), "[" RULE("a.test", OURS("1") "," FOLDER) "]");
}

static void the_solver_of_another_key_takes_over(void **state)
{
    (void)state;
    json_auto_t *ingress = ingress_of("{\"rules\":[" RULE("a.test", WEB) "]}", "{}");
    const struct http01_route route = {"a.test", TOKEN("1")};
    const struct http01_edit edit = {
        .order = "web-1", .service = "certroll-solver-another0ne", .routes = &route, .count = 1};
    json_t *patch = NULL;
    assert_true(add_one(ingress, "web-1", "a.test", TOKEN("1")));
    expect_ok(http01_edit_add(ingress, &edit, &patch));
    assert_true(apply(ingress, patch));
    const json_t *paths = JGET(ingress, "spec", "rules", "0", "http", "paths");
    assert_int_equal(json_count(paths), 2);
    assert_string_equal(JSTR(paths, "0", "backend", "service", "name"), edit.service);
}

static void there_is_a_most(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    auto_free struct http01_route *routes = x_calloc(MOST + 1, sizeof(*routes));
    AUTO(strlist_release) struct strlist texts = {0};
    for (size_t i = 0; i <= MOST; i++) {
        auto_free char *token = x_printf("%022zu", i);
        strlist_add(&texts, token);
    }
    for (size_t i = 0; i <= MOST; i++)
        routes[i] = (struct http01_route){"a.test", texts.items[i]};
    json_auto_t *ingress = ingress_of("{\"rules\":[" RULE("a.test", WEB) "]}", "{}");
    json_auto_t *before = json_copy_deep(ingress);
    assert_true(add(ingress, "web-1", routes, MOST));
    const struct http01_edit more = {
        .order = "web-2", .service = SERVICE, .routes = &routes[MOST], .count = 1};
    json_t *patch = NULL;
    expect_err(http01_edit_add(ingress, &more, &patch), ERR_TRANSIENT, HTTP01_ROUTE_WAITS,
               "1000 at most");
    assert_true(take_out(ingress, "web-1"));
    assert_true(json_same(ingress, before));
    assert_true(add_one(ingress, "web-2", "a.test", routes[MOST].token));
}

static void note(void *arg, const char *ns, const char *name)
{
    buf_putf(arg, "%s/%s ", ns, name);
}

static void orders_are_found_by_the_record(void **state)
{
    (void)state;
    static const struct {
        const char *annotations;
        const char *want;
    } rows[] = {
        {RECORD("{\\\"orders\\\":{\\\"certroll.dev/a-1\\\":[\\\"" TOKEN(
             "1") "\\\"],"
                  "\\\"certroll.dev/b-1\\\":[\\\"" TOKEN("2") "\\\"]}}"),
         "shop/a-1 shop/b-1 "},
        /* Another certroll's. */
        {RECORD("{\\\"orders\\\":{\\\"cert-manager.io/a-1\\\":[\\\"" TOKEN("1") "\\\"]}}"), ""},
        {RECORD("{\\\"orders\\\":{\\\"certroll.dev/../x\\\":[\\\"" TOKEN("1") "\\\"]}}"),
         "shop/web "},
        {RECORD("{\\\"orders\\\":{\\\"certroll.dev/a-1\\\":[\\\"../../etc\\\"]}}"), "shop/web "},
        {RECORD("[[["), "shop/web "},
        {"{}", "shop/web "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_release) struct buf found = BUF_INIT(1024);
        json_auto_t *ingress = ingress_of("{}", rows[i].annotations);
        http01_edit_orders(ingress, note, &found);
        assert_string_equal(buf_str(&found), rows[i].want);
    }
    json_auto_t *nameless = json_build("{}");
    http01_edit_orders(nameless, note, NULL);
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
        cmocka_unit_test(a_path_goes_where_the_name_is_served_and_nothing_else_changes),
        cmocka_unit_test(one_patch_for_all_names_and_one_to_remove_them),
        cmocka_unit_test(two_orders_share_an_ingress),
        cmocka_unit_test(what_others_do_meanwhile_is_kept),
        cmocka_unit_test(what_was_removed_or_moved_is_put_in_again),
        cmocka_unit_test(a_path_of_the_users_own_is_not_touched),
        cmocka_unit_test(the_solver_of_another_key_takes_over),
        cmocka_unit_test(there_is_a_most),
        cmocka_unit_test(orders_are_found_by_the_record),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
