/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pki/cert.h"
#include "testca.h"

/* leaf <- intermediate <- root, and a stranger with its own key. */
static struct issued root, intermediate, leaf, stranger;

/* The certificates named by letters (l, i, r, s), joined. */
static char *text_of(const char *letters)
{
    struct buf b = BUF_INIT(1 << 20);
    for (; *letters != '\0'; letters++) {
        const struct issued *i = *letters == 'l'   ? &leaf
                                 : *letters == 'i' ? &intermediate
                                 : *letters == 'r' ? &root
                                                   : &stranger;
        buf_puts(&b, i->pem);
    }
    return buf_take(&b);
}

static char *common_name(X509 *cert)
{
    char text[256];
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text, sizeof(text));
    return x_strdup(text);
}

static void assert_arranged(const char *in, const char *chain, const char *ca)
{
    auto_free char *text = text_of(in), *expected = text_of(chain);
    auto_free char *have = NULL, *have_ca = NULL;
    assert_ok(pki_chain_arrange(text, strlen(text), &have, &have_ca));
    assert_string_equal(have, expected);
    if (ca == NULL) {
        assert_null(have_ca);
        return;
    }
    auto_free char *expected_ca = text_of(ca);
    assert_string_equal(have_ca, expected_ca);
}

static void chains_are_brought_into_order(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"l", "l", NULL},      {"li", "li", NULL}, {"il", "li", NULL}, {"lir", "li", "r"},
        {"ril", "li", "r"},    {"irl", "li", "r"}, {"lri", "li", "r"}, {"llii", "li", NULL},
        {"lirril", "li", "r"}, {"ir", "i", "r"},   {"r", "r", "r"},    {"rr", "r", "r"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_arranged(cases[i][0], cases[i][1], cases[i][2]);
}

static void a_self_signed_leaf_is_chain_and_root(void **state)
{
    (void)state;
    struct issued self;
    issue(&(struct issue_spec){.cn = "self", .key_usage = "critical,digitalSignature"}, &self);
    auto_free char *chain = NULL, *ca = NULL;
    assert_ok(pki_chain_arrange(self.pem, strlen(self.pem), &chain, &ca));
    assert_string_equal(chain, self.pem);
    assert_string_equal(ca, self.pem);
    issued_release(&self);
}

static void assert_chain_refused(const char *text, size_t len, const char *message)
{
    char *chain = NULL, *ca = NULL;
    assert_refused(pki_chain_arrange(text, len, &chain, &ca), "InvalidCertificate", message);
    assert_null(chain);
    assert_null(ca);
}

static void what_is_not_one_chain_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"lr", "ls", "lis", "sl", "rs", "lirs"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *text = text_of(cases[i]);
        assert_chain_refused(text, strlen(text), "do not form one chain");
    }
}

static void two_leaves_of_one_issuer_are_refused(void **state)
{
    (void)state;
    struct issued other;
    issue(&(struct issue_spec){.cn = "other", .issuer = &intermediate}, &other);
    auto_free char *text = x_printf("%s%s%s", leaf.pem, other.pem, intermediate.pem);
    assert_chain_refused(text, strlen(text), "do not form one chain");
    issued_release(&other);
}

static void a_name_without_the_signature_is_not_enough(void **state)
{
    (void)state;
    struct issued impostor;
    issue(&(struct issue_spec){.cn = "intermediate", .is_ca = true}, &impostor);
    auto_free char *text = join(leaf.pem, impostor.pem);
    assert_chain_refused(text, strlen(text), "do not form one chain");
    issued_release(&impostor);
}

static void hostile_text_is_refused(void **state)
{
    (void)state;
    auto_free char *with_key = join(leaf.pem, leaf.key_pem);
    assert_chain_refused(with_key, strlen(with_key), "PEM block 2 is not a CERTIFICATE");
    assert_chain_refused("", 0, "no PEM block found");
    assert_chain_refused("not PEM", 7, "no PEM block found");
    assert_chain_refused("a\0b", 3, "a NUL byte");
    size_t len = (size_t)10 << 20;
    auto_free char *big = x_alloc(len);
    memset(big, '\n', len);
    assert_chain_refused(big, len, "at most 95000");
    assert_arranged("liliiiiiil", "li", NULL);
    auto_free char *eleven = text_of("lililililil");
    assert_chain_refused(eleven, strlen(eleven), "more than 10 certificates");
}

