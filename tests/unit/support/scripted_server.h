/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP (or TLS) server of a test that says exactly the bytes it is told to, on 127.0.0.1 and a port
 * of its own. Two ways to use it:
 *
 *   - with a script: it runs for each connection, in a thread of that connection;
 *   - without: the test takes each connection with scripted_accept() and plays the server itself,
 *     byte by byte, which is the way for streams (watches).
 *
 * Every blocking function fails after SCRIPTED_TIMEOUT and when the server is stopped, so a broken
 * test ends. Several servers may run at once.
 */
#ifndef CERTROLL_TESTS_SUPPORT_SCRIPTED_SERVER_H
#define CERTROLL_TESTS_SUPPORT_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#define SCRIPTED_TIMEOUT_MS 20000

struct scripted_server;
struct scripted_conn;

/* Returns when the connection is to be closed. */
typedef void (*scripted_script)(struct scripted_conn *c, void *arg);

struct scripted_options {
    scripted_script script; /* NULL: scripted_accept() */
    void *arg;
    const char *cert_pem; /* TLS when set: leaf, then intermediates */
    const char *key_pem;
    const char *client_ca_pem; /* a client certificate of this CA is required */
    int send_buffer;           /* SO_SNDBUF in bytes, 0 = the kernel's choice */
    bool all_addresses;        /* listen on 0.0.0.0 */
};

/* Never NULL: aborts when the machine cannot listen. */
struct scripted_server *scripted_server_start(const struct scripted_options *o);
/* Closes all connections, waits for the scripts. */
void scripted_server_stop(struct scripted_server *s);
int scripted_server_port(const struct scripted_server *s);
/* "http(s)://127.0.0.1:port" and path: owned. */
char *scripted_server_url(const struct scripted_server *s, const char *path);
/* Connections accepted so far. */
unsigned scripted_server_accepted(const struct scripted_server *s);

/* The next connection, the caller's until scripted_close(); NULL after the time-out. */
struct scripted_conn *scripted_accept(struct scripted_server *s);
/* Accepts NULL. Not in scripts: returning closes. */
void scripted_close(struct scripted_conn *c);

/* Counted from 0 in the order of arrival. */
unsigned scripted_number(const struct scripted_conn *c);

struct scripted_request {
    char method[16];
    char target[2048]; /* path and query */
    char *head;        /* the bytes up to and with the empty line */
    char *body;        /* as long as Content-Length says, NUL-terminated */
    size_t body_len;
};
void scripted_request_release(struct scripted_request *r);
/* The next request of a kept-alive connection; false when the peer is gone or speaks no HTTP. */
bool scripted_read_request(struct scripted_conn *c, struct scripted_request *ret_request);
/* The value of a request header, case-insensitive; owned, NULL when absent. */
char *scripted_header(const struct scripted_request *r, const char *name);

/* Exact bytes; false when the peer is gone. */
bool scripted_write(struct scripted_conn *c, const void *data, size_t len);
bool scripted_puts(struct scripted_conn *c, const char *s);
/* In packets of that many bytes. */
bool scripted_write_pieces(struct scripted_conn *c, const void *data, size_t len, size_t piece);
/* As much as goes within ms without the peer reading: how far a peer that paused can be pushed. */
size_t scripted_push(struct scripted_conn *c, const void *data, size_t len, int ms);
/* A whole response with Content-Length. headers: "Name: value\r\n" lines or "". */
bool scripted_respond(struct scripted_conn *c, int status, const char *headers, const char *body);
/* The head of a response of open length (chunked), then its pieces, each as one HTTP chunk. */
bool scripted_stream_head(struct scripted_conn *c, int status, const char *headers);
bool scripted_stream_chunk(struct scripted_conn *c, const void *data, size_t len);
bool scripted_stream_end(struct scripted_conn *c);
/* The next close sends RST instead of FIN. */
void scripted_reset_on_close(struct scripted_conn *c);
/* Until the peer closes (true) or the time-out. */
bool scripted_wait_closed(struct scripted_conn *c);

#endif
