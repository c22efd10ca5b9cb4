/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: what is sent, what is taken for an answer, and what is read from it. */
#include "net/dns_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/dns_peer.h"

#define ID 0x1234

static struct dns_wire_query ask(const char *name, enum dns_type type)
{
    struct dns_wire_query q;
    dns_wire_ask(name, type, ID, true, &q);
    return q;
}

static void reply_release(struct dns_reply *r)
{
    dns_answer_release(&r->answer);
}

static struct dns_reply read_reply(const struct dns_wire_query *q, const struct dns_bytes *b)
{
    /* A copy of the exact size, so that reading beyond it is seen. */
    auto_free unsigned char *exact = x_memdup(b->data, b->len);
    struct dns_reply r;
    dns_wire_read(q, exact, b->len, &r);
    return r;
}

static void a_question_is_the_bytes_of_the_rfc(void **state)
{
    (void)state;
    static const unsigned char want[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\1"
                                        "\1a\4test\0\1\1\0\1"
                                        "\0\0\x29\x04\xd0\0\0\0\0\0\0";
    struct dns_wire_query q = ask("a.test", DNS_CAA);
    assert_int_equal(q.len, sizeof(want) - 1);
    assert_memory_equal(q.data, want, q.len);
    struct dns_wire_query plain;
    dns_wire_ask("a.test", DNS_CAA, ID, false, &plain);
    assert_int_equal(plain.len, q.len - 11);
    assert_int_equal(plain.data[11], 0);
}

static void the_longest_name_fits(void **state)
{
    (void)state;
    char name[DNS_NAME_MAX + 1];
    for (size_t i = 0; i < DNS_NAME_MAX; i++)
        name[i] = i % 64 == 63 ? '.' : 'x';
    name[DNS_NAME_MAX] = '\0';
    struct dns_wire_query q = ask(name, DNS_A);
    assert_int_equal(q.question_end, 12 + DNS_NAME_MAX + 2 + 4);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_a(&b, name, "192.0.2.1", 60);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_string_equal(r.answer.name, name);
}

static void records_of_the_name_and_type_are_taken(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_A);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_a(&b, "A.Test", "192.0.2.1", 300);
    dns_bytes_a(&b, "b.test", "192.0.2.9", 1);
    dns_bytes_rr(&b, &(struct dns_bytes_record){1, "a.test", 16, 1}, "\1x", 2);
    dns_bytes_a(&b, "a.test", "192.0.2.2", 60);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_true(r.answer.exists);
    assert_string_equal(r.answer.name, "a.test");
    assert_int_equal(r.answer.count, 2);
    assert_int_equal(r.answer.ttl, 60 * NS_PER_SEC);
    char text[DNS_ADDRESS_MAX];
    assert_true(dns_address_text(&r.answer.records[1], text));
    assert_string_equal(text, "192.0.2.2");
}

static void cnames_lead_to_the_records(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_A);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_cname(&b, "b.test", "c.test", 30);
    dns_bytes_cname(&b, "a.test", "B.test", 20);
    dns_bytes_a(&b, "c.test", "192.0.2.1", 300);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_string_equal(r.answer.name, "c.test");
    assert_int_equal(r.answer.count, 1);
    assert_int_equal(r.answer.ttl, 20 * NS_PER_SEC);
}

static void a_cname_alone_leads_elsewhere(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_A);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_cname(&b, "a.test", "b.test", 20);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ELSEWHERE);
    assert_string_equal(r.answer.name, "b.test");
    /* With the SOA beside it the server has looked: the target has no such record. */
    dns_bytes_soa(&b, "test", 900, 10);
    AUTO(reply_release) struct dns_reply none = read_reply(&q, &b);
    assert_int_equal(none.verdict, DNS_ANSWERED);
    assert_int_equal(none.answer.count, 0);
    assert_true(none.answer.exists);
    assert_int_equal(none.answer.ttl, 10 * NS_PER_SEC);
    /* Who asks for CNAMEs gets them. */
    struct dns_wire_query cname = ask("a.test", DNS_CNAME);
    dns_bytes_reply(&b, cname.data, cname.len, 0);
    dns_bytes_cname(&b, "a.test", "b.test", 20);
    AUTO(reply_release) struct dns_reply itself = read_reply(&cname, &b);
    assert_int_equal(itself.verdict, DNS_ANSWERED);
    assert_int_equal(itself.answer.count, 1);
}

static void a_loop_of_cnames_ends(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_A);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_cname(&b, "a.test", "b.test", 20);
    dns_bytes_cname(&b, "b.test", "a.test", 20);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_MALFORMED);
    assert_int_equal(r.answer.count, 0);
}

