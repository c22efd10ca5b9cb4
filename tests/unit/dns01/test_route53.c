/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_route53.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"
#include "support/expect.h"
#include "support/temp.h"

#define ZONE "example.com"
#define NAME "_acme-challenge.example.com"
#define SECRET_REF "\"secretAccessKeySecretRef\":{\"name\":\"aws\",\"key\":\"secret-access-key\"}"
#define STATIC "\"accessKeyID\":\"" FAKE_AWS_KEY "\"," SECRET_REF
#define ROLE "\"region\":\"eu-central-1\",\"role\":\"" FAKE_AWS_ROLE "\""
#define ACCOUNT "\"auth\":{\"kubernetes\":{\"serviceAccountRef\":{\"name\":\"dns\"}}}"

static const struct provider_contract contract = {
    .provider = "route53",
    .config = "{" STATIC "}",
    .open = fake_route53_open,
};

static void halves_are_refused(void **state)
{
    static const struct {
        const char *config, *complaint; /* NULL: fine */
    } configs[] = {
        {"{}", NULL},
        {"{" STATIC "," ROLE "}", NULL},
        {"{" ACCOUNT "," ROLE "}", NULL},
        {"{\"hostedZoneID\":\"/hostedzone/Z1\"}", NULL},
        {"{" ACCOUNT "," ROLE ",\"secretAccessKeySecretRef\":{\"name\":\"\"}}", NULL},
        {"{" ACCOUNT "}", "write the role"},
        {"{" ACCOUNT "," ROLE "," STATIC "}", "no access keys"},
        {"{" SECRET_REF "}", "belong together"},
        {"{\"accessKeyID\":\"" FAKE_AWS_KEY "\"}", "belong together"},
        {"{" STATIC ",\"accessKeyIDSecretRef\":{\"name\":\"aws\",\"key\":\"access-key-id\"}}",
         "not both"},
        {"{\"hostedZoneID\":\"../x\"}", "hostedZoneID"},
    };
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct err *e = scene_configure(&s, configs[i].config);
        if (configs[i].complaint == NULL)
            expect_ok(e);
        else
            expect_err(e, ERR_INVALID, NULL, configs[i].complaint);
    }
}

/* One value comes and goes with that config. */
static void expect_works(struct contract_scene *s, const char *config)
{
    expect_ok(scene_configure(s, config));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(s, &v, NULL));
    expect_values(s, ZONE, NAME, "text");
    expect_ok(scene_clean_up(s, &v));
    expect_values(s, ZONE, NAME, "");
}

static void the_key_id_may_be_in_a_secret(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(
        &s,
        "{\"accessKeyIDSecretRef\":{\"name\":\"aws\",\"key\":\"access-key-id\"}," SECRET_REF "}");
}

static void a_role_is_assumed_once(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(&s, "{" STATIC "," ROLE "}");
    assert_int_equal(fake_front_answered(), 1);
    clock_manual_advance(&s.clock, 56 * NS_PER_MIN); /* its keys end in 4 minutes */
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_front_answered(), 2);
}

static void a_service_account_s_token_is_traded(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(&s, "{" ACCOUNT "," ROLE "}");
    assert_int_equal(fake_front_answered(), 1);
    s.env.scope = "another";
    s.fake.token = "eyJhbGciOiJub25lIn0.e30.";
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized", "InvalidIdentityToken");
}

static void a_role_that_is_not_ours_is_named(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_ok(scene_configure(
        &s, "{" STATIC ",\"region\":\"eu-central-1\",\"role\":\"arn:aws:iam::1:role/other\"}"));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized",
               "role arn:aws:iam::1:role/other");
}

/* Keys of the environment, and a token in a file of it, are for issuers that may use them. */
static void what_is_ambient_is_used_when_it_may_be(void **state)
{
    static const struct fake_variable keys[] = {{"AWS_ACCESS_KEY_ID", FAKE_AWS_KEY},
                                                {"AWS_SECRET_ACCESS_KEY", FAKE_AWS_SECRET},
                                                {"AWS_REGION", "eu-central-1"},
                                                {NULL, NULL}};
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_configure(&s, "{}"));
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "CredentialsMissing", "environment");
    s.fake.variables = keys;
    expect_works(&s, "{}");
    expect_works(&s, "{\"role\":\"" FAKE_AWS_ROLE "\"}");
    assert_int_equal(fake_front_answered(), 2); /* no metadata, and STS */
    s.env.ambient = false;
    s.env.scope = "another";
    expect_ok(scene_configure(&s, "{}"));
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "CredentialsMissing",
               "secretAccessKeySecretRef");
}

