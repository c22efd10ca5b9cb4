/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/ca.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

struct acme_ca *acme_ca_new(const struct acme_ca_options *o)
{
    struct acme_ca *ca = x_calloc(1, sizeof(*ca));
    atomic_init(&ca->refs, 1);
    ca->directory_url = x_strdup(str_or(o->directory_url, ""));
    ca->ca_pem = x_strdup_or_null(o->ca_pem);
    ca->user_agent = x_strdup_or_null(o->user_agent);
    ca->tls = (struct http_tls){.ca_pem = ca->ca_pem, .skip_verify = o->skip_verify};
    ca->guarded = o->guarded;
    ca->transport = o->transport;
    ca->clock = o->clock;
    ca->stop = o->stop;
    ca->observe = o->observe;
    ca->observe_arg = o->observe_arg;
    pthread_mutex_init(&ca->lock, NULL);
    return ca;
}

struct acme_ca *acme_ca_ref(struct acme_ca *ca)
{
    atomic_fetch_add(&ca->refs, 1);
    return ca;
}

void acme_ca_free(struct acme_ca *ca)
{
    if (ca == NULL || atomic_fetch_sub(&ca->refs, 1) > 1)
        return;
    acme_directory_release(&ca->directory);
    strlist_release(&ca->origins);
    acme_nonces_release(&ca->nonces);
    pthread_mutex_destroy(&ca->lock);
    free(ca->directory_url);
    free(ca->ca_pem);
    free(ca->user_agent);
    free(ca);
}
