/* SPDX-License-Identifier: Apache-2.0 */
/* Which providers there are is the operator's choice where OPENSSL_CONF names a configuration. */
#include <openssl/provider.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pki/internal.h"
#include "pki/key.h"

static void who_names_a_configuration_decides(void **state)
{
    (void)state;
    assert_int_equal(setenv("OPENSSL_CONF", "/dev/null", 1), 0);
    pki_init();
    assert_int_equal(OSSL_PROVIDER_available(NULL, "certroll"), 0);
    assert_int_equal(OSSL_PROVIDER_available(NULL, "default"), 1);
    const struct pki_key_spec spec = {PKI_ECDSA, 256};
    AUTO_KEY key = NULL;
    assert_null(pki_key_generate(&spec, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_names_a_configuration_decides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
