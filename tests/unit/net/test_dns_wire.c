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
#define AA 0x0400

static struct dns_wire_query ask(const char *name, enum dns_type type)
{
    struct dns_wire_query q;
    dns_wire_ask(name, type, ID, DNS_WIRE_RECURSE | DNS_WIRE_EDNS, &q);
    return q;
}

static struct dns_wire_query ask_alone(const char *name, enum dns_type type)
{
    struct dns_wire_query q;
    dns_wire_ask(name, type, ID, DNS_WIRE_EDNS, &q);
    return q;
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
    dns_wire_ask("a.test", DNS_CAA, ID, DNS_WIRE_RECURSE, &plain);
    assert_int_equal(plain.len, q.len - 11);
    assert_int_equal(plain.data[11], 0);
    struct dns_wire_query alone;
    dns_wire_ask("a.test", DNS_CAA, ID, 0, &alone);
    assert_int_equal(alone.data[2], 0); /* no RD */
    assert_memory_equal(alone.data + 3, plain.data + 3, plain.len - 3);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ELSEWHERE);
    assert_string_equal(r.answer.name, "b.test");
    /* With the SOA beside it the server has looked: the target has no such record. */
    dns_bytes_soa(&b, "test", 900, 10);
    AUTO(dns_reply_release) struct dns_reply none = read_reply(&q, &b);
    assert_int_equal(none.verdict, DNS_ANSWERED);
    assert_int_equal(none.answer.count, 0);
    assert_true(none.answer.exists);
    assert_int_equal(none.answer.ttl, 10 * NS_PER_SEC);
    /* Who asks for CNAMEs gets them. */
    struct dns_wire_query cname = ask("a.test", DNS_CNAME);
    dns_bytes_reply(&b, cname.data, cname.len, 0);
    dns_bytes_cname(&b, "a.test", "b.test", 20);
    AUTO(dns_reply_release) struct dns_reply itself = read_reply(&cname, &b);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_false(r.answer.exists);
    assert_int_equal(r.answer.ttl, 30 * NS_PER_SEC);
    dns_bytes_reply(&b, q.data, q.len, 0);
    AUTO(dns_reply_release) struct dns_reply bare = read_reply(&q, &b);
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
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
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
    dns_wire_ask("a.test", DNS_A, ID + 1, DNS_WIRE_RECURSE | DNS_WIRE_EDNS, &other_id);
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
        dns_wire_ask("a.test", DNS_A, ID, rows[i].edns ? DNS_WIRE_EDNS : 0, &q);
        struct dns_bytes b;
        dns_bytes_reply(&b, q.data, q.len, rows[i].rcode);
        dns_bytes_set_flag(&b, rows[i].flag);
        AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
        assert_int_equal(r.verdict, rows[i].want);
    }
    assert_string_equal(dns_rcode_str(2), "SERVFAIL");
    assert_string_equal(dns_rcode_str(10), "NOTZONE");
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
    AUTO(dns_reply_release) struct dns_reply full = read_reply(&q, &b);
    assert_int_equal(full.answer.count, DNS_RECORDS_MAX);
    dns_bytes_a(&b, "a.test", "192.0.2.1", 300);
    AUTO(dns_reply_release) struct dns_reply over = read_reply(&q, &b);
    assert_int_equal(over.verdict, DNS_MALFORMED);
    /* A CNAME to what is no host name leads nowhere. */
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_cname(&b, "a.test", "b c.test", 20);
    assert_int_equal(read_reply(&q, &b).verdict, DNS_MALFORMED);
}

static void a_servers_own_word_is_told_apart(void **state)
{
    (void)state;
    struct dns_wire_query q = ask_alone("a.test", DNS_TXT);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_txt(&b, "a.test", "value", 60);
    AUTO(dns_reply_release) struct dns_reply cached = read_reply(&q, &b);
    assert_int_equal(cached.verdict, DNS_ANSWERED);
    assert_false(cached.authoritative);
    dns_bytes_set_flag(&b, AA);
    /* NS records beside an answer are no referral. */
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "test", DNS_NS, 60}, "ns.test");
    AUTO(dns_reply_release) struct dns_reply own = read_reply(&q, &b);
    assert_true(own.authoritative);
    assert_int_equal(own.answer.count, 1);
    assert_string_equal(own.zone, "");
    auto_free char *text = dns_txt_text(&own.answer.records[0]);
    assert_string_equal(text, "value");
}

