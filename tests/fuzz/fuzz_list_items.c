/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of a LIST: the result does not depend on how they are cut into pieces, and what
 * is a list for our parser has the same items here. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "kube/list_items.h"

#define ITEM_MAX 4096
#define ALL_MAX ((size_t)1 << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    struct list_items l;
    struct buf items; /* one a line */
    size_t count;
    struct err *err;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    return 0;
}

static struct err *collect(void *arg, const char *text, size_t len)
{
    struct result *r = arg;
    r->count++;
    TRY(buf_add(&r->items, text, len));
    return buf_adds(&r->items, "\n");
}

static struct err *feed(struct list_items *l, const uint8_t *data, size_t size, size_t piece)
{
    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        auto_free char *chunk = x_memdup(data + at, len);
        TRY(list_items_feed(l, chunk, len));
    }
    return list_items_end(l);
}

static void run(struct result *r, const uint8_t *data, size_t size, size_t piece)
{
    *r = (struct result){.items = BUF_INIT(ALL_MAX)};
    list_items_init(&r->l, ITEM_MAX, collect, r);
    r->err = feed(&r->l, data, size, piece);
}

static void release(struct result *r)
{
    list_items_release(&r->l);
    buf_release(&r->items);
    err_free(r->err);
}

static void check_against_parser(const struct result *r, const uint8_t *data, size_t size)
{
    json_auto_t *list = NULL;
    AUTO_ERR unreadable = json_parse((const char *)data, size, &list);
    if (unreadable != NULL || r->err != NULL)
        return;
    if (r->count != json_count(JGET(list, "items")) ||
        !str_eq(r->l.rv, JSTR(list, "metadata", "resourceVersion")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > ITEM_MAX) /* else a whole chunk and its pieces would differ in what is too large */
        return 0;
    struct result whole, pieces;
    run(&whole, data, size, size > 0 ? size : 1);
    run(&pieces, data, size, 1 + size / 7);
    if ((whole.err == NULL) != (pieces.err == NULL) || whole.count != pieces.count ||
        strcmp(buf_str(&whole.items), buf_str(&pieces.items)) != 0)
        abort();
    check_against_parser(&whole, data, size);
    release(&whole);
    release(&pieces);
    return 0;
}
