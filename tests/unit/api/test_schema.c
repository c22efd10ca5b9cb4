/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crds/<plural>.yaml and the field tables say the same, both ways: no property is served that the tables do not know,
 * and none is decoded that the API server would prune. Runs in the root of the repository, as all unit tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/kinds.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/yaml.h"
#include "pki/names.h"
#include "support/expect.h"
#include "support/schema.h"

#define CRD_MAX (1024 * 1024)

static json_t *load_crd(const char *plural)
{
    auto_free char *path = x_printf("crds/%s.yaml", plural);
    auto_free char *text = NULL;
    expect_ok(file_read(path, CRD_MAX, &text));
    json_t *crd = NULL;
    expect_ok(yaml_parse(path, text, strlen(text), &crd));
    return crd;
}

static json_t *schema_of(const json_t *crd)
{
    return JGET(crd, "spec", "versions", "0", "schema", "openAPIV3Schema");
}

/* ---- tests ---- */

static void tables_and_schemas_agree(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf all = BUF_INIT(1024 * 1024);
    for (struct kube_kind *const *k = api_kinds; *k != NULL; k++) {
        json_auto_t *crd = load_crd((*k)->res.plural);
        auto_free char *text = schema_differences((*k)->table, schema_of(crd));
        if (*text != '\0')
            buf_putf(&all, "\ncrds/%s.yaml:%s", (*k)->res.plural, text);
    }
    if (all.len > 0)
        fail_msg("%s", buf_str(&all));
}

static void names_and_scopes_agree(void **state)
{
    (void)state;
    for (struct kube_kind *const *k = api_kinds; *k != NULL; k++) {
        const struct kube_resource *res = &(*k)->res;
        json_auto_t *crd = load_crd(res->plural);
        const json_t *spec = JGET(crd, "spec");
        assert_string_equal(JSTR(spec, "group"), res->group);
        assert_string_equal(JSTR(spec, "names", "kind"), res->kind);
        assert_string_equal(JSTR(spec, "names", "plural"), res->plural);
        assert_string_equal(JSTR(spec, "scope"), res->namespaced ? "Namespaced" : "Cluster");
        assert_int_equal(json_count(JGET(spec, "versions")), 1);
        assert_string_equal(JSTR(spec, "versions", "0", "name"), res->version);
        assert_non_null(JGET(spec, "versions", "0", "subresources", "status"));
    }
}

static bool is_a_kind(const char *file)
{
    for (struct kube_kind *const *k = api_kinds; *k != NULL; k++) {
        auto_free char *name = x_printf("%s.yaml", (*k)->res.plural);
        if (str_eq(name, file))
            return true;
    }
    return false;
}

static void each_crd_is_a_kind(void **state)
{
    (void)state;
    DIR *dir = opendir("crds");
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (str_ends(e->d_name, ".yaml") && !is_a_kind(e->d_name))
            fail_msg("crds/%s is in no table of api_kinds", e->d_name);
    closedir(dir);
}

/* The list of usages has one word per entry: what the schema lets through must be understood. */
static void each_usage_of_the_schema_is_known(void **state)
{
    (void)state;
    static const char *const plurals[] = {"certificates", "certificaterequests"};
    for (size_t i = 0; i < ARRAY_LEN(plurals); i++) {
        json_auto_t *crd = load_crd(plurals[i]);
        const json_t *list =
            JGET(schema_of(crd), "properties", "spec", "properties", "usages", "items", "enum");
        assert_true(json_count(list) > 10);
        for (size_t n = 0; n < json_count(list); n++) {
            AUTO(pki_usages_release) struct pki_usages u = {0};
            expect_ok(pki_usages_add(&u, json_text(json_item(list, n))));
        }
    }
}

/* What may be wrong with a schema, and how it is told. */
static const struct {
    const char *path[8]; /* to the object that changes, below the schema's root */
    const char *key;
    const char *value; /* JSON; NULL removes */
    const char *problem;
} changes[] = {
    {{"properties", "spec", "properties"}, "isCA", NULL, "spec.isCA: in the table and not"},
    {{"properties", "spec", "properties"},
     "odd",
     "{\"type\":\"string\"}",
     "spec.odd: in the schema and not"},
    {{"properties", "spec", "properties", "isCA"},
     "type",
     "\"string\"",
     "spec.isCA: the types differ"},
    {{"properties", "spec", "properties", "dnsNames", "items"},
     "type",
     "\"integer\"",
     "spec.dnsNames: the schema's items"},
    {{"properties", "spec", "properties", "privateKey", "properties", "encoding"},
     "enum",
     "[\"PKCS1\",\"PKCS7\"]",
     "spec.privateKey.encoding: the enumerations differ"},
    {{"properties", "spec", "properties", "privateKey", "properties", "encoding"},
     "default",
     "\"PKCS8\"",
     "spec.privateKey.encoding: the schema has another default"},
    {{"properties", "spec"},
     "required",
     "[\"secretName\"]",
     "spec.issuerRef: required by the table only"},
    {{"properties", "spec"},
     "required",
     "[\"secretName\",\"issuerRef\",\"duration\"]",
     "spec.duration: required by the schema only"},
    {{"properties", "status", "properties", "notAfter"},
     "format",
     NULL,
     "status.notAfter: only one of them is a time"},
    {{"properties", "spec", "properties", "secretTemplate", "properties", "labels"},
     "additionalProperties",
     NULL,
     "spec.secretTemplate.labels: only one of them is a map"},
    {{"properties", "status", "properties", "conditions", "items", "properties"},
     "reason",
     NULL,
     "status.conditions[].reason: in the table and not"},
};

/* The comparison itself: each kind of difference is seen, with its path. */
static void differences_are_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        json_auto_t *crd = load_crd("certificates");
        json_t *object = json_path(schema_of(crd), changes[i].path);
        assert_non_null(object);
        json_drop(object, changes[i].key);
        json_t *value = NULL;
        if (changes[i].value != NULL) {
            expect_ok(json_parse(changes[i].value, strlen(changes[i].value), &value));
            json_put(object, changes[i].key, value);
        }
        auto_free char *text = schema_differences(kind_certificate.table, schema_of(crd));
        if (strstr(text, changes[i].problem) == NULL)
            fail_msg("%s is not among:%s", changes[i].problem, text);
    }
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_schemas_agree),
        cmocka_unit_test(names_and_scopes_agree),
        cmocka_unit_test(each_crd_is_a_kind),
        cmocka_unit_test(each_usage_of_the_schema_is_known),
        cmocka_unit_test(differences_are_seen),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