static void a_token_of_a_file_is_traded(void **state)
{
    struct temp temp;
    temp_init(&temp);
    auto_free char *path = temp_puts(&temp, "token", FAKE_AWS_TOKEN);
    const struct fake_variable variables[] = {{"AWS_WEB_IDENTITY_TOKEN_FILE", path},
                                              {"AWS_ROLE_ARN", FAKE_AWS_ROLE},
                                              {"AWS_REGION", "eu-central-1"},
                                              {NULL, NULL}};
    {
        SCENE s;
        scene_open(&s, state);
        s.fake.variables = variables;
        expect_works(&s, "{}");
        assert_int_equal(fake_front_answered(), 1);
    }
    temp_release(&temp);
}

/* EKS Pod Identity: another role may be assumed with what is lent. */
static void a_pod_identity_is_used(void **state)
{
    struct temp temp;
    temp_init(&temp);
    auto_free char *path = temp_puts(&temp, "token", FAKE_AWS_TOKEN);
    const struct fake_variable variables[] = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", FAKE_AWS_POD},
                                              {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path},
                                              {NULL, NULL}};
    {
        SCENE s;
        scene_open(&s, state);
        s.fake.variables = variables;
        expect_works(&s, "{}");
        assert_int_equal(fake_front_answered(), 1);
        clock_manual_advance(&s.clock, 56 * NS_PER_MIN); /* its keys end in 4 minutes */
        const struct dns_value v = scene_value(NAME, ZONE, "text");
        expect_ok(scene_present(&s, &v, NULL));
        assert_int_equal(fake_front_answered(), 2);
        s.env.ambient = false;
        s.env.scope = "a tenant's";
        expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "CredentialsMissing", "no credentials");
        assert_int_equal(fake_front_answered(), 2);
    }
    temp_release(&temp);
}

static void a_pod_s_token_goes_to_its_agent_only(void **state)
{
    static const struct {
        struct fake_variable variables[3];
        enum err_kind kind;
        const char *told;
    } rows[] = {
        {{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.test/v1/credentials"},
          {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere"}},
         ERR_INVALID,
         "neither https nor an address"},
        {{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23.evil.test/"},
          {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere"}},
         ERR_INVALID,
         "neither https nor an address"},
        {{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", FAKE_AWS_POD}},
         ERR_DENIED,
         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s;
        scene_open(&s, state);
        s.fake.variables = rows[i].variables;
        expect_ok(scene_configure(&s, "{}"));
        const struct dns_value v = scene_value(NAME, ZONE, "text");
        expect_err(scene_present(&s, &v, NULL), rows[i].kind, NULL, rows[i].told);
        assert_int_equal(fake_front_answered(), 0);
    }
}

static void the_role_of_the_node_comes_last(void **state)
{
    static const struct fake_variable disabled[] = {{"AWS_EC2_METADATA_DISABLED", "true"},
                                                    {NULL, NULL}};
    SCENE s;
    scene_open(&s, state);
    fake_route53_be_node();
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_configure(&s, "{}"));
    s.fake.variables = disabled;
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "CredentialsMissing", "environment");
    assert_int_equal(fake_front_answered(), 0);
    s.fake.variables = NULL;
    expect_works(&s, "{}");
    assert_int_equal(fake_front_answered(), 3); /* token, role, keys, which are remembered */
}

static void keys_that_ended_early_are_renewed(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(&s, "{" STATIC "," ROLE "}");
    fake_route53_expire();
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized", "ExpiredToken");
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_front_answered(), 2);
}

static void a_wrong_secret_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.secret_value = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYANOTHERKEY";
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized",
               "not that of the access key");
}

static void the_public_one_of_two_zones_is_used(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct fake_cloud *c = s.fake.state;
    s.fake.add_zone(s.fake.state, "twice.test", "PRIV1");
    s.fake.add_zone(s.fake.state, "twice.test", "PRIV2");
    s.fake.add_zone(s.fake.state, "twice.test", "Z1");
    const struct dns_value v = scene_value("_acme-challenge.twice.test", "twice.test", "text");
    expect_ok(scene_present(&s, &v, NULL));
    assert_non_null(fake_record_with(c, fake_zone_of(c, "Z1"), v.name, "text"));
}

static void of_two_public_zones_one_is_to_be_named(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct fake_cloud *c = s.fake.state;
    s.fake.add_zone(s.fake.state, "twice.test", "Z1");
    s.fake.add_zone(s.fake.state, "twice.test", "Z2");
    const struct dns_value v = scene_value("_acme-challenge.twice.test", "twice.test", "text");
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "ZoneAmbiguous", "hostedZoneID");
    expect_ok(scene_configure(&s, "{" STATIC ",\"hostedZoneID\":\"/hostedzone/Z2\"}"));
    expect_ok(scene_present(&s, &v, NULL));
    assert_non_null(fake_record_with(c, fake_zone_of(c, "Z2"), v.name, "text"));
    assert_int_equal(s.fake.calls(c), 1 + 2); /* the look-up that found two, and no other */
}

