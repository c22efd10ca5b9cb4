/* SPDX-License-Identifier: Apache-2.0 */
/* Where the status of an Ingress says that requests enter. */
#include "http01/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "support/expect.h"

static char *places(const char *text, const char *host)
{
    json_auto_t *ingress = NULL;
    expect_ok(json_parse(text, strlen(text), &ingress));
    AUTO(strlist_release) struct strlist l = {0};
    http01_ingress_places(ingress, host, &l);
    return strlist_join(&l, " ", 0);
}

#define WITH(rules, status)                                                                        \
    "{\"spec\":{\"rules\":[" rules "]},\"status\":{\"loadBalancer\":{\"ingress\":[" status "]}}}"

static void addresses_and_names_of_the_hosts_rule(void **state)
{
    (void)state;
    static const struct {
        const char *ingress;
        const char *host;
        const char *want;
    } rows[] = {
        {WITH("{\"host\":\"a.test\"}", "{\"ip\":\"192.0.2.1\"},{\"hostname\":\"lb.test\"}"),
         "a.test", "192.0.2.1 lb.test"},
        {WITH("{\"host\":\"b.test\"},{\"host\":\"a.test\"}",
              "{\"ip\":\"2001:db8::1\",\"hostname\":\"lb.test\"}"),
         "a.test", "2001:db8::1 lb.test"},
        {WITH("{\"host\":\"b.test\"}", "{\"ip\":\"192.0.2.1\"}"), "a.test", ""},
        {WITH("{}", "{\"ip\":\"192.0.2.1\"}"), "192.0.2.7", "192.0.2.1"},
        {WITH("{}", "{\"ip\":\"192.0.2.1\"}"), "a.test", ""},
        {WITH("{\"host\":\"a.test\"}", ""), "a.test", ""},
        {WITH("{\"host\":\"a.test\"}", "{\"ip\":\"192.0.2.1\"},{\"ip\":\"192.0.2.1\"}"), "a.test",
         "192.0.2.1"},
        /* Whoever writes the status writes no URL. */
        {WITH("{\"host\":\"a.test\"}", "{\"hostname\":\"x/y\"},{\"ip\":\"\"},{\"ip\":7},{}"),
         "a.test", ""},
        {"{}", "a.test", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = places(rows[i].ingress, rows[i].host);
        assert_string_equal(got, rows[i].want);
    }
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_and_names_of_the_hosts_rule)};
    return cmocka_run_group_tests(tests, prepare, NULL);
}
