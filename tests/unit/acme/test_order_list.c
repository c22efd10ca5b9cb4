/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

#define LIST FAKE_HOST "/orders/1"
#define NEXT(n) "link: <" LIST "/" n ">;rel=\"next\"\n"

/* Opens a list for the account. */
#define HAS_LIST(f) fake_answer(&(f), 200, "", "{\"status\":\"valid\",\"orders\":\"" LIST "\"}")

static void page_after_page_is_read(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist urls = {0};
    HAS_LIST(f);
    fake_answer(&f, 200, NEXT("2"),
                "{\"orders\":[\"https://ca.test/o/1\",\"https://ca.test/o/2\"]}");
    fake_answer(&f, 200, "link: </orders/1/3>;rel=\"next\"\n", "{\"orders\":[]}");
    fake_answer(&f, 200, "link: </dir>;rel=\"index\"\n", "{\"orders\":[\"https://ca.test/o/3\"]}");
    assert_ok(acme_order_list(&f.account, &urls));
    auto_free char *all = strlist_join(&urls, " ", 0);
    assert_string_equal(all, "https://ca.test/o/1 https://ca.test/o/2 https://ca.test/o/3");
    assert_string_equal(f.url, LIST "/3");
    assert_null(f.payload); /* POST-as-GET */
    assert_int_equal(f.posts, 4);
}

static void a_ca_without_a_list_has_none(void **state)
{
    (void)state;
    static const char *const accounts[] = {"{\"status\":\"valid\"}", "{\"orders\":\"\"}",
                                           "{\"orders\":[\"https://ca.test/o/1\"]}", "no"};
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        FAKE_CA f = {0};
        fake_ca_init(&f);
        AUTO(strlist_release) struct strlist urls = {0};
        fake_answer(&f, 200, "", accounts[i]);
        assert_ok(acme_order_list(&f.account, &urls));
        assert_int_equal(urls.len, 0);
        assert_string_equal(f.url, FAKE_ACCOUNT);
    }
}

static void expect_error(const char *account, const char *headers, const char *page,
                         enum err_kind kind, const char *reason, const char *text)
{
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist urls = {0};
    fake_answer(&f, 200, "", account);
    if (page != NULL)
        fake_answer(&f, 200, headers, page);
    assert_error(acme_order_list(&f.account, &urls), kind, reason, text);
    assert_int_equal(urls.len, 0);
}

#define ACCOUNT "{\"orders\":\"" LIST "\"}"
#define ONE "{\"orders\":[\"https://ca.test/o/1\"]}"

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    expect_error(ACCOUNT, "", "{\"order\":[]}", ERR_TRANSIENT, "InvalidAnswer", "no member orders");
    expect_error(ACCOUNT, "", "<html>", ERR_TRANSIENT, "InvalidAnswer", "no member orders");
    expect_error("{\"orders\":\"https://elsewhere.test/orders\"}", "", NULL, ERR_DENIED,
                 "ForeignURL", "elsewhere.test");
    expect_error("{\"orders\":\"http://ca.test/orders\"}", "", NULL, ERR_DENIED, "ForeignURL",
                 NULL);
    expect_error("{\"orders\":\"/orders/1\"}", "", NULL, ERR_DENIED, "ForeignURL", NULL);
    expect_error(ACCOUNT, "link: <https://elsewhere.test/2>;rel=\"next\"\n", ONE, ERR_DENIED,
                 "ForeignURL", "elsewhere.test");
}

static void a_circle_is_left(void **state)
{
    (void)state;
    expect_error(ACCOUNT, "link: <" LIST ">;rel=\"next\"\n", ONE, ERR_TRANSIENT, "InvalidAnswer",
                 "circle");
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist urls = {0};
    HAS_LIST(f);
    fake_answer(&f, 200, NEXT("2"), ONE);
    fake_answer(&f, 200, NEXT("3"), ONE);
    fake_answer(&f, 200, NEXT("2"), ONE);
    assert_error(acme_order_list(&f.account, &urls), ERR_TRANSIENT, "InvalidAnswer", "circle");
}

static void entries_that_are_no_urls_are_left_out(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist urls = {0};
    HAS_LIST(f);
    fake_answer(&f, 200, "",
                "{\"orders\":[7,null,\"\",{},\"http://ca.test/o\",\"https://ca.test/o\\nx\","
                "\"https://ca.test/a b\",\"https://ca.test/o/1\"]}");
    assert_ok(acme_order_list(&f.account, &urls));
    assert_int_equal(urls.len, 1);
    assert_string_equal(urls.items[0], "https://ca.test/o/1");
}

static void both_ends_of_a_long_list_are_kept(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist urls = {0};
    HAS_LIST(f);
    AUTO(buf_release) struct buf b = BUF_INIT(1 << 20);
    buf_puts(&b, "{\"orders\":[");
    for (int i = 1; i <= 5000; i++)
        buf_putf(&b, "%s\"https://ca.test/o/%d\"", i > 1 ? "," : "", i);
    buf_puts(&b, "]}");
    fake_answer(&f, 200, "", buf_str(&b));
    assert_ok(acme_order_list(&f.account, &urls));
    assert_int_equal(urls.len, ACME_ORDER_LIST_MAX);
    assert_string_equal(urls.items[0], "https://ca.test/o/1");
    assert_string_equal(urls.items[99], "https://ca.test/o/100");
    assert_string_equal(urls.items[100], "https://ca.test/o/4901");
    assert_string_equal(urls.items[199], "https://ca.test/o/5000");
}

/* A server that always names another page, and one that takes its time for each. */
static void an_end_is_made_of_pages_without_end(void **state)
{
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        FAKE_CA f = {0};
        fake_ca_init(&f);
        f.takes = slow ? 5 * NS_PER_SEC : 0;
        AUTO(strlist_release) struct strlist urls = {0};
        HAS_LIST(f);
        unsigned pages = slow ? 4 : 20;
        for (unsigned i = 0; i < pages; i++) {
            auto_free char *next = x_printf("link: <" LIST "/%u>;rel=\"next\"\n", i + 2);
            fake_answer(&f, 200, next, ONE);
        }
        assert_ok(acme_order_list(&f.account, &urls));
        assert_int_equal(urls.len, pages);
        assert_int_equal(f.posts, pages + 1);
    }
}

static void what_passes_is_said(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist urls = {0};
    fake_answer(&f, 429, PROBLEM_HEADER "retry-after: 7\n", PROBLEM("rateLimited", "later"));
    assert_error(acme_order_list(&f.account, &urls), ERR_RATE_LIMITED, "RateLimited",
                 "list of orders");
    HAS_LIST(f);
    fake_fail(&f, err_new(ERR_TRANSIENT, "Timeout", "timed out"));
    assert_error(acme_order_list(&f.account, &urls), ERR_TRANSIENT, "Timeout", "list of orders");
    HAS_LIST(f);
    fake_answer(&f, 404, PROBLEM_HEADER, PROBLEM("malformed", "no list"));
    assert_error(acme_order_list(&f.account, &urls), ERR_NOT_FOUND, NULL, "list of orders");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_after_page_is_read),
        cmocka_unit_test(a_ca_without_a_list_has_none),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(a_circle_is_left),
        cmocka_unit_test(entries_that_are_no_urls_are_left_out),
        cmocka_unit_test(both_ends_of_a_long_list_are_kept),
        cmocka_unit_test(an_end_is_made_of_pages_without_end),
        cmocka_unit_test(what_passes_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
