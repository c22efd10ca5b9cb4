/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each DNS provider promises, as one suite that all of them pass: each against a fake of its cloud, which is
 * written from the API's public documentation. A provider's test program is a fixture (fake_<file>.c), rows of its own
 * and contract_run(). Most fakes are a struct fake_cloud (fake_cloud.h), which has all the functions below.
 */
#ifndef CERTROLL_TEST_DNS01_CONTRACT_H
#define CERTROLL_TEST_DNS01_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"
#include "dns01/provider.h"
#include "dns01/provider_memory.h"

/* The present of all rows: 2026-01-01T00:00:00Z. */
#define CONTRACT_NOW (INT64_C(1767225600) * NS_PER_SEC)

struct fake_secret {
    const char *name, *key, *value;
};
struct fake_variable {
    const char *name, *value;
};

/* A cloud in memory. Strict and stateful: what its API would refuse it refuses, in the API's own shape. */
struct provider_fake {
    struct http_transport transport;
    void *state;
    const struct fake_secret *secrets;     /* ended by one without a name; what no error may show */
    const struct fake_variable *variables; /* of the environment, ended the same way; NULL = none */
    const char *token;                     /* what a TokenRequest gives; NULL = an error */
    const struct dns_transport *dns;       /* NULL = none is asked */

    /* The TXT values that the zone has at the absolute name, without quotes, in any order. */
    void (*values)(void *state, const char *zone, const char *name, struct strlist *ret_values);
    /* A zone of the account, after those that are there; id NULL = one that the API would give. */
    void (*add_zone)(void *state, const char *name, const char *id);
    /* A TXT value of somebody else, after those that are there. */
    void (*add_foreign)(void *state, const char *zone, const char *name, const char *value);
    /* The call after that many more is answered with the status in the API's shape and does nothing. Status 0: it is
     * carried out, and the answer is lost (ERR_TRANSIENT ConnectionLost). retry_after may be NULL. */
    void (*fail_next)(void *state, int status, const char *retry_after, unsigned after_n_calls);
    /* The next call is answered 200 with this body and does nothing. NULL = the fake cannot. */
    void (*say_next)(void *state, const char *body);
    /* From now on no credential is good. */
    void (*revoke_credentials)(void *state);
    /* Calls so far. */
    unsigned (*calls)(void *state);
    /* What was changed is on the servers now; NULL where the API does not tell. */
    void (*settle)(void *state);
    /* Fails the test when a call was not as all must be; frees everything. */
    void (*close)(void *state);
};

/* Why rows are left out, beside those that the provider's functions rule out. */
enum contract_without {
    CONTRACT_NO_ZONES = 1 << 0,    /* it looks no zones up */
    CONTRACT_NO_CLEAN_UP = 1 << 1, /* its API takes nothing away */
    CONTRACT_NO_OTHERS = 1 << 2,   /* values of others are not kept or not seen */
    CONTRACT_NO_CREDENTIALS = 1 << 3,
};

struct provider_contract {
    const char *provider;                  /* dns_provider_of() */
    const char *config;                    /* JSON of its member */
    void (*open)(struct provider_fake *f); /* a new cloud, empty */
    unsigned without;                      /* enum contract_without */
};

/* The rows of the suite, then the provider's own; what main() returns. Tests get the contract as *state. */
int contract_run(const struct provider_contract *c, const struct CMUnitTest *own, size_t own_count);
#define CONTRACT_RUN(contract, own) contract_run(contract, own, sizeof(own) / sizeof((own)[0]))

/* ---- for rows: a provider at work on a new fake ---- */

struct contract_scene {
    const struct provider_contract *contract;
    const struct dns_provider *provider;
    struct provider_fake fake;
    void *config; /* of provider->config */
    struct clock_manual clock;
    struct rng_seeded rng;
    struct dns_memory *memory;
    struct dns_env env;
    bool secrets_gone;        /* no Secret is found */
    const char *secret_value; /* what each holds instead, or NULL */
};
/* With the zone "example.com". state is the test's. */
void scene_open(struct contract_scene *s, void **state);
/* Another config; ERR_INVALID when it does not decode or check() refuses it. */
struct err *scene_configure(struct contract_scene *s, const char *config);
void scene_close(struct contract_scene *s);
#define SCENE __attribute__((cleanup(scene_close))) struct contract_scene

/* The value of a name in a zone; id NULL. */
struct dns_value scene_value(const char *name, const char *zone, const char *text);
/* Errors of these were searched for secrets. ret_id may be NULL. */
struct err *scene_present(struct contract_scene *s, const struct dns_value *v, char **ret_id);
struct err *scene_clean_up(struct contract_scene *s, const struct dns_value *v);
/* Fails unless the zone has exactly these values at the name: "a, b", sorted; "" = none. */
void expect_values(struct contract_scene *s, const char *zone, const char *name,
                   const char *expected);

#endif
