/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define INPUT_MAX ((size_t)4 << 20)

struct scripted_conn {
    struct scripted_server *server;
    struct scripted_conn *next;
    unsigned number;
    int fd;
    SSL *ssl;
    char *input; /* received, not yet consumed */
    size_t input_len;
    pthread_t thread; /* with a script */
};

struct scripted_server {
    struct scripted_options options;
    SSL_CTX *tls;
    int fd;
    int stop_pipe[2]; /* readable once the server stops */
    int port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct scripted_conn *waiting; /* for scripted_accept(), or scripts to be joined */
    atomic_uint accepted;
};

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            perror(#cond);                                                                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- bytes ------------------------------------------------------------------------------------ */

/* Waits for events on the connection; false at the time-out or when the server stops. */
static bool wait_for(const struct scripted_conn *c, short events, int ms)
{
    struct pollfd fds[] = {{.fd = c->fd, .events = events},
                           {.fd = c->server->stop_pipe[0], .events = POLLIN}};
    int n;
    do {
        n = poll(fds, 2, ms);
    } while (n < 0 && errno == EINTR);
    return n > 0 && fds[1].revents == 0;
}

enum io { IO_DONE, IO_AGAIN_READ, IO_AGAIN_WRITE, IO_GONE };

static enum io io_result(const struct scripted_conn *c, ssize_t n, short wanted)
{
    if (n > 0)
        return IO_DONE;
    if (c->ssl == NULL) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return IO_GONE;
        return wanted == POLLIN ? IO_AGAIN_READ : IO_AGAIN_WRITE;
    }
    switch (SSL_get_error(c->ssl, (int)n)) {
    case SSL_ERROR_WANT_READ:
        return IO_AGAIN_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_AGAIN_WRITE;
    default:
        ERR_clear_error();
        return IO_GONE;
    }
}

/* Some bytes, or 0 when the peer is gone, the time is up or the server stops. */
static size_t read_some(struct scripted_conn *c, char *out, size_t size, int ms)
{
    for (;;) {
        ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, out, (int)size) : recv(c->fd, out, size, 0);
        enum io r = io_result(c, n, POLLIN);
        if (r == IO_DONE)
            return (size_t)n;
        if (r == IO_GONE || !wait_for(c, r == IO_AGAIN_READ ? POLLIN : POLLOUT, ms))
            return 0;
    }
}

static size_t write_some(struct scripted_conn *c, const char *data, size_t len, int ms)
{
    for (;;) {
        ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, data, (int)len)
                                   : send(c->fd, data, len, MSG_NOSIGNAL);
        enum io r = io_result(c, n, POLLOUT);
        if (r == IO_DONE)
            return (size_t)n;
        if (r == IO_GONE || !wait_for(c, r == IO_AGAIN_READ ? POLLIN : POLLOUT, ms))
            return 0;
    }
}

size_t scripted_push(struct scripted_conn *c, const void *data, size_t len, int ms)
{
    const char *p = data;
    size_t sent = 0;
    while (sent < len) {
        size_t n = write_some(c, p + sent, len - sent, ms);
        if (n == 0)
            break;
        sent += n;
    }
    return sent;
}

bool scripted_write(struct scripted_conn *c, const void *data, size_t len)
{
    return scripted_push(c, data, len, SCRIPTED_TIMEOUT_MS) == len;
}

bool scripted_puts(struct scripted_conn *c, const char *s)
{
    return scripted_write(c, s, strlen(s));
}

bool scripted_write_pieces(struct scripted_conn *c, const void *data, size_t len, size_t piece)
{
    const char *p = data;
    for (size_t at = 0; at < len; at += piece) {
        if (!scripted_write(c, p + at, len - at < piece ? len - at : piece))
            return false;
    }
    return true;
}

bool scripted_wait_closed(struct scripted_conn *c)
{
    char drop[4096];
    int64_t deadline = clock_mono(clock_system()) + SCRIPTED_TIMEOUT_MS * NS_PER_MS;
    while (clock_mono(clock_system()) < deadline) {
        if (read_some(c, drop, sizeof(drop), SCRIPTED_TIMEOUT_MS) > 0)
            continue;
        char probe;
        ssize_t n = recv(c->fd, &probe, 1, MSG_PEEK | MSG_DONTWAIT);
        return n == 0 || (n < 0 && errno != EAGAIN);
    }
    return false;
}

