/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a watch stream: {"type": "ADDED", "object": {...}}. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/informer.h"
#include "kube/json_extent.h"
#include "kube/object_text.h"
#include "kube/status.h"

static struct watch_line verdict(enum watch_verdict v, struct err *err)
{
    return (struct watch_line){.verdict = v, .err = err};
}

static struct watch_line broken(const char *what)
{
    return verdict(WATCH_BROKEN, err_new(ERR_TRANSIENT, "BadWatchEvent",
                                         "a line of a watch is not an event: %s", what));
}

/* A whole value that our parser refuses (a NUL in a string, an integer beyond 64 bits) is something
 * that a tenant can write into an object: it must not stop the stream for all others. */
static struct watch_line unreadable(const char *line, size_t len, struct err *err)
{
    struct json_extent extent = {0};
    bool whole = false;
    const char *end =
        len > 0 && line[0] == '{' ? json_extent_scan(&extent, line, line + len, &whole) : line;
    whole = whole && end == line + len;
    return verdict(whole ? WATCH_GO_ON : WATCH_BROKEN, err_wrap(err, "reading a watch event"));
}

static struct watch_line apply_delete(struct cache_fill *fill, const json_t *object)
{
    const char *name = JSTR(object, "metadata", "name");
    if (str_empty(name))
        return broken("a deleted object without a name");
    cache_fill_delete(fill, JSTR(object, "metadata", "namespace"), name,
                      JSTR(object, "metadata", "resourceVersion"));
    return verdict(WATCH_GO_ON, NULL);
}

static struct watch_line apply_bookmark(struct cache_fill *fill, const json_t *object)
{
    const char *rv = JSTR(object, "metadata", "resourceVersion");
    if (str_empty(rv))
        return broken("a bookmark without a resourceVersion");
    bool end = str_eq(JSTR(object, "metadata", "annotations", "k8s.io/initial-events-end"), "true");
    if (end && cache_fill_is_replacing(fill)) {
        cache_fill_replace_end(fill, rv);
        return verdict(WATCH_SYNCED, NULL);
    }
    cache_fill_progress(fill, rv);
    return verdict(WATCH_GO_ON, NULL);
}

static struct watch_line apply_error(const json_t *object)
{
    int64_t code = JINT(object, 500, "code");
    struct err *err =
        kube_status_error("watching", code >= 400 && code <= 599 ? (int)code : 500, object, 0);
    switch (err->http_status) {
    case 401:
    case 403:
        return verdict(WATCH_DENIED, err);
    case 410:
        return verdict(WATCH_GONE, err);
    case 429:
        return verdict(WATCH_LATER, err);
    default:
        return verdict(WATCH_BROKEN, err);
    }
}

/* Of which object it tells, when it starts like this. */
static bool tells_of(const char *start, const char *line, size_t len, struct object_text_id *ret_id)
{
    size_t start_len = strlen(start);
    return len > start_len && memcmp(line, start, start_len) == 0 &&
           object_text_identify(line + start_len, len - start_len, ret_id);
}

/* Most events tell of what we have written ourselves, and the answer to that is in the cache already: there is nothing
 * to learn from the rest of the line, however it ends. While a list comes in everything is new. */
static bool is_known(struct cache_fill *fill, const char *line, size_t len)
{
    struct object_text_id id;
    return !cache_fill_is_replacing(fill) &&
           (tells_of("{\"type\":\"MODIFIED\",\"object\":", line, len, &id) ||
            tells_of("{\"type\":\"ADDED\",\"object\":", line, len, &id)) &&
           cache_fill_keep(fill, id.ns, id.name, id.resource_version);
}

/* What an object was like when it was deleted is of no use. */
static bool is_deletion(struct cache_fill *fill, const char *line, size_t len)
{
    struct object_text_id id;
    if (!tells_of("{\"type\":\"DELETED\",\"object\":", line, len, &id))
        return false;
    cache_fill_delete(fill, id.ns, id.name, id.resource_version);
    return true;
}

struct watch_line watch_apply_line(struct cache_fill *fill, const char *line, size_t len)
{
    if (is_known(fill, line, len) || is_deletion(fill, line, len))
        return verdict(WATCH_GO_ON, NULL);
    json_auto_t *event = NULL;
    struct err *err = object_text_parse(&cache_fill_kind(fill)->res, line, len, &event);
    if (err != NULL)
        return unreadable(line, len, err);
    const char *type = JSTR(event, "type");
    const json_t *object = JGET(event, "object");
    if (type == NULL || object == NULL)
        return broken("type or object is missing");
    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
        return verdict(WATCH_GO_ON, cache_fill_put_json(fill, object));
    if (strcmp(type, "DELETED") == 0)
        return apply_delete(fill, object);
    if (strcmp(type, "BOOKMARK") == 0)
        return apply_bookmark(fill, object);
    if (strcmp(type, "ERROR") == 0)
        return apply_error(object);
    return broken("its type is unknown");
}
