/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_xml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define REFERENCE_MAX 8 /* characters of "&quot;" and "&#x7e;" with room for zeros */

/* ---- tags ---- */

enum tag_type { TAG_OPEN, TAG_CLOSE, TAG_EMPTY, TAG_OTHER };
struct tag {
    enum tag_type type;
    struct xml name;
    const char *start; /* its "<" */
    const char *end;   /* after its ">" */
};

static const char *find(const char *from, const char *end, const char *what)
{
    return from <= end ? memmem(from, (size_t)(end - from), what, strlen(what)) : NULL;
}

static bool starts(const char *at, const char *end, const char *what)
{
    size_t len = strlen(what);
    return (size_t)(end - at) >= len && memcmp(at, what, len) == 0;
}

/* The ">" of a tag; one within quotes is part of an attribute. */
static const char *tag_end(const char *at, const char *end)
{
    char quote = '\0';
    for (; at < end; at++) {
        if (quote != '\0')
            quote = *at == quote ? '\0' : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '>')
            return at;
    }
    return NULL;
}

/* The end of what is no element: a comment, a declaration, raw text. NULL for a document type, which could
 * define entities. */
static const char *other_end(const char *at, const char *end)
{
    static const char *const pairs[][2] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!starts(at, end, pairs[i][0]))
            continue;
        const char *close = find(at + strlen(pairs[i][0]), end, pairs[i][1]);
        return close != NULL ? close + strlen(pairs[i][1]) : NULL;
    }
    return NULL;
}

static bool next_tag(const char *from, const char *end, struct tag *ret_tag)
{
    const char *at = find(from, end, "<");
    if (at == NULL || end - at < 2)
        return false;
    struct tag t = {.type = TAG_OTHER, .start = at};
    if (at[1] == '!' || at[1] == '?') {
        t.end = other_end(at, end);
        *ret_tag = t;
        return t.end != NULL;
    }
    const char *close = tag_end(at, end);
    if (close == NULL)
        return false;
    bool closes = at[1] == '/';
    t.name.data = at + 1 + closes;
    while (t.name.data + t.name.len < close && strchr(" \t\r\n/", t.name.data[t.name.len]) == NULL)
        t.name.len++;
    t.type = closes ? TAG_CLOSE : close[-1] == '/' ? TAG_EMPTY : TAG_OPEN;
    t.end = close + 1;
    *ret_tag = t;
    return true;
}

static bool is_named(const struct tag *t, const char *name)
{
    return t->name.len == strlen(name) && memcmp(t->name.data, name, t->name.len) == 0;
}

bool xml_next(struct xml *rest, const char *name, struct xml *ret_content)
{
    const char *end = rest->data + rest->len;
    const char *content = NULL;
    struct tag t;
    unsigned depth = 0; /* elements of that name within each other */
    for (const char *at = rest->data; rest->len > 0 && next_tag(at, end, &t); at = t.end) {
        if (t.type == TAG_OTHER || !is_named(&t, name))
            continue;
        if (t.type == TAG_EMPTY && depth == 0) {
            *ret_content = (struct xml){t.end, 0};
            *rest = (struct xml){t.end, (size_t)(end - t.end)};
            return true;
        }
        if (t.type == TAG_OPEN && depth == 0)
            content = t.end;
        if (t.type == TAG_CLOSE && depth == 1) {
            *ret_content = (struct xml){content, (size_t)(t.start - content)};
            *rest = (struct xml){t.end, (size_t)(end - t.end)};
            return true;
        }
        if (t.type == TAG_OPEN)
            depth++;
        else if (t.type == TAG_CLOSE && depth > 0)
            depth--;
    }
    return false;
}

/* ---- text ---- */

static const struct {
    const char *name;
    char c;
} entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};

/* Characters of the reference at the start of s, 0 when it is none that we know. */
static size_t reference(const char *s, size_t len, char *ret_c)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (starts(s, s + len, entities[i].name)) {
            *ret_c = entities[i].c;
            return strlen(entities[i].name);
        }
    if (!starts(s, s + len, "&#"))
        return 0;
    bool hex = len > 2 && s[2] == 'x';
    char text[REFERENCE_MAX + 1] = "";
    memcpy(text, s, len < REFERENCE_MAX ? len : REFERENCE_MAX);
    char *last = text;
    const char *digits = text + 2 + hex;
    long code = isxdigit((unsigned char)*digits) ? strtol(digits, &last, hex ? 16 : 10) : 0;
    if (code < ' ' || code > '~' || *last != ';')
        return 0;
    *ret_c = (char)code;
    return (size_t)(last - text) + 1;
}

char *xml_content(const struct xml *content, size_t max)
{
    AUTO(buf_release) struct buf b = BUF_INIT_SECRET(max); /* STS hands out keys */
    for (size_t i = 0; i < content->len;) {
        char c = content->data[i];
        size_t step = c == '&' ? reference(content->data + i, content->len - i, &c) : 1;
        if (step == 0 || (step == 1 && (c < ' ' || c > '~' || c == '<')))
            return NULL;
        AUTO_ERR e = buf_add(&b, &c, 1);
        if (e != NULL)
            return NULL;
        i += step;
    }
    return buf_take(&b);
}

char *xml_text(const struct xml *in, const char *name, size_t max)
{
    struct xml rest = *in, content;
    return xml_next(&rest, name, &content) ? xml_content(&content, max) : NULL;
}

static const char *escaped(char c)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (entities[i].c == c)
            return entities[i].name;
    return NULL;
}

struct err *xml_add(struct buf *b, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *name = escaped(*text);
        TRY(name != NULL ? buf_adds(b, name) : buf_add(b, text, 1));
    }
    return NULL;
}