void scripted_reset_on_close(struct scripted_conn *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    MUST(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
}

/* ---- HTTP ------------------------------------------------------------------------------------- */

void scripted_request_release(struct scripted_request *r)
{
    free(r->head);
    free(r->body);
    *r = (struct scripted_request){0};
}

static bool read_more(struct scripted_conn *c)
{
    if (c->input_len >= INPUT_MAX)
        return false;
    c->input = x_realloc(c->input, c->input_len + 16384 + 1);
    size_t n = read_some(c, c->input + c->input_len, 16384, SCRIPTED_TIMEOUT_MS);
    c->input_len += n;
    c->input[c->input_len] = '\0';
    return n > 0;
}

static char *consume(struct scripted_conn *c, size_t len)
{
    char *part = x_strndup("", 0);
    part = x_realloc(part, len + 1);
    if (len > 0)
        memcpy(part, c->input, len);
    part[len] = '\0';
    c->input_len -= len;
    if (c->input != NULL)
        memmove(c->input, c->input + len, c->input_len + 1);
    return part;
}

char *scripted_header(const struct scripted_request *r, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(r->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1;
            value += strspn(value, " ");
            return x_strndup(value, strcspn(value, "\r"));
        }
    }
    return NULL;
}

static size_t content_length(const struct scripted_request *r)
{
    auto_free char *text = scripted_header(r, "Content-Length");
    return text != NULL ? (size_t)strtoull(text, NULL, 10) : 0;
}

bool scripted_read_request(struct scripted_conn *c, struct scripted_request *ret_request)
{
    char *end;
    while (c->input_len == 0 || (end = strstr(c->input, "\r\n\r\n")) == NULL) {
        if (!read_more(c) || *c->input < 'A' || *c->input > 'Z')
            return false;
    }
    struct scripted_request r = {.head = consume(c, (size_t)(end - c->input) + 4)};
    const char *target = r.head + strcspn(r.head, " ");
    str_copy(r.method, sizeof(r.method), "");
    snprintf(r.method, sizeof(r.method), "%.*s", (int)(target - r.head), r.head);
    target += strspn(target, " ");
    snprintf(r.target, sizeof(r.target), "%.*s", (int)strcspn(target, " \r"), target);
    r.body_len = content_length(&r);
    while (c->input_len < r.body_len) {
        if (!read_more(c)) {
            scripted_request_release(&r);
            return false;
        }
    }
    r.body = consume(c, r.body_len);
    *ret_request = r;
    return true;
}

bool scripted_respond(struct scripted_conn *c, int status, const char *headers, const char *body)
{
    auto_free char *text = x_printf("HTTP/1.1 %d Scripted\r\n%sContent-Length: %zu\r\n\r\n%s",
                                    status, headers, strlen(body), body);
    return scripted_puts(c, text);
}

bool scripted_stream_head(struct scripted_conn *c, int status, const char *headers)
{
    auto_free char *text =
        x_printf("HTTP/1.1 %d Scripted\r\n%sTransfer-Encoding: chunked\r\n\r\n", status, headers);
    return scripted_puts(c, text);
}

bool scripted_stream_chunk(struct scripted_conn *c, const void *data, size_t len)
{
    char size[32];
    snprintf(size, sizeof(size), "%zx\r\n", len);
    return scripted_puts(c, size) && scripted_write(c, data, len) && scripted_puts(c, "\r\n");
}

bool scripted_stream_end(struct scripted_conn *c)
{
    return scripted_puts(c, "0\r\n\r\n");
}

/* OpenSSL writes without MSG_NOSIGNAL. Only in threads that play a TLS server: the code under test
 * has to look after itself. */
static void ignore_broken_pipes(void)
{
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
}

/* ---- connections ------------------------------------------------------------------------------ */