static void a_referral_names_zone_and_servers(void **state)
{
    (void)state;
    struct dns_wire_query q = ask_alone("_acme-challenge.www.a.test", DNS_TXT);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "xa.test", DNS_NS, 60}, "ns9.a.test");
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "A.Test", DNS_NS, 60}, "NS1.a.test");
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "test", DNS_NS, 60}, "ns8.test");
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "a.test", DNS_NS, 60}, "no name");
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "a.test", DNS_NS, 60}, "ns2.b.test");
    AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
    assert_int_equal(r.verdict, DNS_ANSWERED);
    assert_int_equal(r.answer.count, 0);
    assert_true(r.answer.exists);
    assert_string_equal(r.zone, "a.test");
    auto_free char *servers = strlist_join(&r.nameservers, " ", 0);
    assert_string_equal(servers, "ns1.a.test ns2.b.test");
    /* The root refers to itself: nobody is helped by that. */
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "", DNS_NS, 60}, "a.root.test");
    AUTO(dns_reply_release) struct dns_reply up = read_reply(&q, &b);
    assert_string_equal(up.zone, "");
    assert_int_equal(up.nameservers.len, 0);
    /* More servers than anybody asks. */
    dns_bytes_reply(&b, q.data, q.len, 0);
    for (unsigned i = 0; i < DNS_ASK_SERVERS_MAX + 5; i++) {
        auto_free char *ns = x_printf("ns%u.test", i);
        dns_bytes_target(&b, &(struct dns_bytes_record){2, "test", DNS_NS, 60}, ns);
    }
    AUTO(dns_reply_release) struct dns_reply many = read_reply(&q, &b);
    assert_int_equal(many.nameservers.len, DNS_ASK_SERVERS_MAX);
    /* A question that resolvers answer has no use for any of it. */
    struct dns_wire_query recursing = ask("a.test", DNS_TXT);
    dns_bytes_reply(&b, recursing.data, recursing.len, 0);
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "test", DNS_NS, 60}, "ns.test");
    AUTO(dns_reply_release) struct dns_reply stub = read_reply(&recursing, &b);
    assert_string_equal(stub.zone, "");
}

static void an_absence_names_its_zone(void **state)
{
    (void)state;
    static const struct {
        unsigned rcode;
        const char *soa;
        const char *ns;
        const char *zone;
    } rows[] = {
        {0, "a.test", NULL, "a.test"}, {3, "test", NULL, "test"}, {3, "a.test", "test", "a.test"},
        {0, "b.test", NULL, ""},       {3, NULL, "a.test", ""}, /* RFC 2308 section 2.1, type 4 */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_wire_query q = ask_alone("w.a.test", DNS_SOA);
        struct dns_bytes b;
        dns_bytes_reply(&b, q.data, q.len, rows[i].rcode);
        if (rows[i].ns != NULL)
            dns_bytes_target(&b, &(struct dns_bytes_record){2, rows[i].ns, DNS_NS, 60}, "ns.test");
        if (rows[i].soa != NULL)
            dns_bytes_soa(&b, rows[i].soa, 60, 30);
        AUTO(dns_reply_release) struct dns_reply r = read_reply(&q, &b);
        assert_int_equal(r.verdict, DNS_ANSWERED);
        assert_int_equal(r.answer.exists, rows[i].rcode == 0);
        assert_string_equal(r.zone, rows[i].zone);
        assert_int_equal(r.nameservers.len, 0);
    }
}

static void dnames_are_followed_by_the_cnames_made_of_them(void **state)
{
    (void)state;
    struct dns_wire_query q = ask_alone("_acme-challenge.a.test", DNS_TXT);
    struct dns_bytes b;
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_set_flag(&b, AA);
    dns_bytes_target(&b, &(struct dns_bytes_record){1, "a.test", DNS_DNAME, 60}, "b.test");
    dns_bytes_cname(&b, "_acme-challenge.a.test", "_acme-challenge.b.test", 0);
    AUTO(dns_reply_release) struct dns_reply away = read_reply(&q, &b);
    assert_int_equal(away.verdict, DNS_ELSEWHERE);
    assert_string_equal(away.answer.name, "_acme-challenge.b.test");
    assert_string_equal(away.zone, "");
    /* The target is in a zone below, which others serve. */
    dns_bytes_target(&b, &(struct dns_bytes_record){2, "b.test", DNS_NS, 60}, "ns.b.test");
    AUTO(dns_reply_release) struct dns_reply below = read_reply(&q, &b);
    assert_string_equal(below.zone, "b.test");
    assert_int_equal(below.nameservers.len, 1);
    dns_bytes_reply(&b, q.data, q.len, 0);
    dns_bytes_cname(&b, "_acme-challenge.a.test", "_acme-challenge.b.test", 0);
    dns_bytes_txt(&b, "_acme-challenge.b.test", "value", 60);
    AUTO(dns_reply_release) struct dns_reply here = read_reply(&q, &b);
    assert_int_equal(here.verdict, DNS_ANSWERED);
    assert_int_equal(here.answer.count, 1);
    /* YXDOMAIN: what the DNAME makes is too long (RFC 6672 section 2.4). */
    dns_bytes_reply(&b, q.data, q.len, 6);
    AUTO(dns_reply_release) struct dns_reply too_long = read_reply(&q, &b);
    assert_int_equal(too_long.verdict, DNS_REFUSED);
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
        cmocka_unit_test(a_servers_own_word_is_told_apart),
        cmocka_unit_test(a_referral_names_zone_and_servers),
        cmocka_unit_test(an_absence_names_its_zone),
        cmocka_unit_test(dnames_are_followed_by_the_cnames_made_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
