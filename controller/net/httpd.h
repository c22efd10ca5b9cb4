/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 server for /metrics, /livez, /readyz and the ACME solver: GET and HEAD only, one request for each
 * connection, read as net/http1.h says: without a body, a head of at most 4 KiB, 5 s for it to arrive. At most 256
 * connections. Upgrades are refused. libwebsockets has the sockets.
 */
#ifndef CERTROLL_NET_HTTPD_H
#define CERTROLL_NET_HTTPD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct httpd_request {
    const char *path; /* as it was sent, without the query; at most 1 KiB */
    bool has_query;
    const char *host; /* Host without the port, lower case; "" when absent */
};
#define HTTPD_LOCATION_MAX 1024
struct httpd_reply {
    int status;                        /* 404 before the handler runs */
    char location[HTTPD_LOCATION_MAX]; /* of a redirect; "" = none */
    const char *content_type;          /* static; text/plain before the handler runs */
    struct buf body;                   /* at most 16 MiB */
};
/* Runs on the server's thread: must not block. */
typedef void (*httpd_handler)(void *arg, const struct httpd_request *req,
                              struct httpd_reply *reply);

struct httpd;
/* listen: ":9402", "127.0.0.1:9402" or "[::1]:0" (0 = any free port). ERR_INVALID for a bad address,
 * ERR_TRANSIENT when it cannot be bound. Starts one thread. */
struct err *httpd_start(const char *listen, httpd_handler handler, void *arg,
                        struct httpd **ret_httpd) MUST_CHECK;
int httpd_port(const struct httpd *h);
/* Closes the connections and joins the thread; accepts NULL. */
void httpd_stop(struct httpd *h);

#endif
