/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events become jansson values by recursive descent. Anchors, aliases and tags are refused,
 * so that the result is no larger than the text.
 */
#include "json/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/internal.h"

#define TEXT_MAX ((size_t)1 << 20)
#define DEPTH_MAX 64

struct reader {
    yaml_parser_t parser;
    const char *name;
    int depth;
};

static void reader_release(struct reader *r)
{
    yaml_parser_delete(&r->parser);
}

static struct err *bad_yaml(const struct reader *r, const yaml_mark_t *at, const char *problem)
{
    return err_new(ERR_INVALID, "BadYAML", "%s: line %zu, column %zu: %s", r->name, at->line + 1,
                   at->column + 1, problem);
}

static struct err *next_event(struct reader *r, yaml_event_t *ret_event)
{
    if (yaml_parser_parse(&r->parser, ret_event) != 0)
        return NULL;
    if (r->parser.error == YAML_MEMORY_ERROR)
        json_bug("out of memory in libyaml");
    return bad_yaml(r, &r->parser.problem_mark, str_or(r->parser.problem, "not YAML"));
}

/* Tags of nodes say how to read them, which the core schema knows better. */
static struct err *check_plain_node(const struct reader *r, const yaml_event_t *e,
                                    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return bad_yaml(r, &e->start_mark, "anchors and aliases are not allowed");
    if (tag != NULL)
        return bad_yaml(r, &e->start_mark, "tags are not allowed");
    return NULL;
}

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static bool all_in(const char *s, const char *set)
{
    return *s != '\0' && s[strspn(s, set)] == '\0';
}

/* The base of a core-schema integer ("12", "-3", "0o17", "0xff") or 0. */
static int int_base(const char *s)
{
    if (str_starts(s, "0o"))
        return all_in(s + 2, "01234567") ? 8 : 0;
    if (str_starts(s, "0x"))
        return all_in(s + 2, "0123456789abcdefABCDEF") ? 16 : 0;
    if (*s == '-' || *s == '+')
        s++;
    return all_in(s, "0123456789") ? 10 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *s)
{
    static const char digits[] = "0123456789";
    s += *s == '-' || *s == '+';
    const size_t whole = strspn(s, digits);
    s += whole;
    if (*s == '.') {
        s++;
        const size_t fraction = strspn(s, digits);
        if (whole + fraction == 0)
            return false;
        s += fraction;
    } else if (whole == 0) {
        return false;
    }
    if (*s != 'e' && *s != 'E')
        return *s == '\0';
    s++;
    s += *s == '-' || *s == '+';
    return all_in(s, digits);
}

static bool is_special_float(const char *s)
{
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    static const char *const infs[] = {".inf", ".Inf", ".INF", NULL};
    return is_one_of(s, nans) || is_one_of(s + (*s == '-' || *s == '+'), infs);
}

/* Decimal numbers must be written as JSON writes them: what begins with 0 is octal in YAML 1.1 and
 * decimal in YAML 1.2, so it is better refused. NULL when JSON cannot hold the number. */
static json_t *number_value(const char *s, int base)
{
    if (base == 0 || base == 10)
        return json_loads(s, JSON_READ_FLAGS, NULL);
    errno = 0;
    const long long n = strtoll(s + 2, NULL, base);
    return errno == 0 ? json_integer(n) : NULL;
}

/* YAML 1.2 core schema, section 10.3.2. NULL when JSON cannot hold the number. */
static json_t *plain_value(const char *s)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (is_one_of(s, nulls))
        return json_null();
    if (is_one_of(s, trues))
        return json_true();
    if (is_one_of(s, falses))
        return json_false();
    if (is_special_float(s))
        return NULL;
    const int base = int_base(s);
    return base != 0 || is_float(s) ? number_value(s, base) : json_new_string(s);
}

/* The text of a scalar event, borrowed from it. */
static struct err *scalar_text(const struct reader *r, const yaml_event_t *e, const char **ret_text)
{
    TRY(check_plain_node(r, e, e->data.scalar.anchor, e->data.scalar.tag));
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length)
        return bad_yaml(r, &e->start_mark, "NUL in a string");
    *ret_text = text;
    return NULL;
}

