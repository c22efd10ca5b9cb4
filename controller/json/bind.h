/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field tables: one row per field of a kind drives decode, encode, equality and defaults.
 *
 * A decoded object is ONE block of memory: the struct, then everything it points to. free() frees
 * all of it; it is read-only. To write, a caller fills a struct of its own with borrowed pointers and
 * encodes that; nothing is ever deep-copied. Members the table does not name are ignored.
 */
#ifndef CERTROLL_JSON_BIND_H
#define CERTROLL_JSON_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/json.h"

enum bind_type {
    BIND_STRING,   /* const char *; NULL when absent */
    BIND_BOOL,     /* bool */
    BIND_INT,      /* int64_t */
    BIND_TIME,     /* int64_t: RFC 3339 <-> wall ns; 0 when absent */
    BIND_DURATION, /* int64_t: Go duration <-> ns; 0 when absent */
    BIND_OBJECT,   /* a struct in place; all zero when absent */
    BIND_POINTER,  /* a struct behind a pointer; NULL when absent */
    BIND_STRINGS,  /* struct bind_strings */
    BIND_MAP,      /* struct bind_map: string to string, sorted by key */
    BIND_LIST,     /* struct bind_list of structs in place */
    BIND_JSON,     /* const char *: any JSON value as compact text; NULL when absent */
};

struct bind_strings {
    const char *const *items;
    size_t len;
};
struct bind_pair {
    const char *key;
    const char *value;
};
struct bind_map {
    const struct bind_pair *items;
    size_t len;
};
/* Declare lists as BIND_LIST_OF(struct condition) conditions; the layout is that of bind_list. */
struct bind_list {
    const void *items;
    size_t len;
};
#define BIND_LIST_OF(T)                                                                            \
    struct {                                                                                       \
        T const *items;                                                                            \
        size_t len;                                                                                \
    }

enum bind_flag {
    BIND_REQUIRED = 1 << 0, /* decode fails when absent or null: "spec.secretName: required" */
    BIND_ALWAYS = 1 << 1,   /* encode even when zero, NULL (strings as "", else null) or empty */
    BIND_INTERNED = 1 << 2, /* no meaning for the wire; reserved for names shared by many objects */
};

struct bind_table;
struct bind_field {
    const char *name; /* JSON member */
    enum bind_type type;
    unsigned flags;
    size_t offset;
    const struct bind_table *table; /* OBJECT, POINTER, LIST */
    const char *dflt;               /* STRING, BOOL, INT, DURATION: used when absent */
    const char *const *enumeration; /* STRING: allowed values, NULL-terminated, or NULL */
};
struct bind_table {
    const char *name; /* for messages and the schema test: "CertificateSpec" */
    size_t size;      /* of the struct */
    const struct bind_field *fields;
    size_t count;
};

/* Rows: BIND_ROW(struct x, STRING, member, "jsonName", .flags = BIND_REQUIRED). A member of another
 * C type than the row says does not compile: "not compatible with any association". */
#define BIND_ROW(T, type_, member, ...)                                                            \
    {                                                                                              \
        .type = BIND_##type_,                                                                      \
        .offset = _Generic(((T *)0)->member, BIND_C_##type_                                        \
                           : offsetof(T, member)),                                                 \
        .name = __VA_ARGS__                                                                        \
    }
#define BIND_C_STRING const char *
#define BIND_C_BOOL bool
#define BIND_C_INT int64_t
#define BIND_C_TIME int64_t
#define BIND_C_DURATION int64_t
#define BIND_C_OBJECT default
#define BIND_C_POINTER default
#define BIND_C_STRINGS struct bind_strings
#define BIND_C_MAP struct bind_map
#define BIND_C_LIST default
#define BIND_C_JSON const char *
#define BIND_TABLE(name_, T, fields_)                                                              \
    {                                                                                              \
        .name = (name_), .size = sizeof(T), .fields = (fields_),                                   \
        .count = sizeof(fields_) / sizeof((fields_)[0])                                            \
    }

/* Decodes object into one new block (*ret_block, free() it). A type error names the path:
 * "spec.issuerRef.name: expected string, got number". ERR_INVALID, reason InvalidField. Inside a
 * BIND_OBJECT that is absent defaults apply and nothing is required. Limits: the whole block 4 MiB,
 * 10,000 items per list or map. */
struct err *bind_decode(const struct bind_table *t, const json_t *object, void **ret_block)
    MUST_CHECK;

/* The struct as a JSON object that decodes to the same (times lose fractions of a second). Zero,
 * NULL and empty members are left out unless BIND_ALWAYS, BIND_REQUIRED or where there is a default
 * that is not meant. Owned, never NULL. */
json_t *bind_encode(const struct bind_table *t, const void *value);

/* True when both encode to the same JSON (order of lists counts). */
bool bind_equal(const struct bind_table *t, const void *a, const void *b);

/* The value of key or NULL. */
const char *bind_map_get(const struct bind_map *m, const char *key);
bool bind_strings_has(const struct bind_strings *l, const char *s);

/* Calls fn with the dotted path, "[]" for list items, of each field of t, depth first: for the
 * schema test and the docs. t must not contain itself. */
void bind_walk(const struct bind_table *t,
               void (*fn)(void *arg, const char *path, const struct bind_field *f), void *arg);

#endif
