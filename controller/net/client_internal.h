/* SPDX-License-Identifier: Apache-2.0 */
/* What calls (http_client.c) and streams (http_stream.c) share. */
#ifndef CERTROLL_NET_CLIENT_INTERNAL_H
#define CERTROLL_NET_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "net/exchange.h"
#include "net/http_client.h"
#include "net/io_loop.h"

struct http_client {
    struct io_loop *loop;
    struct exchange_policy policy;
    struct http_transport transport;
    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t drained;
    unsigned callers;
    bool closing;
};

#endif