static struct err *read_scalar(const struct reader *r, const yaml_event_t *e, json_t **ret_value)
{
    const char *text = NULL;
    TRY(scalar_text(r, e, &text));
    const bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    json_t *value = plain ? plain_value(text) : json_new_string(text);
    if (value == NULL)
        return bad_yaml(r, &e->start_mark,
                        "a number that JSON cannot hold: write it as in JSON, or quote it");
    *ret_value = value;
    return NULL;
}

static struct err *read_node(struct reader *r, const yaml_event_t *e, json_t **ret_value);

static struct err *read_sequence(struct reader *r, json_t **ret_value)
{
    json_auto_t *array = json_new_array();
    for (;;) {
        AUTO(yaml_event_delete) yaml_event_t e = {0};
        TRY(next_event(r, &e));
        if (e.type == YAML_SEQUENCE_END_EVENT)
            break;
        json_t *item = NULL;
        TRY(read_node(r, &e, &item));
        json_push(array, item);
    }
    *ret_value = TAKE(array);
    return NULL;
}

static struct err *read_member(struct reader *r, const yaml_event_t *key_event, json_t *object)
{
    if (key_event->type != YAML_SCALAR_EVENT)
        return bad_yaml(r, &key_event->start_mark, "a key must be a string");
    const char *key = NULL;
    TRY(scalar_text(r, key_event, &key));
    if (json_object_get(object, key) != NULL)
        return bad_yaml(r, &key_event->start_mark, "duplicate key");
    AUTO(yaml_event_delete) yaml_event_t e = {0};
    TRY(next_event(r, &e));
    json_t *value = NULL;
    TRY(read_node(r, &e, &value));
    json_put(object, key, value);
    return NULL;
}

static struct err *read_mapping(struct reader *r, json_t **ret_value)
{
    json_auto_t *object = json_new_object();
    for (;;) {
        AUTO(yaml_event_delete) yaml_event_t e = {0};
        TRY(next_event(r, &e));
        if (e.type == YAML_MAPPING_END_EVENT)
            break;
        TRY(read_member(r, &e, object));
    }
    *ret_value = TAKE(object);
    return NULL;
}

static struct err *read_collection(struct reader *r, const yaml_event_t *e, json_t **ret_value)
{
    const bool mapping = e->type == YAML_MAPPING_START_EVENT;
    if (mapping)
        TRY(check_plain_node(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag));
    else
        TRY(check_plain_node(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag));
    if (r->depth == DEPTH_MAX)
        return bad_yaml(r, &e->start_mark, "nested too deeply");
    r->depth++;
    TRY(mapping ? read_mapping(r, ret_value) : read_sequence(r, ret_value));
    r->depth--;
    return NULL;
}

/* e is the first event of the node. */
static struct err *read_node(struct reader *r, const yaml_event_t *e, json_t **ret_value)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, e, ret_value);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return read_collection(r, e, ret_value);
    default:
        return bad_yaml(r, &e->start_mark, "anchors and aliases are not allowed");
    }
}

/* The next event must be of that type; it carries nothing else of interest. */
static struct err *expect(struct reader *r, yaml_event_type_t type, const char *problem)
{
    AUTO(yaml_event_delete) yaml_event_t e = {0};
    TRY(next_event(r, &e));
    return e.type == type ? NULL : bad_yaml(r, &e.start_mark, problem);
}

static struct err *read_document(struct reader *r, json_t **ret_value)
{
    AUTO(yaml_event_delete) yaml_event_t e = {0};
    TRY(expect(r, YAML_STREAM_START_EVENT, "not YAML"));
    TRY(expect(r, YAML_DOCUMENT_START_EVENT, "the file is empty"));
    TRY(next_event(r, &e));
    json_auto_t *value = NULL;
    TRY(read_node(r, &e, &value));
    TRY(expect(r, YAML_DOCUMENT_END_EVENT, "not YAML"));
    TRY(expect(r, YAML_STREAM_END_EVENT, "more than one document"));
    *ret_value = TAKE(value);
    return NULL;
}

struct err *yaml_parse(const char *name, const char *data, size_t len, json_t **ret_value)
{
    if (len > TEXT_MAX)
        return err_new(ERR_INVALID, "BadYAML", "%s: %zu bytes, more than %zu", name, len, TEXT_MAX);
    AUTO(reader_release) struct reader r = {.name = name};
    if (yaml_parser_initialize(&r.parser) == 0)
        json_bug("out of memory in libyaml");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(data == NULL ? "" : data), len);
    return read_document(&r, ret_value);
}
