/* SPDX-License-Identifier: Apache-2.0 */
#include "budget/names.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pki/key.h"

/* Scope and name of a key; a DNS name has at most 253 bytes and most have far less. */
#define PART_MAX 78
#define HASH_SHOWN 32

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *suffixes; /* lives as long as the process */

/* The newer one of the system's file and the list that the library was built with. */
static void load(void)
{
    suffixes = psl_latest(psl_dist_filename());
    if (suffixes == NULL)
        suffixes = psl_builtin();
}

static char *lower(const char *s)
{
    char *copy = x_strdup(s);
    for (char *c = copy; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

/* NULL when it is no IPv6 address. */
static char *network_of(const char *name)
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, name, &a) != 1)
        return NULL;
    memset(a.s6_addr + 8, 0, 8);
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &a, text, sizeof(text));
    return x_printf("%s/64", text);
}

char *budget_registered_domain(const char *name)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return x_strdup(name);
    char *network = network_of(name);
    if (network != NULL)
        return network;
    pthread_once(&once, load);
    auto_free char *host = lower(str_starts(name, "*.") ? name + 2 : name);
    const char *domain = suffixes != NULL ? psl_registrable_domain(suffixes, host) : NULL;
    return x_strdup(str_or(domain, host));
}

static void part(const char *text, char out[PART_MAX + 1])
{
    if (strlen(text) <= PART_MAX && strchr(text, ' ') == NULL) {
        str_copy(out, PART_MAX + 1, text);
        return;
    }
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(text, strlen(text), hex);
    snprintf(out, PART_MAX + 1, "sha256:%.*s", HASH_SHOWN, hex);
}

void budget_key(const char *scope, const char *name, char out[BUDGET_KEY_MAX])
{
    char first[PART_MAX + 1];
    char second[PART_MAX + 1];
    part(scope, first);
    part(name, second);
    snprintf(out, BUDGET_KEY_MAX, "%s %s", first, second);
}

void budget_set_key(const char *scope, const struct strlist *names, char out[BUDGET_KEY_MAX])
{
    AUTO(strlist_release) struct strlist set = {0};
    for (size_t i = 0; i < names->len; i++)
        strlist_add_take(&set, lower(names->items[i]));
    strlist_sort(&set);
    strlist_uniq(&set);
    /* A space keeps it from being taken for a name: the whole is a hash, always. */
    auto_free char *all = strlist_join(&set, " ", 0);
    auto_free char *text = x_printf("set %s", all);
    budget_key(scope, text, out);
}