static void absence_is_kept_as_the_soa_says(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_CAA);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 3);
    dns_bytes_soa(&b, "test", 30, 900);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_false(r.answer.exists);
    assert_int_equal(r.answer.ttl, 30 * NS_PER_SEC);
    dns_bytes_reply(&b, q.data, q.len, 0);
    AUTO(reply_release) struct dns_reply bare = read_reply(&q, &b);
    assert_int_equal(bare.verdict, DNS_ANSWERED);
    assert_int_equal(bare.answer.ttl, 0);
}

static void rdata_is_that_of_the_wire(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_CAA);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_rr(&b, &(struct dns_bytes_record){1, "a.test", DNS_CAA, 60}, "\x80\5issueca.test",
                 14);
    AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_int_equal(r.answer.count, 1);
    assert_int_equal(r.answer.records[0].len, 14);
    assert_memory_equal(r.answer.records[0].data, "\x80\5issueca.test", 14);
}

static void what_answers_another_question_is_not_ours(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_A);
    struct dns_wire_query other_name = ask("b.test", DNS_A);
    struct dns_wire_query other_type = ask("a.test", DNS_AAAA);
    struct dns_wire_query other_id;
    dns_wire_ask("a.test", DNS_A, ID + 1, true, &other_id);
    const struct dns_wire_query *others[] = {&other_name, &other_type, &other_id};
    struct dns_bytes b;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        dns_bytes_reply(&b, others[i]->data, others[i]->len, 0);
        assert_int_equal(read_reply(&q, &b).verdict, DNS_NOT_OURS);
    }
    /* A query is no answer, and neither is half a header. */
    dns_bytes_reply(&b, q.data, q.len, 0);
    b.data[2] &= 0x7f;
    assert_int_equal(read_reply(&q, &b).verdict, DNS_NOT_OURS);
    dns_bytes_reply(&b, q.data, q.len, 0);
    b.len = 11;
    assert_int_equal(read_reply(&q, &b).verdict, DNS_NOT_OURS);
}

static void response_codes_have_their_verdict(void **state)
{
    (void)state;
    static const struct {
        unsigned rcode;
        unsigned flag;
        bool edns;
        enum dns_verdict want;
    } rows[] = {
        {0, 0, true, DNS_ANSWERED},      {2, 0, true, DNS_REFUSED},     {5, 0, true, DNS_REFUSED},
        {1, 0, true, DNS_NO_EDNS},       {4, 0, true, DNS_NO_EDNS},     {1, 0, false, DNS_REFUSED},
        {0, 0x200, true, DNS_TRUNCATED}, {2, 0x200, true, DNS_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_wire_query q;
        dns_wire_ask("a.test", DNS_A, ID, rows[i].edns, &q);
        struct dns_bytes b;
        dns_bytes_reply(&b, q.data, q.len, rows[i].rcode);
        dns_bytes_set_flag(&b, rows[i].flag);
        AUTO(reply_release) struct dns_reply r = read_reply(&q, &b);
        assert_int_equal(r.verdict, rows[i].want);
    }
    assert_string_equal(dns_rcode_str(2), "SERVFAIL");
    assert_string_equal(dns_rcode_str(15), "an unknown response code");
}

static void what_is_cut_or_too_much_is_malformed(void **state)
{
    (void)state;
    struct dns_wire_query q = ask("a.test", DNS_A);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_a(&b, "a.test", "192.0.2.1", 300);
    size_t whole = b.len;
    for (b.len = q.question_end; b.len < whole; b.len++)
        assert_int_equal(read_reply(&q, &b).verdict, DNS_MALFORMED);
    for (size_t i = 1; i < DNS_RECORDS_MAX; i++)
        dns_bytes_a(&b, "a.test", "192.0.2.1", 300);
    AUTO(reply_release) struct dns_reply full = read_reply(&q, &b);
    assert_int_equal(full.answer.count, DNS_RECORDS_MAX);
    dns_bytes_a(&b, "a.test", "192.0.2.1", 300);
    AUTO(reply_release) struct dns_reply over = read_reply(&q, &b);
    assert_int_equal(over.verdict, DNS_MALFORMED);
    /* A CNAME to what is no host name leads nowhere. */
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_cname(&b, "a.test", "b c.test", 20);
    assert_int_equal(read_reply(&q, &b).verdict, DNS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_the_bytes_of_the_rfc),
        cmocka_unit_test(the_longest_name_fits),
        cmocka_unit_test(records_of_the_name_and_type_are_taken),
        cmocka_unit_test(cnames_lead_to_the_records),
        cmocka_unit_test(a_cname_alone_leads_elsewhere),
        cmocka_unit_test(a_loop_of_cnames_ends),
        cmocka_unit_test(absence_is_kept_as_the_soa_says),
        cmocka_unit_test(rdata_is_that_of_the_wire),
        cmocka_unit_test(what_answers_another_question_is_not_ours),
        cmocka_unit_test(response_codes_have_their_verdict),
        cmocka_unit_test(what_is_cut_or_too_much_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