static void throttling_is_a_rate_limit_whatever_its_status(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    s.fake.fail_next(s.fake.state, 400, NULL, 0);
    expect_err(scene_present(&s, &v, NULL), ERR_RATE_LIMITED, "RateLimited", "Throttling");
}

/* It is refused in the same shape as a change that somebody else was faster with, and is not tried again at once. */
static void a_full_set_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, ZONE, NAME, "full");
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "QuotaReached",
               "Cannot have more than 100 records");
    assert_int_equal(s.fake.calls(s.fake.state), 1 + 2); /* the zone, a look and a change */
    expect_values(&s, ZONE, NAME, "full");
}

/* Between our look and our change another controller writes to the same name. */
static void no_value_of_a_rival_is_lost(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    fake_route53_rival("first");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "first, text");
    fake_route53_rival("second");
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, ZONE, NAME, "first, second");
}

static void a_routing_policy_is_not_touched(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, ZONE, NAME, "routed");
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "RecordUnusable", "routing policy");
    expect_values(&s, ZONE, NAME, "routed");
}

static void only_regions_make_host_names(void **state)
{
    static const char *const regions[] = {"eu.evil.test/", "EU-CENTRAL-1", "a b", "@x",
                                          "a-region-with-a-name-that-is-too-long"};
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        auto_free char *config = x_printf("{" STATIC ",\"region\":\"%s\"}", regions[i]);
        expect_ok(scene_configure(&s, config));
        expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "InvalidSolver", "region");
    }
    assert_int_equal(s.fake.calls(s.fake.state), 0);
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(halves_are_refused),
        cmocka_unit_test(the_key_id_may_be_in_a_secret),
        cmocka_unit_test(a_role_is_assumed_once),
        cmocka_unit_test(a_service_account_s_token_is_traded),
        cmocka_unit_test(a_role_that_is_not_ours_is_named),
        cmocka_unit_test(what_is_ambient_is_used_when_it_may_be),
        cmocka_unit_test(a_token_of_a_file_is_traded),
        cmocka_unit_test(a_pod_identity_is_used),
        cmocka_unit_test(a_pod_s_token_goes_to_its_agent_only),
        cmocka_unit_test(the_role_of_the_node_comes_last),
        cmocka_unit_test(keys_that_ended_early_are_renewed),
        cmocka_unit_test(a_wrong_secret_is_said_so),
        cmocka_unit_test(the_public_one_of_two_zones_is_used),
        cmocka_unit_test(of_two_public_zones_one_is_to_be_named),
        cmocka_unit_test(throttling_is_a_rate_limit_whatever_its_status),
        cmocka_unit_test(a_full_set_is_said_so),
        cmocka_unit_test(no_value_of_a_rival_is_lost),
        cmocka_unit_test(a_routing_policy_is_not_touched),
        cmocka_unit_test(only_regions_make_host_names),
    };
    return CONTRACT_RUN(&contract, own);
}