static void text_between_the_blocks_is_not_passed_on(void **state)
{
    (void)state;
    auto_free char *text =
        x_printf("subject=CN = leaf\n%sgarbage\n%s-- \nmore", leaf.pem, intermediate.pem);
    auto_free char *expected = text_of("li");
    auto_free char *chain = NULL, *ca = NULL;
    assert_ok(pki_chain_arrange(text, strlen(text), &chain, &ca));
    assert_string_equal(chain, expected);
}

static void ten_links_of_one_name_are_arranged(void **state)
{
    (void)state;
    /* All share one name, so that signatures alone tell who issued whom. */
    struct issued links[10];
    struct buf backwards = BUF_INIT(1 << 20), forwards = BUF_INIT(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        issue(&(struct issue_spec){.cn = "same",
                                   .is_ca = true,
                                   .issuer = i > 0 ? &links[i - 1] : NULL},
              &links[i]);
        buf_puts(&backwards, links[i].pem);
    }
    for (size_t i = ARRAY_LEN(links) - 1; i > 0; i--)
        buf_puts(&forwards, links[i].pem);
    auto_free char *chain = NULL, *ca = NULL;
    assert_ok(pki_chain_arrange(backwards.data, backwards.len, &chain, &ca));
    assert_string_equal(chain, forwards.data);
    assert_string_equal(ca, links[0].pem);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        issued_release(&links[i]);
    buf_release(&backwards);
    buf_release(&forwards);
}

static int setup(void **state)
{
    (void)state;
    pki_init();
    issue(&(struct issue_spec){.cn = "root", .is_ca = true}, &root);
    issue(&(struct issue_spec){.cn = "intermediate", .is_ca = true, .issuer = &root},
          &intermediate);
    issue(&(struct issue_spec){.cn = "leaf", .sans = "DNS:a.example.com", .issuer = &intermediate},
          &leaf);
    issue(&(struct issue_spec){.cn = "stranger", .is_ca = true}, &stranger);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    issued_release(&root);
    issued_release(&intermediate);
    issued_release(&leaf);
    issued_release(&stranger);
    return 0;
}

/* As cert-manager compares names, and by the key of a CA. */
static void a_chain_is_preferred_by_name_or_key(void **state)
{
    (void)state;
    AUTO(pki_cert_release) struct pki_cert ca = {0}, own = {0};
    char spki[PKI_SHA256_HEX], leafs[PKI_SHA256_HEX];
    assert_ok(pki_cert_parse(intermediate.pem, strlen(intermediate.pem), &ca));
    assert_ok(pki_cert_parse(leaf.pem, strlen(leaf.pem), &own));
    pki_key_spki_sha256(ca.public_key, spki);
    pki_key_spki_sha256(own.public_key, leafs);
    auto_free char *by_key = x_printf("spki:%s", spki), *by_leaf = x_printf("spki:%s", leafs);
    auto_free char *root_name = common_name(root.cert), *middle = common_name(intermediate.cert);
    auto_free char *leaf_name = common_name(leaf.cert);
    const struct {
        const char *letters, *preferred;
        bool want;
    } rows[] = {
        {"li", root_name, true},  {"l", root_name, false},     {"l", middle, true},
        {"li", middle, true},     {"li", "Other Root", false}, {"li", "", false},
        {"lir", root_name, true}, {"li", leaf_name, false},    {"li", by_key, true},
        {"l", by_key, false},     {"li", by_leaf, false},      {"li", "spki:", false},
        {"", root_name, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = text_of(rows[i].letters);
        if (pki_chain_is_preferred(text, strlen(text), rows[i].preferred) != rows[i].want)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_are_brought_into_order),
        cmocka_unit_test(a_self_signed_leaf_is_chain_and_root),
        cmocka_unit_test(what_is_not_one_chain_is_refused),
        cmocka_unit_test(two_leaves_of_one_issuer_are_refused),
        cmocka_unit_test(a_name_without_the_signature_is_not_enough),
        cmocka_unit_test(hostile_text_is_refused),
        cmocka_unit_test(text_between_the_blocks_is_not_passed_on),
        cmocka_unit_test(ten_links_of_one_name_are_arranged),
        cmocka_unit_test(a_chain_is_preferred_by_name_or_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
