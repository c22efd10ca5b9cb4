/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/pem.h"

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"

#define DASHES "-----"
#define BEGIN DASHES "BEGIN "
#define END DASHES "END "

struct line {
    const char *s;
    size_t len; /* without the line end and trailing white space */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool next_line(struct pem_reader *r, struct line *ret_line)
{
    if (r->at == r->end)
        return false;
    size_t left = (size_t)(r->end - r->at);
    const char *newline = memchr(r->at, '\n', left);
    size_t len = newline != NULL ? (size_t)(newline - r->at) : left;
    *ret_line = (struct line){.s = r->at, .len = len};
    r->at += newline != NULL ? len + 1 : len;
    while (ret_line->len > 0 && is_blank(ret_line->s[ret_line->len - 1]))
        ret_line->len--;
    return true;
}

static bool line_starts(const struct line *l, const char *prefix)
{
    size_t len = strlen(prefix);
    return l->len >= len && memcmp(l->s, prefix, len) == 0;
}

/* The label of a BEGIN or END line; false when the line is not well formed. */
static bool line_label(const struct line *l, const char *prefix, struct line *ret_label)
{
    size_t head = strlen(prefix), tail = strlen(DASHES);
    if (!line_starts(l, prefix) || l->len <= head + tail ||
        memcmp(l->s + l->len - tail, DASHES, tail) != 0)
        return false;
    *ret_label = (struct line){.s = l->s + head, .len = l->len - head - tail};
    return true;
}

static struct err *broken(const struct pem_reader *r, const char *why)
{
    return err_new(ERR_INVALID, r->reason, "%s: PEM block %zu %s", r->what, r->blocks + 1, why);
}

/* Moves past the END line; the body is what lies between. */
static struct err *find_end(struct pem_reader *r, const struct line *label, struct line *ret_body)
{
    const char *start = r->at;
    for (struct line l; next_line(r, &l);) {
        if (!line_starts(&l, DASHES))
            continue;
        struct line end_label;
        if (!line_label(&l, END, &end_label) || end_label.len != label->len ||
            memcmp(end_label.s, label->s, label->len) != 0)
            return broken(r, "is not closed by its own END line");
        *ret_body = (struct line){.s = start, .len = (size_t)(l.s - start)};
        return NULL;
    }
    return broken(r, "has no END line");
}

static struct err *decode_body(const struct pem_reader *r, const struct line *body,
                               struct pem_block *b)
{
    if (memchr(body->s, ':', body->len) != NULL)
        return broken(r, "has header lines (is it encrypted?): store it unencrypted");
    char *packed = x_alloc(body->len + 1);
    size_t n = 0;
    for (size_t i = 0; i < body->len; i++) {
        if (!is_blank(body->s[i]) && body->s[i] != '\n')
            packed[n++] = body->s[i];
    }
    AUTO_ERR e = base64_decode(packed, n, &b->der, &b->der_len);
    x_wipe_free(packed, body->len + 1);
    if (e != NULL)
        return broken(r, "is not base64");
    return NULL;
}

struct err *pem_open(struct pem_reader *r, const void *text, size_t len, size_t max)
{
    if (len > max)
        return err_new(ERR_INVALID, r->reason, "%s: %zu bytes of PEM, at most %zu are accepted",
                       r->what, len, max);
    if (len > 0 && memchr(text, '\0', len) != NULL)
        return err_new(ERR_INVALID, r->reason, "%s: a NUL byte in the PEM text", r->what);
    r->at = text;
    r->end = r->at + len;
    r->blocks = 0;
    return NULL;
}

struct err *pem_next(struct pem_reader *r, struct pem_block *ret_block)
{
    for (struct line l; next_line(r, &l);) {
        if (line_starts(&l, END))
            return broken(r, "has no BEGIN line");
        if (!line_starts(&l, BEGIN))
            continue;
        struct line label, body = {0};
        if (!line_label(&l, BEGIN, &label))
            return broken(r, "has a malformed BEGIN line");
        TRY(find_end(r, &label, &body));
        struct pem_block b = {.label = label.s, .label_len = label.len};
        b.pem_len = (size_t)(r->at - l.s);
        TRY(decode_body(r, &body, &b));
        r->blocks++;
        *ret_block = b;
        return NULL;
    }
    *ret_block = (struct pem_block){0};
    return NULL;
}

bool pem_is(const struct pem_block *b, const char *label)
{
    return b->label_len == strlen(label) && memcmp(b->label, label, b->label_len) == 0;
}

void pem_block_release(struct pem_block *b)
{
    x_wipe_free(b->der, b->der_len);
    *b = (struct pem_block){0};
}