static void hang_up(struct scripted_conn *c)
{
    if (c->ssl != NULL) {
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        ERR_clear_error();
        c->ssl = NULL;
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void conn_free(struct scripted_conn *c)
{
    hang_up(c);
    free(c->input);
    free(c);
}

void scripted_close(struct scripted_conn *c)
{
    if (c != NULL)
        conn_free(c);
}

unsigned scripted_number(const struct scripted_conn *c)
{
    return c->number;
}

static bool handshake(struct scripted_conn *c)
{
    if (c->server->tls == NULL)
        return true;
    ignore_broken_pipes();
    c->ssl = SSL_new(c->server->tls);
    MUST(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
    for (;;) {
        enum io r = io_result(c, SSL_accept(c->ssl), POLLIN);
        if (r == IO_DONE)
            return true;
        if (r == IO_GONE ||
            !wait_for(c, r == IO_AGAIN_READ ? POLLIN : POLLOUT, SCRIPTED_TIMEOUT_MS))
            return false;
    }
}

static void *run_script(void *arg)
{
    struct scripted_conn *c = arg;
    if (handshake(c))
        c->server->options.script(c, c->server->options.arg);
    hang_up(c); /* the memory waits for the server's stop */
    return NULL;
}

static void new_connection(struct scripted_server *s, int fd)
{
    int on = 1;
    struct scripted_conn *c = x_calloc(1, sizeof(*c));
    c->server = s;
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (s->options.send_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &s->options.send_buffer, sizeof(int));
    c->number = atomic_fetch_add(&s->accepted, 1);
    if (s->options.script != NULL)
        MUST(pthread_create(&c->thread, NULL, run_script, c) == 0);
    pthread_mutex_lock(&s->lock);
    struct scripted_conn **last = &s->waiting;
    while (*last != NULL)
        last = &(*last)->next;
    *last = c;
    pthread_cond_broadcast(&s->arrived);
    pthread_mutex_unlock(&s->lock);
}

struct scripted_conn *scripted_accept(struct scripted_server *s)
{
    int64_t deadline = clock_mono(clock_system()) + SCRIPTED_TIMEOUT_MS * NS_PER_MS;
    pthread_mutex_lock(&s->lock);
    while (s->waiting == NULL && cond_wait_until(&s->arrived, &s->lock, deadline))
        continue;
    struct scripted_conn *c = s->waiting;
    if (c != NULL)
        s->waiting = c->next;
    pthread_mutex_unlock(&s->lock);
    if (c != NULL && !handshake(c)) {
        conn_free(c);
        return NULL;
    }
    return c;
}

/* ---- server ----------------------------------------------------------------------------------- */

static void *accept_thread(void *arg)
{
    struct scripted_server *s = arg;
    struct pollfd fds[] = {{.fd = s->fd, .events = POLLIN},
                           {.fd = s->stop_pipe[0], .events = POLLIN}};
    while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            new_connection(s, fd);
    }
    return NULL;
}

static X509 *next_cert(BIO *pem)
{
    X509 *cert = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    ERR_clear_error();
    return cert;
}

static SSL_CTX *make_tls(const struct scripted_options *o)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    BIO *certs = BIO_new_mem_buf(o->cert_pem, -1);
    BIO *key_bio = BIO_new_mem_buf(o->key_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
    X509 *leaf = next_cert(certs);
    MUST(SSL_CTX_use_certificate(tls, leaf) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1);
    for (X509 *more; (more = next_cert(certs)) != NULL;)
        MUST(SSL_CTX_add_extra_chain_cert(tls, more) == 1);
    if (o->client_ca_pem != NULL) {
        BIO *ca_bio = BIO_new_mem_buf(o->client_ca_pem, -1);
        X509 *ca = next_cert(ca_bio);
        MUST(X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), ca) == 1);
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        X509_free(ca);
        BIO_free(ca_bio);
    }
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    X509_free(leaf);
    EVP_PKEY_free(key);
    BIO_free(key_bio);
    BIO_free(certs);
    return tls;
}

struct scripted_server *scripted_server_start(const struct scripted_options *o)
{
    struct scripted_server *s = x_calloc(1, sizeof(*s));
    s->options = *o;
    s->tls = o->cert_pem != NULL ? make_tls(o) : NULL;
    pthread_mutex_init(&s->lock, NULL);
    cond_init_mono(&s->arrived);
    MUST(pipe2(s->stop_pipe, O_CLOEXEC) == 0);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr =
                                htonl(o->all_addresses ? INADDR_ANY : INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    MUST(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, len) == 0 && listen(s->fd, 1024) == 0 &&
         getsockname(s->fd, (struct sockaddr *)&a, &len) == 0);
    s->port = ntohs(a.sin_port);
    MUST(pthread_create(&s->thread, NULL, accept_thread, s) == 0);
    return s;
}

void scripted_server_stop(struct scripted_server *s)
{
    if (s == NULL)
        return;
    MUST(write(s->stop_pipe[1], "x", 1) == 1);
    pthread_join(s->thread, NULL);
    struct scripted_conn *next;
    for (struct scripted_conn *c = s->waiting; c != NULL; c = next) {
        next = c->next;
        if (s->options.script != NULL)
            pthread_join(c->thread, NULL);
        conn_free(c);
    }
    close(s->fd);
    close(s->stop_pipe[0]);
    close(s->stop_pipe[1]);
    SSL_CTX_free(s->tls);
    pthread_cond_destroy(&s->arrived);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int scripted_server_port(const struct scripted_server *s)
{
    return s->port;
}

char *scripted_server_url(const struct scripted_server *s, const char *path)
{
    return x_printf("%s://127.0.0.1:%d%s", s->tls != NULL ? "https" : "http", s->port, path);
}

unsigned scripted_server_accepted(const struct scripted_server *s)
{
    return atomic_load(&s->accepted);
}
