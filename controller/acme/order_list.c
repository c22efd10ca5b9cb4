/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order_list.h"

#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define PAGES_MAX 20
#define PATIENCE (20 * NS_PER_SEC)
#define HALF (ACME_ORDER_LIST_MAX / 2)

/* In the place of the first one of the second half when the list is full. */
static void keep(struct strlist *urls, const char *url)
{
    if (urls->len == ACME_ORDER_LIST_MAX) {
        free(urls->items[HALF]);
        memmove(&urls->items[HALF], &urls->items[HALF + 1], (HALF - 1) * sizeof(*urls->items));
        urls->len--;
    }
    strlist_add(urls, url);
}

static struct err *read_page(const json_t *body, struct strlist *urls)
{
    const json_t *list = JGET(body, "orders");
    if (list == NULL)
        return acme_invalid_answer("the list of orders has no member orders");
    for (size_t i = 0; i < json_count(list); i++) {
        const char *url = json_text(json_item(list, i));
        struct acme_url parsed;
        AUTO_ERR e = acme_url_parse(url, &parsed);
        if (e == NULL) /* what cannot be asked for is left out */
            keep(urls, url);
    }
    return NULL;
}

/* Section 7.1.2: the account says where the list is. NULL where there is none; owned. */
static struct err *find_list(const struct acme_account *account, char **ret_url)
{
    AUTO(acme_answer_release) struct acme_answer a = {0};
    TRY(acme_post(account, "account", account->url, NULL, &a));
    return acme_read_text(a.body, "orders", ACME_URL_MAX, ret_url);
}

static struct err *read_pages(const struct acme_account *account, const char *first,
                              struct strlist *urls)
{
    AUTO(strlist_release) struct strlist seen = {0};
    int64_t deadline = clock_mono(account->ca->clock) + PATIENCE;
    strlist_add(&seen, first);
    for (size_t i = 0; i < seen.len; i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        TRY(acme_post(account, "orders", seen.items[i], NULL, &a));
        TRY(read_page(a.body, urls));
        const char *next = acme_links_get(&a.links, "next", 0);
        if (next == NULL || seen.len == PAGES_MAX || clock_mono(account->ca->clock) >= deadline)
            return NULL;
        if (strlist_has(&seen, next))
            return acme_invalid_answer("the pages of the list of orders lead in a circle");
        strlist_add(&seen, next);
    }
    return NULL;
}

struct err *acme_order_list(const struct acme_account *account, struct strlist *ret_urls)
{
    auto_free char *first = NULL;
    TRY(find_list(account, &first), "list of orders");
    if (str_empty(first))
        return NULL;
    AUTO(strlist_release) struct strlist urls = {0};
    TRY(read_pages(account, first, &urls), "list of orders");
    *ret_urls = urls;
    urls = (struct strlist){0};
    return NULL;
}
