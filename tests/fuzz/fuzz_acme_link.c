/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Link header: "<base URL>\n<header>". What is taken from it keeps the limits that acme/link.h promises, and can be
 * sent to: an absolute https URL.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acme/link.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_url(const char *url)
{
    MUST(strncasecmp(url, "https://", 8) == 0 && strlen(url) <= 2048);
    for (const char *c = url; *c != '\0'; c++)
        MUST(*c > ' ' && *c <= '~' && *c != '#' && *c != '\\');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = x_strndup((const char *)data, size);
    char *header = strchr(text, '\n');
    if (header == NULL)
        return 0;
    *header++ = '\0';
    AUTO(acme_links_release) struct acme_links links = {0};
    acme_links_add(&links, text, header);
    acme_links_add(&links, "https://ca.test/a/b?c", header);
    MUST(links.count <= ACME_LINKS_MAX);
    for (size_t i = 0; i < links.count; i++) {
        const struct acme_link *l = &links.items[i];
        check_url(l->url);
        MUST(!str_empty(l->rel) && strlen(l->rel) <= 64 && strpbrk(l->rel, " \t") == NULL);
        MUST(acme_links_get(&links, l->rel, 0) != NULL);
    }
    auto_free char *url = acme_url_resolve(text, header);
    if (url != NULL)
        check_url(url);
    return 0;
}
