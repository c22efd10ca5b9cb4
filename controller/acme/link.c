/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/link.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define HEADER_MAX 16384
#define REL_MAX 64
#define SPACE " \t"

void acme_links_release(struct acme_links *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].rel);
        free(l->items[i].url);
    }
    *l = (struct acme_links){0};
}

const char *acme_links_get(const struct acme_links *l, const char *rel, size_t n)
{
    for (size_t i = 0; i < l->count; i++) {
        if (str_eq(l->items[i].rel, rel) && n-- == 0)
            return l->items[i].url;
    }
    return NULL;
}

/* ---- references ---- */

/* "https://host:port" of an absolute URL: its length. */
static size_t origin_length(const char *url)
{
    const char *authority = strstr(url, "://");
    return authority == NULL ? 0 : (size_t)(authority - url) + 3 + strcspn(authority + 3, "/?");
}

static bool has_scheme(const char *reference)
{
    size_t len = strcspn(reference, ":/?#");
    return reference[len] == ':';
}

static bool has_dot_segments(const char *path)
{
    for (const char *at = strchr(path, '.'); at != NULL; at = strchr(at + 1, '.')) {
        size_t dots = strspn(at, ".");
        bool begins = at == path || at[-1] == '/';
        if (begins && dots <= 2 && (at[dots] == '/' || at[dots] == '\0' || at[dots] == '?'))
            return true;
        at += dots - 1;
    }
    return false;
}

/* In the folder of the base's path. */
static char *resolve_relative(const char *base, const char *reference)
{
    size_t origin = origin_length(base);
    size_t path = origin + strcspn(base + origin, "?");
    size_t folder = path;
    while (folder > origin && base[folder - 1] != '/')
        folder--;
    if (*reference == '?')
        folder = path;
    return x_printf("%.*s%s%s", (int)folder, base, folder == origin && *reference != '?' ? "/" : "",
                    reference);
}

char *acme_url_resolve(const char *base, const char *reference)
{
    if (strnlen(base, ACME_URL_MAX + 1) > ACME_URL_MAX ||
        strnlen(reference, ACME_URL_MAX + 1) > ACME_URL_MAX || *reference == '\0')
        return NULL;
    char *url;
    if (has_scheme(reference))
        url = x_strdup(reference);
    else if (str_starts(reference, "//"))
        url = x_printf("https:%s", reference);
    else if (*reference == '/')
        url = x_printf("%.*s%s", (int)origin_length(base), base, reference);
    else
        url = has_dot_segments(reference) ? x_strdup("") : resolve_relative(base, reference);
    struct acme_url parsed;
    AUTO_ERR e = acme_url_parse(url, &parsed);
    if (e == NULL)
        return url;
    free(url);
    return NULL;
}

/* ---- headers ---- */

/* One link-value (section 3) while it is read. */
struct link {
    char *target;
    char *rel;     /* the first one counts */
    bool anchored; /* it is about something else than the answer */
};

static void link_release(struct link *l)
{
    free(l->target);
    free(l->rel);
}

static const char *skip_space(const char *s)
{
    return s + strspn(s, SPACE);
}

/* A quoted string, unescaped, or a token; *at moves behind it. Owned. */
static char *take_value(const char **at)
{
    const char *s = *at;
    if (*s != '"') {
        size_t len = strcspn(s, SPACE ";,");
        *at = s + len;
        return x_strndup(s, len);
    }
    char *value = x_strdup(s + 1);
    size_t len = 0;
    for (s++; *s != '\0' && *s != '"'; s++) {
        if (*s == '\\' && s[1] != '\0')
            s++;
        value[len++] = *s;
    }
    value[len] = '\0';
    *at = *s == '"' ? s + 1 : s;
    return value;
}

static bool is_name(const char *s, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(s, name, len) == 0;
}

/* "; name=value"; false when no parameter follows. */
static bool take_parameter(const char **at, struct link *l)
{
    const char *s = skip_space(*at);
    if (*s != ';')
        return false;
    s = skip_space(s + 1);
    size_t len = strcspn(s, SPACE "=;,");
    const char *name = s;
    s = skip_space(s + len);
    auto_free char *value = NULL;
    if (*s == '=') {
        s = skip_space(s + 1);
        value = take_value(&s);
    }
    *at = s;
    if (is_name(name, len, "rel") && l->rel == NULL)
        l->rel = TAKE(value);
    l->anchored = l->anchored || is_name(name, len, "anchor");
    return true;
}

/* rel may hold several relations. */
static void keep(struct acme_links *links, const char *base, const struct link *l)
{
    auto_free char *url = acme_url_resolve(base, l->target);
    if (url == NULL || l->rel == NULL || l->anchored)
        return;
    for (const char *s = skip_space(l->rel); *s != '\0'; s = skip_space(s)) {
        size_t len = strcspn(s, SPACE);
        if (links->count == ACME_LINKS_MAX)
            return;
        if (len <= REL_MAX) {
            struct acme_link *made = &links->items[links->count++];
            *made = (struct acme_link){x_strndup(s, len), x_strdup(url)};
            for (char *c = made->rel; *c != '\0'; c++)
                *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        }
        s += len;
    }
}

/* "<target>; rel=..."; false when the header ends or goes on with something else. */
static bool take_link(const char **at, struct link *l)
{
    const char *s = *at + strspn(*at, SPACE ",");
    const char *end = *s == '<' ? strchr(s, '>') : NULL;
    if (end == NULL)
        return false;
    l->target = x_strndup(s + 1, (size_t)(end - s - 1));
    *at = end + 1;
    while (take_parameter(at, l)) {
    }
    return true;
}

void acme_links_add(struct acme_links *links, const char *base, const char *header)
{
    if (strnlen(header, HEADER_MAX + 1) > HEADER_MAX)
        return;
    bool more = true;
    while (more) {
        AUTO(link_release) struct link l = {0};
        more = take_link(&header, &l);
        if (more)
            keep(links, base, &l);
    }
}
