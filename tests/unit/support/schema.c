/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

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
    bool any = f->type == BIND_JSON && JBOOL(schema, "x-kubernetes-preserve-unknown-fields");
    if (!any && !str_eq(JSTR(schema, "type"), types[f->type]))
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

char *schema_differences(const struct bind_table *table, const json_t *schema)
{
    struct comparison c = {.fields = MAP_INIT(NULL), .problems = BUF_INIT(1024 * 1024)};
    bind_walk(table, remember_field, &c);
    walk(&c, schema, "");
    map_each(&c.fields, unvisited, &c);
    map_release(&c.fields);
    return buf_take(&c.problems);
}
