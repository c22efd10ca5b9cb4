/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fake_dns.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define NAMES_MAX 16

static struct name {
    char name[64];
    char ip[64];
    int port;
    bool hangs;
} names[NAMES_MAX];
static unsigned name_count;
static unsigned hanging;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Lock held. */
static struct name *find(const char *name)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
    }
    return NULL;
}

/* Lock held. */
static struct name *find_or_add(const char *name)
{
    struct name *n = find(name);
    if (n == NULL) {
        if (name_count == NAMES_MAX)
            abort();
        n = &names[name_count++];
        str_copy(n->name, sizeof(n->name), name);
    }
    return n;
}

void fake_dns_set(const char *name, const char *ip, int port)
{
    pthread_mutex_lock(&lock);
    struct name *n = find_or_add(name);
    str_copy(n->ip, sizeof(n->ip), ip);
    n->port = port;
    pthread_mutex_unlock(&lock);
}

void fake_dns_hang(const char *name)
{
    pthread_mutex_lock(&lock);
    find_or_add(name)->hangs = true;
    pthread_mutex_unlock(&lock);
}

void fake_dns_release(void)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < name_count; i++)
        names[i].hangs = false;
    pthread_cond_broadcast(&changed);
    while (hanging > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void fake_dns_wait_hanging(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (hanging < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **);

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): reserved names there */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
    /* A function pointer cannot be cast from void * in ISO C. */
    getaddrinfo_fn real;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof(real));
    char ip[64] = "";
    char port[16] = "";
    pthread_mutex_lock(&lock);
    struct name *n = node != NULL ? find(node) : NULL;
    bool known = n != NULL;
    while (n != NULL && n->hangs) {
        hanging++;
        pthread_cond_broadcast(&changed);
        pthread_cond_wait(&changed, &lock);
        hanging--;
        pthread_cond_broadcast(&changed);
    }
    if (known) {
        str_copy(ip, sizeof(ip), n->ip);
        if (n->port != 0)
            snprintf(port, sizeof(port), "%d", n->port);
    }
    pthread_mutex_unlock(&lock);
    if (known && *ip == '\0')
        return EAI_NONAME;
    return real(known ? ip : node, *port != '\0' ? port : service, hints, res);
}
