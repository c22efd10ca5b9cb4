/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare/http_hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

#define SECRET "GET https://api/api/v1/namespaces/shop/secrets/headers"
#define LABELLED                                                                                   \
    "\"metadata\":{\"name\":\"headers\",\"labels\":{\"certroll.dev/prepare-headers\":\"true\"}}"

static char first_name[] = "a.test", second_name[] = "b.test";
static char *name_items[] = {first_name, second_name};
static const struct strlist names = {.items = name_items, .len = 2};
static const struct prepare_order order = {
    .ns = "shop", .name = "web-1-x", .issuer = "acme", .secret_ns = "shop", .names = &names};

static struct err *call(struct scripted_transport *t, const struct acme_prepare_http *spec)
{
    struct kube_client *kube = scripted_kube(t);
    struct err *e = prepare_http(kube, &t->transport, NULL, spec, "prepare", &order);
    kube_client_free(kube);
    return e;
}

static void a_call_tells_what_it_is_about(void **state)
{
    (void)state;
    SCRIPTED t = {0};
    scripted_init(&t);
    scripted_plan(&t, "PUT https://fw.test/acme?k=v", 204, "");
    const struct acme_prepare_http spec = {
        .url = "https://fw.test/acme?k=v", .method = "PUT", .timeout = 7 * NS_PER_SEC};
    expect_ok(call(&t, &spec));
    json_auto_t *sent = scripted_json(&t, 0);
    assert_string_equal(JSTR(sent, "action"), "prepare");
    assert_string_equal(JSTR(sent, "namespace"), "shop");
    assert_string_equal(JSTR(sent, "names", "1"), "b.test");
    const struct scripted_exchange *x = scripted_seen(&t, 0);
    assert_int_equal(x->timeout, 7 * NS_PER_SEC);
    assert_true((x->flags & HTTP_GUARDED) != 0 && (x->flags & HTTP_MUTATES) != 0);
    assert_true((x->flags & HTTP_FOLLOW) == 0);
}

static void headers_come_from_a_secret_that_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *complaint; /* NULL: sent */
    } rows[] = {
        {"{" LABELLED ",\"data\":{\"Authorization\":\"QmVhcmVyIHg=\"}}", NULL},
        {"{" LABELLED ",\"data\":{}}", NULL},
        {"{\"metadata\":{\"name\":\"headers\"},\"data\":{\"tls.key\":\"QQ==\"}}",
         "lacks the label"},
        {"{" LABELLED ",\"data\":{\"A\":\"YQpi\"}}", "is no header"},
        {"{" LABELLED ",\"data\":{\"A\":\"YQ0KQjogYw==\"}}", "is no header"},
        {"{" LABELLED ",\"data\":{\"A b\":\"YQ==\"}}", "is no name of a header"},
        {"{" LABELLED ",\"data\":{\"A\":\"\"}}", "no value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCRIPTED t = {0};
        scripted_init(&t);
        scripted_plan(&t, SECRET, 200, rows[i].secret);
        if (rows[i].complaint == NULL)
            scripted_plan(&t, "POST https://fw.test/", 200, "{}");
        const struct acme_prepare_http spec = {.url = "https://fw.test/",
                                               .headers_from = {"headers"}};
        AUTO_ERR e = call(&t, &spec);
        if (rows[i].complaint == NULL)
            assert_null(e);
        else
            assert_non_null(strstr(e->message, rows[i].complaint));
    }
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(8192);
    buf_puts(&b, "{" LABELLED ",\"data\":{");
    for (int i = 0; i < 17; i++)
        buf_putf(&b, "%s\"H%d\":\"YQ==\"", i > 0 ? "," : "", i);
    buf_puts(&b, "}}");
    SCRIPTED t = {0};
    scripted_init(&t);
    scripted_plan(&t, SECRET, 200, buf_str(&b));
    const struct acme_prepare_http spec = {.url = "https://fw.test/", .headers_from = {"headers"}};
    expect_err(call(&t, &spec), ERR_INVALID, "InvalidHook", "more than 16");
}

/* Nothing of what the server says is shown, and no query of the URL. */
static void a_refusal_shows_the_status_alone(void **state)
{
    (void)state;
    static const int statuses[] = {302, 404, 500};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        SCRIPTED t = {0};
        scripted_init(&t);
        scripted_plan(&t, "POST https://fw.test/a?secret", statuses[i], "inner words");
        const struct acme_prepare_http spec = {.url = "https://fw.test/a?secret"};
        AUTO_ERR e = call(&t, &spec);
        assert_true(err_is(e, ERR_TRANSIENT));
        assert_string_equal(e->reason, "HookFailed");
        assert_null(strstr(e->message, "inner"));
        assert_null(strstr(e->message, "secret"));
    }
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_tells_what_it_is_about),
        cmocka_unit_test(headers_come_from_a_secret_that_says_so),
        cmocka_unit_test(too_many_headers_are_refused),
        cmocka_unit_test(a_refusal_shows_the_status_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
