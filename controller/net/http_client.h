/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Production's transports: one thread that owns one curl_multi and serves blocking calls and
 * streams of any number of threads; and a plain one that works in the calling thread.
 */
#ifndef CERTROLL_NET_HTTP_CLIENT_H
#define CERTROLL_NET_HTTP_CLIENT_H

#include <stdbool.h>

#include "net/http.h"

/* libcurl, with memory that is wiped when freed; once, before threads. SIGPIPE is the caller's to
 * ignore. */
void http_global_init(void);

/* Said by the lease: ERR_CANCELLED when a change may not be sent any more. Called on the I/O thread
 * (CURLOPT_PREREQFUNCTION): must not block. */
typedef struct err *(*http_gate)(void *arg);

struct http_client_options {
    const char *user_agent; /* "certroll/1.2.3 (+https://...)" */
    http_gate gate;         /* may be NULL */
    void *gate_arg;
    bool allow_private;           /* the guard lets everything through: tests, --allow-private */
    const char *const *forbidden; /* IP literals the guard refuses (the API server's), NULL-ended */
    const char *proxy;            /* of requests with HTTP_PROXIED, as HTTPS_PROXY; NULL = none */
    const char *no_proxy;         /* what goes past it, as NO_PROXY; NULL = nothing */
    const char *ca_file; /* of trusted CAs, as SSL_CERT_FILE; NULL = the system's (net/trust.h) */
    const char *ca_folders; /* the same, as SSL_CERT_DIR */
};

struct http_client;
/* Starts the I/O thread. */
struct err *http_client_new(const struct http_client_options *o, struct http_client **ret_client)
    MUST_CHECK;
/* Fails calls in flight with ERR_CANCELLED and joins the thread. Streams are closed before. */
void http_client_free(struct http_client *c);
/* Valid as long as the client. Any thread. */
const struct http_transport *http_client_transport(struct http_client *c);

/* A transport without a thread: performs in the caller, one connection cache, one call at a time. For
 * the lease (its own connection) and the command line. Wrong options fail each call. */
struct http_plain;
struct http_plain *http_plain_new(const struct http_client_options *o);
void http_plain_free(struct http_plain *p);
const struct http_transport *http_plain_transport(struct http_plain *p);

/* ---- streams: responses that are read while they arrive --------------------------------------- */

enum http_framing { HTTP_LINES, HTTP_CHUNKS };

enum http_message_type {
    HTTP_MSG_HEAD, /* status and retry_after are set */
    HTTP_MSG_DATA, /* data, len: one line without its newline, or a chunk */
    HTTP_MSG_END,  /* err: NULL = the peer ended the body. The last message of a stream */
};
struct http_message {
    enum http_message_type type;
    void *arg; /* what http_stream_open() was given */
    int status;
    char *retry_after; /* header text, or NULL */
    char *data;        /* NUL-terminated */
    size_t len;
    struct err *err;
    struct http_stream *stream;
    struct http_block *block; /* of the inbox */
};

/* Where the messages of many streams wait for one consumer thread. Each stream has at most quota
 * bytes here: beyond it the transfer is paused until messages are released, never dropped. A line
 * over max_line ends its stream with ERR_TRANSIENT, reason TooLarge. */
struct http_inbox;
struct http_inbox *http_inbox_new(size_t quota, size_t max_line);
void http_inbox_free(struct http_inbox *in); /* after all its streams are closed */
/* The next message; false at the mono deadline or after http_inbox_wake(). */
bool http_inbox_next(struct http_inbox *in, int64_t mono_deadline, struct http_message *ret_msg);
void http_inbox_wake(struct http_inbox *in);
/* Frees the content and lets its stream go on. Any thread; before http_inbox_free(). */
void http_message_release(struct http_message *m);

/* Opens a stream; the request is copied, its TLS borrowed until the close. idle_timeout: ns without a
 * byte after which the stream ends with ERR_TRANSIENT reason Idle; a paused stream is not idle. The
 * request's timeout, max_body and HTTP_FOLLOW are not used. */
struct http_stream *http_stream_open(struct http_client *c, const struct http_request *req,
                                     enum http_framing framing, int64_t idle_timeout,
                                     struct http_inbox *inbox, void *arg);
/* Ends the transfer and frees the stream; accepts NULL. Messages in the inbox are dropped, those
 * handed out stay valid. The consumer's thread only; required for each stream, also after
 * HTTP_MSG_END. Waits for the I/O thread (well under a millisecond). */
void http_stream_close(struct http_stream *s);

#endif
