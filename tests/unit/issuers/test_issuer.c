/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of drivers and the keys of issuances in memory. */
#include "issuers/issuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "issuer_scene.h"

static void the_spec_names_the_driver(void **state)
{
    (void)state;
    const struct acme_issuer acme = {.server = "https://ca.test/dir"};
    const struct self_signed_issuer self = {{0}};
    const struct issuer_spec none = {0};
    const struct issuer_spec a = {.acme = &acme};
    const struct issuer_spec s = {.self_signed = &self};
    assert_null(issuer_driver_of(&none));
    assert_string_equal(issuer_driver_of(&a)->name, "acme");
    assert_false(issuer_driver_of(&a)->in_process);
    assert_string_equal(issuer_driver_of(&s)->name, "selfSigned");
    assert_true(issuer_driver_of(&s)->in_process);
    size_t count = 0;
    while (issuer_drivers[count] != NULL)
        count++;
    assert_int_equal(count, 2);
}

static void secrets_of_cluster_issuers_are_in_one_namespace(void **state)
{
    (void)state;
    const struct issuer_env env = {.cluster_resource_namespace = "certroll"};
    const struct issuer here = {.obj.meta = {.name = "i", .namespace = "shop"}};
    const struct issuer cluster = {.obj.meta = {.name = "i"}};
    assert_string_equal(issuer_secret_namespace(&env, &here), "shop");
    assert_string_equal(issuer_secret_namespace(&env, &cluster), "certroll");
}

static void results_are_released_whole(void **state)
{
    (void)state;
    struct issuance_result r = {.state = ISSUANCE_ISSUED,
                                .message = x_strdup("m"),
                                .chain_pem = x_strdup("c"),
                                .ca_pem = x_strdup("r")};
    issuance_result_release(&r);
    assert_null(r.chain_pem);
    assert_int_equal(r.state, ISSUANCE_PENDING);
    struct issuer_readiness ready = {.ready = true,
                                     .message = x_strdup("m"),
                                     .acme = {.uri = x_strdup("u"),
                                              .last_registered_email = x_strdup("e"),
                                              .last_private_key_hash = x_strdup("h"),
                                              .thumbprint = x_strdup("t"),
                                              .terms_of_service = x_strdup("t")}};
    issuer_readiness_release(&ready);
    assert_false(ready.ready);
    assert_null(ready.acme.uri);
}

static void the_keyring_knows_one_revision(void **state)
{
    (void)state;
    struct keyring *ring = keyring_new();
    AUTO_KEY a = scene_key();
    AUTO_KEY b = scene_key();
    assert_null(keyring_get(ring, "u1", 1));
    keyring_put(ring, "u1", 1, a);
    keyring_put(ring, "u2", 1, b);
    AUTO_KEY first = keyring_get(ring, "u1", 1);
    assert_true(pki_key_equal(first, a));
    assert_null(keyring_get(ring, "u1", 2));
    assert_null(keyring_get(ring, "u3", 1));
    keyring_put(ring, "u1", 2, b);
    assert_null(keyring_get(ring, "u1", 1));
    AUTO_KEY second = keyring_get(ring, "u1", 2);
    assert_true(pki_key_equal(second, b));
    keyring_drop(ring, "u1");
    keyring_drop(ring, "u1");
    assert_null(keyring_get(ring, "u1", 2));
    AUTO_KEY other = keyring_get(ring, "u2", 1);
    assert_non_null(other);
    keyring_free(ring);
    keyring_free(NULL);
    /* What was handed out lives on. */
    assert_true(pki_key_equal(first, a));
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_spec_names_the_driver),
        cmocka_unit_test(secrets_of_cluster_issuers_are_in_one_namespace),
        cmocka_unit_test(results_are_released_whole),
        cmocka_unit_test(the_keyring_knows_one_revision),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
