/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Issuer's dns01 may hold and what is read of it are the same: each provider's field table and its part of the
 * CRD, both ways, and no provider without a part or part without a provider.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/config.h"
#include "json/yaml.h"
#include "support/expect.h"
#include "support/schema.h"

#define CRD_MAX (1024 * 1024)

static json_t *load(const char *member, json_t **ret_crd)
{
    auto_free char *text = NULL;
    expect_ok(file_read("crds/issuers.yaml", CRD_MAX, &text));
    expect_ok(yaml_parse("crds/issuers.yaml", text, strlen(text), ret_crd));
    return JGET(*ret_crd, "spec", "versions", "0", "schema", "openAPIV3Schema", "properties",
                "spec", "properties", "acme", "properties", "solvers", "items", "properties",
                member, "properties");
}

static void providers_and_schemas_agree(void **state)
{
    (void)state;
    json_auto_t *crd = NULL;
    const json_t *properties = load("dns01", &crd);
    AUTO(buf_release) struct buf all = BUF_INIT(1024 * 1024);
    for (size_t i = 0; dns_providers[i] != NULL; i++) {
        const char *name = dns_providers[i]->name;
        const json_t *schema = JGET(properties, name);
        auto_free char *text = schema == NULL
                                   ? x_strdup("\n  no such property")
                                   : schema_differences(dns_providers[i]->config, schema);
        if (*text != '\0')
            buf_putf(&all, "\n%s:%s", name, text);
    }
    if (all.len > 0)
        fail_msg("dns01 of crds/issuers.yaml:%s", buf_str(&all));
}

static bool is_known(void *arg, const char *name, json_t *schema)
{
    (void)arg;
    (void)schema;
    bool common = false;
    for (size_t i = 0; i < dns_common_table.count; i++)
        common = common || str_eq(dns_common_table.fields[i].name, name);
    if (!common && dns_provider_of(name) == NULL)
        fail_msg("crds/issuers.yaml has dns01.%s, and no provider reads it", name);
    return true;
}

static void each_property_is_read(void **state)
{
    (void)state;
    json_auto_t *crd = NULL;
    const json_t *properties = load("dns01", &crd);
    assert_true(json_count(properties) > dns_common_table.count);
    json_each(properties, is_known, NULL);
    json_auto_t *common =
        json_build("{s:{s:O,s:O,s:O}}", "properties", "challengeType",
                   JGET(properties, "challengeType"), "cnameStrategy",
                   JGET(properties, "cnameStrategy"), "selfCheck", JGET(properties, "selfCheck"));
    auto_free char *text = schema_differences(&dns_common_table, common);
    assert_string_equal(text, "");
}

static void a_record_that_stays_has_a_schema(void **state)
{
    (void)state;
    json_auto_t *crd = NULL;
    json_auto_t *schema = json_build("{s:O}", "properties", load("dnsPersist01", &crd));
    auto_free char *text = schema_differences(&dns_persist_table, schema);
    assert_string_equal(text, "");
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(providers_and_schemas_agree),
        cmocka_unit_test(each_property_is_read),
        cmocka_unit_test(a_record_that_stays_has_a_schema),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
