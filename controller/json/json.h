/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON for objects that are not ours: parse, read by path, build, print. Only this room knows
 * jansson's getters and setters; elsewhere a json_t is opaque and reference counted. Call
 * json_room_init() before any other use.
 */
#ifndef CERTROLL_JSON_JSON_H
#define CERTROLL_JSON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#ifndef JANSSON_THREAD_SAFE_REFCOUNT
#error "jansson must count references atomically: cached objects are shared by threads"
#endif

/* Sets the wiping, aborting allocator and the hash seed. Once, before threads. */
void json_room_init(void);

/* Parses one JSON value of len bytes; duplicate keys, trailing text and NUL in strings are errors
 * (ERR_INVALID, reason BadJSON, with line and column, never with the text). *ret is owned. */
struct err *json_parse(const char *data, size_t len, json_t **ret_value) MUST_CHECK;
/* Appends compact text to b, which is as it was when that fails. */
struct err *json_print(const json_t *value, struct buf *b) MUST_CHECK;
/* Compact text, owned; at most max bytes. For secrets print into a BUF_INIT_SECRET instead. */
struct err *json_to_string(const json_t *value, size_t max, char **ret_text) MUST_CHECK;

/* Readers: JSTR(pod, "status", "phase"). NULL, false, 0 or dflt when the path is absent or of another
 * type. Results are borrowed from value. A path element of an array is a decimal index. */
#define JGET(value, ...) json_path(value, (const char *const[]){__VA_ARGS__, NULL})
#define JSTR(value, ...) json_text(JGET(value, __VA_ARGS__))
#define JINT(value, dflt, ...) json_number(JGET(value, __VA_ARGS__), dflt)
#define JBOOL(value, ...) json_truth(JGET(value, __VA_ARGS__))
json_t *json_path(const json_t *value, const char *const *path);
const char *json_text(const json_t *value);
int64_t json_number(const json_t *value, int64_t dflt);
bool json_truth(const json_t *value);
/* Length of an array or object; 0 for anything else. Element i of an array, or NULL. */
size_t json_count(const json_t *value);
json_t *json_item(const json_t *array, size_t i);
/* Calls fn for each member of an object, in insertion order, until it returns false. */
void json_each(const json_t *object, bool (*fn)(void *arg, const char *key, json_t *value),
               void *arg);

/* json_pack with the formats {}[] s o O n b i I f and the marks ? (NULL becomes null) and * (NULL is
 * left out). Aborts instead of failing: the format is ours, so a failure is a bug. Owned. Here and
 * below a byte of text that is not UTF-8 becomes '?'. */
json_t *json_build(const char *fmt, ...) MUST_CHECK;
/* Builders for what a format cannot say. They take over value and abort on a wrong container. */
json_t *json_new_object(void);
json_t *json_new_array(void);
json_t *json_new_string(const char *s);
void json_put(json_t *object, const char *key, json_t *value);
void json_put_str(json_t *object, const char *key, const char *s); /* skipped when s is NULL */
void json_drop(json_t *object, const char *key);
void json_push(json_t *array, json_t *value);
json_t *json_from_strlist(const struct strlist *l);
/* A copy that may be changed. */
json_t *json_copy_deep(const json_t *value);
bool json_same(const json_t *a, const json_t *b);
/* RFC 7386 merge of patch into target (changed in place): null deletes. Nothing is shared afterwards;
 * a patch that is not an object changes nothing. Used for pod templates. */
void json_merge_patch(json_t *target, const json_t *patch);

#endif
