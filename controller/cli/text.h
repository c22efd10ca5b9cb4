/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for terminals, made from JSON: the answer to a command is built once, and `-o json` prints it as it is. Strings
 * come from the API: control characters become '?', so that none can steer a terminal, and long ones are cut.
 * Shared by the files of this room only.
 */
#ifndef CERTROLL_CLI_TEXT_H
#define CERTROLL_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/json.h"

#define TEXT_VALUE_MAX 4096 /* bytes of one value */
#define TEXT_ITEMS_MAX 100  /* of one list; the others are counted */
#define TEXT_TIME_MAX 96

/* A harmless copy of at most max bytes, cut ones end in "..."; "" for NULL. Owned. */
char *text_clean(const char *s, size_t max);
/* "2026-11-21T09:24:42Z (in 3 d 4 h)", "... (12 min ago)"; "-" for 0. */
void text_time(int64_t wall_ns, int64_t now, char out[TEXT_TIME_MAX]);

/* An object as an outline: "Not before: 2026-...", nested objects and lists indented. Members are named by their keys
 * ("notBefore"), in the order they have; null ones are left out. Strings that are RFC 3339 times get their distance. */
void text_outline(struct buf *out, const json_t *object, int64_t now);

enum column_type {
    COLUMN_TEXT,
    COLUMN_UNTIL, /* RFC 3339 time: how long until then, or since */
};
struct column {
    const char *head;
    const char *key; /* of the row's member */
    enum column_type type;
    size_t max; /* bytes of a cell, 0 = TEXT_VALUE_MAX */
};
/* Rows: an array of objects. The last column is not padded; empty cells are "-". */
void text_table(struct buf *out, const struct column *columns, size_t count, const json_t *rows,
                int64_t now);

#endif
