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
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/yaml.h"
#include "pki/names.h"
#include "support/expect.h"

#define CRD_MAX (1024 * 1024)

/* One comparison: the fields of a kind's table by path, and what was found wrong. */
struct comparison {
    struct map
        fields; /* path -> struct bind_field *, borrowed; those left were not in the schema */
    struct buf problems;
};

static void problem(struct comparison *c, const char *path, const char *what)
{
    buf_putf(&c->problems, "\n  %s: %s", path, what);
}

/* ---- the table ---- */

/* metadata is the API server's own: a CRD does not describe it. */
static bool is_metadata(const char *path)
{
    return str_eq(path, "metadata") || str_starts(path, "metadata.");
}

static void remember_field(void *arg, const char *path, const struct bind_field *f)
{
    struct comparison *c = arg;
    void *value = NULL;
    memcpy(&value, &f, sizeof(value));
    if (!is_metadata(path))
        map_put(&c->fields, path, value);
}

static bool unvisited(void *arg, const char *path, void *value)
{
    (void)value;
    problem(arg, path, "in the table and not in the schema");
    return true;
}

/* ---- one property ---- */

static const char *const types[] = {
    [BIND_STRING] = "string",  [BIND_BOOL] = "boolean",    [BIND_INT] = "integer",
    [BIND_TIME] = "string",    [BIND_DURATION] = "string", [BIND_OBJECT] = "object",
    [BIND_POINTER] = "object", [BIND_STRINGS] = "array",   [BIND_MAP] = "object",
    [BIND_LIST] = "array",     [BIND_JSON] = "object",
};

static void compare_type(struct comparison *c, const char *path, const struct bind_field *f,
                         const json_t *schema)
{
    if (!str_eq(JSTR(schema, "type"), types[f->type]))
        problem(c, path, "the types differ");
    if ((f->type == BIND_TIME) != str_eq(JSTR(schema, "format"), "date-time"))
        problem(c, path, "only one of them is a time");
    if (f->type == BIND_STRINGS && !str_eq(JSTR(schema, "items", "type"), "string"))
        problem(c, path, "the schema's items are no strings");
    if (f->type == BIND_LIST && !str_eq(JSTR(schema, "items", "type"), "object"))
        problem(c, path, "the schema's items are no objects");
    if ((f->type == BIND_MAP) != (JGET(schema, "additionalProperties") != NULL) ||
        (f->type == BIND_MAP && !str_eq(JSTR(schema, "additionalProperties", "type"), "string")))
        if (f->type != BIND_JSON)
            problem(c, path, "only one of them is a map of strings");
}

static size_t enumeration_len(const struct bind_field *f)
{
    size_t n = 0;
    while (f->enumeration != NULL && f->enumeration[n] != NULL)
        n++;
    return n;
}

static bool in_enum(const json_t *list, const char *value)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (str_eq(json_text(json_item(list, i)), value))
            return true;
    return false;
}

/* Below status we write what is enumerated and read it back without judging. */
static void compare_enum(struct comparison *c, const char *path, const struct bind_field *f,
                         const json_t *schema)
{
    const json_t *list = JGET(schema, "enum");
    size_t len = enumeration_len(f);
    bool same = len == json_count(list) || (len == 0 && str_starts(path, "status."));
    for (size_t i = 0; i < len; i++)
        same = same && in_enum(list, f->enumeration[i]);
    if (!same)
        problem(c, path, "the enumerations differ");
}

/* A default of the schema is the table's; the table has more of them, so that what the API server leaves
 * out reads the same. */
static void compare_default(struct comparison *c, const char *path, const struct bind_field *f,
                            const json_t *schema)
{
    const json_t *dflt = JGET(schema, "default");
    if (dflt == NULL)
        return;
    auto_free char *text = NULL;
    expect_ok(json_to_string(dflt, 1024, &text));
    auto_free char *quoted = x_printf("\"%s\"", str_or(f->dflt, ""));
    if (f->dflt == NULL || (!str_eq(text, f->dflt) && !str_eq(text, quoted)))
        problem(c, path, "the schema has another default");
}

/* What is required of a user is required of both. Below status it is we who write: there a required
 * property is one that we never leave out. */
static void compare_required(struct comparison *c, const char *path, const struct bind_field *f,
                             bool required)
{
    bool status = str_starts(path, "status.");
    bool never_left_out = (f->flags & (BIND_REQUIRED | BIND_ALWAYS)) != 0;
    bool same =
        status ? !required || never_left_out : required == ((f->flags & BIND_REQUIRED) != 0);
    if (!same)
        problem(c, path, required ? "required by the schema only" : "required by the table only");
}

/* ---- the schema ---- */

struct level {
    struct comparison *c;
    const json_t *object; /* the schema that has the properties */
    const char *prefix;
};

static void walk(struct comparison *c, const json_t *object, const char *prefix);

static bool compare_property(void *arg, const char *name, json_t *schema)
{
    const struct level *l = arg;
    auto_free char *path = x_printf("%s%s", l->prefix, name);
    const struct bind_field *f = map_take(&l->c->fields, path);
    if (f == NULL) {
        problem(l->c, path, "in the schema and not in the table");
        return true;
    }
    compare_type(l->c, path, f, schema);
    compare_enum(l->c, path, f, schema);
    compare_default(l->c, path, f, schema);
    compare_required(l->c, path, f, in_enum(JGET(l->object, "required"), name));
    auto_free char *inner = x_printf("%s%s.", path, f->type == BIND_LIST ? "[]" : "");
    if (f->table != NULL)
        walk(l->c, f->type == BIND_LIST ? JGET(schema, "items") : schema, inner);
    return true;
}

static void walk(struct comparison *c, const json_t *object, const char *prefix)
{
    struct level l = {c, object, prefix};
    json_each(JGET(object, "properties"), compare_property, &l);
}

static json_t *load_crd(const char *plural)
{
    auto_free char *path = x_printf("crds/%s.yaml", plural);
    auto_free char *text = NULL;
    expect_ok(file_read(path, CRD_MAX, &text));
    json_t *crd = NULL;
    expect_ok(yaml_parse(path, text, strlen(text), &crd));
    return crd;
}

/* What differs, as lines; "" for nothing. Owned. */
static char *differences(const struct kube_kind *kind, const json_t *schema)
{
    struct comparison c = {.fields = MAP_INIT(NULL), .problems = BUF_INIT(1024 * 1024)};
    bind_walk(kind->table, remember_field, &c);
    walk(&c, schema, "");
    map_each(&c.fields, unvisited, &c);
    map_release(&c.fields);
    return buf_take(&c.problems);
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
        auto_free char *text = differences(*k, schema_of(crd));
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
        auto_free char *text = differences(&kind_certificate, schema_of(crd));
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
