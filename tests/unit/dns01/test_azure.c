/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_azure.h"

#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"
#include "support/expect.h"
#include "support/temp.h"

#define ZONE "example.com"
#define NAME "_acme-challenge.example.com"
#define PLACE "\"subscriptionID\":\"sub-1\",\"resourceGroupName\":\"dns zones\""
#define APPLICATION "\"clientID\":\"app-1\",\"tenantID\":\"tenant-1\""
#define SECRET_REF "\"clientSecretSecretRef\":{\"name\":\"azure\",\"key\":\"client-secret\"}"
#define ACCOUNT "\"serviceAccountRef\":{\"name\":\"dns\"}"

static const struct provider_contract contract = {
    .provider = "azureDNS",
    .config = "{" PLACE "," APPLICATION "," SECRET_REF "}",
    .open = fake_azure_open,
};

static void what_belongs_together_is_asked_for(void **state)
{
    static const struct {
        const char *config, *complaint; /* NULL: fine */
    } configs[] = {
        {"{" PLACE "}", NULL},
        {"{" PLACE "," APPLICATION "," ACCOUNT "}", NULL},
        {"{" PLACE "," SECRET_REF "}", "clientID and tenantID"},
        {"{" PLACE "," ACCOUNT ",\"clientID\":\"app-1\"}", "clientID and tenantID"},
        {"{" PLACE "," APPLICATION "," ACCOUNT "," SECRET_REF "}", "not both"},
        {"{" PLACE ",\"managedIdentity\":{\"clientID\":\"a\",\"resourceID\":\"b\"}}", "not both"},
        {"{" PLACE ",\"environment\":\"AzureMoonCloud\"}", "environment"},
        {"{\"subscriptionID\":\"sub-1\"}", "resourceGroupName"},
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

/* One value comes and goes with that config; how the token was asked for. */
static void expect_works(struct contract_scene *s, const char *config, const char *asked)
{
    expect_ok(scene_configure(s, config));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(s, &v, NULL));
    expect_values(s, ZONE, NAME, "text");
    expect_ok(scene_clean_up(s, &v));
    expect_values(s, ZONE, NAME, "");
    assert_int_equal(fake_front_answered(), 1);
    if (!str_starts(fake_azure_asked(), asked) && !str_ends(fake_azure_asked(), asked))
        fail_msg("asked by %s", fake_azure_asked());
}

static void a_client_secret_is_traded(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(&s, contract.config, "secret");
}

static void a_service_account_s_token_is_traded(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(&s, "{" PLACE "," APPLICATION "," ACCOUNT "}", "assertion");
}

static void a_token_of_a_file_is_traded(void **state)
{
    struct temp temp;
    temp_init(&temp);
    auto_free char *path = temp_puts(&temp, "token", FAKE_AZURE_TOKEN);
    const struct fake_variable variables[] = {{"AZURE_FEDERATED_TOKEN_FILE", path},
                                              {"AZURE_CLIENT_ID", "app-0"},
                                              {"AZURE_TENANT_ID", "tenant-1"},
                                              {NULL, NULL}};
    {
        SCENE s;
        scene_open(&s, state);
        s.fake.variables = variables;
        expect_works(&s, "{" PLACE ",\"managedIdentity\":{\"clientID\":\"app-1\"}}", "assertion");
    }
    temp_release(&temp);
}

static void an_identity_of_the_machine_is_used_when_it_may_be(void **state)
{
    static const struct {
        const char *identity, *asked;
    } rows[] = {
        {"{}", "machine"},
        {"{\"clientID\":\"id 1\"}", "&client_id=id%201"},
        {"{\"resourceID\":\"/subscriptions/x\"}", "&msi_res_id=%2Fsubscriptions%2Fx"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s;
        scene_open(&s, state);
        auto_free char *config = x_printf("{" PLACE ",\"managedIdentity\":%s}", rows[i].identity);
        expect_works(&s, config, rows[i].asked);
        s.env.ambient = false;
        s.env.scope = "another";
        const struct dns_value v = scene_value(NAME, ZONE, "text");
        expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "CredentialsMissing",
                   "clientSecretSecretRef");
        assert_int_equal(fake_front_answered(), 1);
    }
}

static void a_private_zone_is_another_resource(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_works(&s, "{" PLACE "," APPLICATION "," SECRET_REF ",\"zoneType\":\"AzurePrivateZone\"}",
                 "secret");
}

static void a_zone_that_is_named_is_not_looked_up(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_ok(scene_configure(&s, "{" PLACE "," APPLICATION "," SECRET_REF
                                  ",\"hostedZoneName\":\"example.com\"}"));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(s.fake.calls(s.fake.state), 2);
    const struct dns_value w = scene_value("_acme-challenge.other.test", "other.test", "text");
    expect_err(scene_present(&s, &w, NULL), ERR_INVALID, "ZoneNotFound", "hostedZoneName");
}

static void no_value_of_a_rival_is_lost(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    fake_azure_rival("first");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "first, text");
    fake_azure_rival("second");
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, ZONE, NAME, "first, second");
}

/* Said once, and not taken for a rival, whom it would try to outrun. */
static void a_zone_that_is_full_is_no_rival(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    fake_azure_fill();
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "QuotaReached",
               "takes no more records (MaximumNumberOfRecordSetsReached)");
    expect_values(&s, ZONE, NAME, "");
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(what_belongs_together_is_asked_for),
        cmocka_unit_test(a_client_secret_is_traded),
        cmocka_unit_test(a_service_account_s_token_is_traded),
        cmocka_unit_test(a_token_of_a_file_is_traded),
        cmocka_unit_test(an_identity_of_the_machine_is_used_when_it_may_be),
        cmocka_unit_test(a_private_zone_is_another_resource),
        cmocka_unit_test(a_zone_that_is_named_is_not_looked_up),
        cmocka_unit_test(no_value_of_a_rival_is_lost),
        cmocka_unit_test(a_zone_that_is_full_is_no_rival),
    };
    return CONTRACT_RUN(&contract, own);
}
