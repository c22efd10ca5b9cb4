/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/revoke.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fake_ca.h"

static const unsigned char der[] = {0x30, 0x03, 0x02, 0x01, 0x07};

static void an_account_revokes(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    static const int reasons[] = {4, 0};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        fake_answer(&f, 200, "", "");
        assert_ok(acme_revoke(&f.account, der, sizeof(der), reasons[i]));
        assert_string_equal(f.url, FAKE_HOST "/revoke");
        assert_string_equal(JSTR(f.payload, "certificate"), "MAMCAQc");
        assert_int_equal(JINT(f.payload, -1, "reason"), reasons[i]);
        assert_string_equal(JSTR(f.protected, "kid"), FAKE_ACCOUNT);
    }
}

/* Section 7.6: without an account the JWK is sent, and the signature proves the certificate's key. */
static void the_certificates_key_revokes(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO_KEY own = NULL;
    assert_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &own));
    struct pki_key *accounts = f.key;
    f.key = own; /* whose signature the server expects */
    fake_answer(&f, 200, "", "");
    assert_ok(acme_revoke(&(struct acme_account){.ca = f.ca, .key = own}, der, sizeof(der), 1));
    f.key = accounts;
    assert_null(JGET(f.protected, "kid"));
    assert_string_equal(JSTR(f.protected, "jwk", "kty"), "EC");
}

static void revoked_already_is_good(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("alreadyRevoked", "twice"));
    assert_ok(acme_revoke(&f.account, der, sizeof(der), 0));
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("badRevocationReason", "no"));
    assert_error(acme_revoke(&f.account, der, sizeof(der), 6), ERR_INVALID, "BadRevocationReason",
                 NULL);
    fake_answer(&f, 403, PROBLEM_HEADER, PROBLEM("unauthorized", "whose?"));
    assert_error(acme_revoke(&f.account, der, sizeof(der), 0), ERR_DENIED, "Unauthorized", NULL);
}

static void a_ca_need_not_offer_it(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = "{\"newNonce\":\"" FAKE_HOST "/nonce\",\"newAccount\":\"" FAKE_HOST
                              "/new-acct\",\"newOrder\":\"" FAKE_HOST "/new-order\"}"};
    fake_ca_init(&f);
    assert_error(acme_revoke(&f.account, der, sizeof(der), 0), ERR_INVALID, "NotOffered", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_revokes),
        cmocka_unit_test(the_certificates_key_revokes),
        cmocka_unit_test(revoked_already_is_good),
        cmocka_unit_test(a_ca_need_not_offer_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
