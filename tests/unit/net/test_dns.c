/* SPDX-License-Identifier: Apache-2.0 */
/* Names, addresses of servers, resolv.conf. */
#include "net/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/dns_servers.h"
#include "support/expect.h"

static void names_are_bounded_and_lowered(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"A.Example", "a.example"},
        {"a.example.", "a.example"},
        {"*.a.test", "*.a.test"},
        {"_acme-challenge.a", "_acme-challenge.a"},
        {"xn--9ca.test", "xn--9ca.test"},
        {"x", "x"},
        {"", NULL},
        {".", NULL},
        {NULL, NULL},
        {".a", NULL},
        {"a..b", NULL},
        {"a.*.b", NULL},
        {"**.a", NULL},
        {"a b", NULL},
        {"a/b", NULL},
        {"a\\046b", NULL},
        {"\xc3\xa9.test", NULL},
        {"a.b..", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[DNS_NAME_MAX + 1];
        bool ok = dns_name_copy(rows[i].name, out);
        if (ok != (rows[i].want != NULL) || (ok && strcmp(out, rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].name, ok ? out : "refused");
    }
    char label[70];
    memset(label, 'x', sizeof(label));
    char out[DNS_NAME_MAX + 1];
    label[63] = '\0';
    assert_true(dns_name_copy(label, out));
    label[63] = 'x';
    label[64] = '\0';
    assert_false(dns_name_copy(label, out));
    char name[DNS_NAME_MAX + 3];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 2 == 0 ? 'x' : '.';
    name[DNS_NAME_MAX] = '\0';
    assert_true(dns_name_copy(name, out));
    name[DNS_NAME_MAX] = '.';
    name[DNS_NAME_MAX + 1] = '\0';
    assert_true(dns_name_copy(name, out));
    name[DNS_NAME_MAX + 1] = 'x';
    name[DNS_NAME_MAX + 2] = '\0';
    assert_false(dns_name_copy(name, out));
}

static void servers_are_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1:53"},
        {"192.0.2.1:5353", "192.0.2.1:5353"},
        {"2001:db8::1", "[2001:db8::1]:53"},
        {"[2001:db8::1]", "[2001:db8::1]:53"},
        {"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
        {"fe80::1%lo", "[fe80::1]:53"},
        {"", NULL},
        {"dns.example", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:0", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:5x", NULL},
        {"[2001:db8::1", NULL},
        {"[]:53", NULL},
        {"[2001:db8::1]x", NULL},
        {"fe80::1%nosuchinterface", NULL},
        {"300.0.0.1", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        union dns_address a;
        char text[DNS_SERVER_TEXT_MAX] = "";
        AUTO_ERR e = dns_server_parse(rows[i].text, &a);
        if (e == NULL)
            dns_server_text(&a, text);
        if (rows[i].want == NULL)
            expect_err(TAKE(e), ERR_INVALID, "InvalidServer", "write an IP address");
        else if (strcmp(text, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].text, text);
    }
}

static void resolv_conf_is_read_as_the_system_reads_it(void **state)
{
    (void)state;
    static const char text[] = "# nameserver 192.0.2.9\n"
                               "search a.test b.test\n"
                               "nameserver 10.96.0.10\n"
                               "nameserverx 192.0.2.8\n"
                               "nameserver\t2001:db8::1 \r\n"
                               "nameserver not-an-address\n"
                               "options ndots:5\n"
                               "nameserver 10.96.0.11";
    struct dns_servers s;
    dns_servers_from_resolv_conf(text, &s);
    static const char *const want[] = {"10.96.0.10:53", "[2001:db8::1]:53", "10.96.0.11:53"};
    assert_int_equal(s.len, 3);
    for (size_t i = 0; i < s.len; i++) {
        char one[DNS_SERVER_TEXT_MAX];
        dns_server_text(&s.items[i], one);
        assert_string_equal(one, want[i]);
    }
    auto_free char *many = x_calloc(1, 1000);
    for (size_t i = 0; i < 20; i++)
        memcpy(many + strlen(many), "nameserver 192.0.2.1\n", sizeof("nameserver 192.0.2.1\n"));
    dns_servers_from_resolv_conf(many, &s);
    assert_int_equal(s.len, DNS_SERVERS_MAX);
    dns_servers_from_resolv_conf("nameserver", &s);
    assert_int_equal(s.len, 0);
}

static struct err *say(void *ctx, const struct dns_question *q, const struct stop *stop,
                       struct dns_answer *ret_answer)
{
    (void)q;
    (void)stop;
    (void)ret_answer;
    ++*(int *)ctx;
    return err_new(ERR_TRANSIENT, "DNSFailed", "192.0.2.1:53: answered SERVFAIL");
}

static void errors_name_the_question(void **state)
{
    (void)state;
    int calls = 0;
    const struct dns_transport t = {.query = say, .ctx = &calls};
    struct dns_question q = {.name = "A.test.", .type = DNS_CAA};
    struct dns_answer a = {0};
    expect_err(dns_query(&t, &q, NULL, &a), ERR_TRANSIENT, "DNSFailed",
               "DNS query for a.test CAA: 192.0.2.1:53: answered SERVFAIL");
    q.name = "no name";
    expect_err(dns_query(&t, &q, NULL, &a), ERR_INVALID, "InvalidName", "\"no name\"");
    assert_int_equal(calls, 1);
}

static void texts_and_names_are_read_from_records(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
        const char *text;
        const char *name;
    } rows[] = {
        {"\5value", 6, "value", NULL},
        {"\3one\0\3two", 9, "onetwo", "one"},
        {"\1a\4test\0", 8, "atest", "a.test"},
        {"\2NS\1b\0\1x\0\0", 10, "NSbx", "ns.b"},
        {"\6value", 6, NULL, NULL},
        {"\3a\0b", 4, NULL, NULL},
        {"\3a.b\0", 5, "a.b", NULL},
        {"\0", 1, "", NULL},
        {"", 0, "", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        /* A copy of the exact size, so that reading beyond it is seen. */
        auto_free unsigned char *exact = x_memdup(rows[i].data, rows[i].len);
        const struct dns_record r = {exact, rows[i].len};
        auto_free char *text = dns_txt_text(&r);
        char name[DNS_NAME_MAX + 1] = "";
        bool named = dns_record_name(&r, name);
        if (!str_eq(text, rows[i].text) || named != (rows[i].name != NULL) ||
            (named && !str_eq(name, rows[i].name)))
            fail_msg("row %zu: \"%s\", \"%s\"", i, text == NULL ? "refused" : text, name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_bounded_and_lowered),
        cmocka_unit_test(servers_are_addresses),
        cmocka_unit_test(resolv_conf_is_read_as_the_system_reads_it),
        cmocka_unit_test(errors_name_the_question),
        cmocka_unit_test(texts_and_names_are_read_from_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
