/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define CONNECTIONS_MAX 256
#define FDS_OF_LWS 8 /* the listener, the wake-up pipe, one in accept(), some air */
#define PATH_MAX_LEN 1024
#define HOST_SIZE 264 /* a DNS name of 253 bytes and a port */
#define BODY_MAX ((size_t)16 << 20)
#define HEADERS_SIZE 4096
#define CHUNK_SIZE 4096 /* libwebsockets sends as much at once, and not much more */
#define HEAD_SIZE (512 + HTTPD_LOCATION_MAX)
#define FIRST_MAX (CHUNK_SIZE - HEAD_SIZE) /* of a body, together with the head */
#define REQUEST_SECONDS 5                  /* for a whole request to arrive */
#define IDLE_SECONDS 60  /* between requests of a connection: longer than scrape intervals */
#define REPLY_SECONDS 10 /* without the peer taking a chunk */

struct httpd {
    struct lws_context *lws;
    struct lws_protocols protocols[2];
    httpd_handler handler;
    void *arg;
    pthread_t thread;
    atomic_bool stopping;
    int port;
    unsigned connections; /* of the server's thread */
};

/* What is left of a reply; libwebsockets makes it, zeroed, for each connection. */
struct pending {
    struct buf body;
    size_t sent;
};

/* ---- request ---------------------------------------------------------------------------------- */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(".-_:[]", c) != NULL;
}

/* False when there are two Host headers or one that is no host (RFC 9112 section 3.2). */
static bool read_host(struct lws *wsi, char host[HOST_SIZE])
{
    *host = '\0';
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) == 0)
        return true;
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_HOST, 1) > 0 ||
        lws_hdr_copy(wsi, host, HOST_SIZE, WSI_TOKEN_HOST) < 0)
        return false;
    for (char *p = host; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
        if (!is_host_char(*p))
            return false;
    }
    char *after_literal = strchr(host, ']');
    char *port = strchr(after_literal != NULL ? after_literal : host, ':');
    if (port != NULL)
        *port = '\0';
    return true;
}

/* A body is not read, so its bytes would be the next request: what stands in front of the server, and sends the requests of
 * others over the same connection, may count otherwise (RFC 9112 section 11.2). */
static bool has_body(struct lws *wsi)
{
    char length[2] = "0";
    return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
           (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 &&
            (lws_hdr_copy(wsi, length, sizeof(length), WSI_TOKEN_HTTP_CONTENT_LENGTH) != 1 ||
             length[0] != '0'));
}

/* ---- reply ------------------------------------------------------------------------------------ */

/* The head, and the first bytes of the body with it: most replies are one packet. */
static int write_start(struct lws *wsi, const struct httpd_reply *reply, size_t body_len)
{
    static const unsigned char nosniff[] = "nosniff";
    static const unsigned char methods[] = "GET, HEAD";
    unsigned char room[LWS_PRE + CHUNK_SIZE];
    unsigned char *start = room + LWS_PRE;
    unsigned char *p = start;
    unsigned char *end = start + HEAD_SIZE - 1;
    if (lws_add_http_common_headers(wsi, (unsigned)reply->status, reply->content_type,
                                    reply->body.len, &p, end) != 0 ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"x-content-type-options:", nosniff,
                                    (int)sizeof(nosniff) - 1, &p, end) != 0)
        return -1;
    if (reply->status == 405 &&
        lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_ALLOW, methods, (int)sizeof(methods) - 1,
                                     &p, end) != 0)
        return -1;
    if (reply->location[0] != '\0' &&
        lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_LOCATION,
                                     (const unsigned char *)reply->location,
                                     (int)strlen(reply->location), &p, end) != 0)
        return -1;
    if (lws_finalize_http_header(wsi, &p, end) != 0)
        return -1;
    if (body_len > 0)
        memcpy(p, reply->body.data, body_len);
    size_t len = (size_t)(p - start) + body_len;
    if (lws_write(wsi, start, len, LWS_WRITE_HTTP_HEADERS) < 0)
        return -1;
    /* The kernel has room for many of these: such a peer asks on and on without reading, and what it asks would wake us
     * again and again while libwebsockets waits for it. */
    return lws_send_pipe_choked(wsi) != 0 ? -1 : 0;
}

static int complete(struct lws *wsi)
{
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

/* A refusal ends the connection: its body, if any, is not read. */
static int refuse(struct lws *wsi, int status)
{
    struct httpd_reply reply = {.status = status, .content_type = "text/plain"};
    (void)write_start(wsi, &reply, 0);
    return -1;
}

static int write_body(struct lws *wsi, struct pending *pending)
{
    size_t left = pending->body.len - pending->sent;
    if (left == 0)
        return 0;
    unsigned char room[LWS_PRE + CHUNK_SIZE];
    size_t len = left < CHUNK_SIZE ? left : CHUNK_SIZE;
    memcpy(room + LWS_PRE, pending->body.data + pending->sent, len);
    pending->sent += len;
    bool last = len == left;
    if (lws_write(wsi, room + LWS_PRE, len, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    if (last) {
        buf_release(&pending->body);
        *pending = (struct pending){0};
        return complete(wsi);
    }
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, REPLY_SECONDS);
    lws_callback_on_writable(wsi);
    return 0;
}

static int serve(struct httpd *h, struct lws *wsi, struct pending *pending)
{
    char *uri;
    int len;
    int method = lws_http_get_uri_and_method(wsi, &uri, &len);
    if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
        return refuse(wsi, 405);
    if (len <= 0 || len > PATH_MAX_LEN)
        return refuse(wsi, 414);
    char host[HOST_SIZE];
    if (has_body(wsi) || !read_host(wsi, host))
        return refuse(wsi, 400);
    char path[PATH_MAX_LEN + 1];
    memcpy(path, uri, (size_t)len);
    path[len] = '\0';
    struct httpd_request req = {.path = path, .host = host};
    struct httpd_reply reply = {
        .status = 404, .content_type = "text/plain", .body = BUF_INIT(BODY_MAX)};
    h->handler(h->arg, &req, &reply);
    pending->body = reply.body; /* released with the connection, whatever happens now */
    size_t wanted = method == LWSHUMETH_HEAD ? 0 : reply.body.len;
    size_t first = wanted < FIRST_MAX ? wanted : FIRST_MAX;
    /* From now on the peer is waited for; what the handler took is not the peer's. */
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, REPLY_SECONDS);
    if (write_start(wsi, &reply, first) != 0)
        return -1;
    if (first == wanted) {
        buf_release(&pending->body);
        return complete(wsi);
    }
    pending->sent = first;
    lws_callback_on_writable(wsi);
    return 0;
}

/* ---- server ----------------------------------------------------------------------------------- */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct httpd *h = lws_context_user(lws_get_context(wsi));
    struct pending *pending = user;
    (void)in;
    (void)len;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return h->connections >= CONNECTIONS_MAX;
    case LWS_CALLBACK_WSI_CREATE:
        h->connections++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        h->connections--;
        return 0;
    case LWS_CALLBACK_HTTP:
        return serve(h, wsi, pending);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_body(wsi, pending);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        if (pending != NULL) {
            buf_release(&pending->body);
            *pending = (struct pending){0};
        }
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_RAW_ADOPT: /* CONNECT */
        return -1;
    default:
        return 0;
    }
}

static void *server_thread(void *arg)
{
    struct httpd *h = arg;
    pthread_setname_np(pthread_self(), "httpd");
    while (!atomic_load(&h->stopping) && lws_service(h->lws, 0) >= 0)
        continue;
    return NULL;
}

struct endpoint {
    char ip[INET6_ADDRSTRLEN]; /* "" = all */
    int port;
};

static bool parse_port(const char *s, int *ret_port)
{
    int64_t port;
    struct err *e = str_to_i64(s, 0, 65535, &port);
    if (e != NULL) {
        err_free(e);
        return false;
    }
    *ret_port = (int)port;
    return true;
}

/* The part before the port: nothing, an IPv4 address, or an IPv6 address in brackets. */
static bool parse_ip(const char *s, size_t len, char ret_ip[INET6_ADDRSTRLEN])
{
    bool v6 = len > 2 && *s == '[' && s[len - 1] == ']';
    struct in6_addr any;
    if (v6) {
        s++;
        len -= 2;
    }
    if (len >= INET6_ADDRSTRLEN)
        return false;
    memcpy(ret_ip, s, len);
    ret_ip[len] = '\0';
    return len == 0 || inet_pton(v6 ? AF_INET6 : AF_INET, ret_ip, &any) == 1;
}

static struct err *parse_listen(const char *listen, struct endpoint *ret_endpoint)
{
    struct endpoint ep;
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || !parse_ip(listen, (size_t)(colon - listen), ep.ip) ||
        !parse_port(colon + 1, &ep.port))
        return err_new(ERR_INVALID, "InvalidAddress",
                       "listen address \"%s\": write :port, IPv4:port or [IPv6]:port", listen);
    *ret_endpoint = ep;
    return NULL;
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool is_ipv6(const struct endpoint *ep)
{
    return *ep->ip != '\0' ? strchr(ep->ip, ':') != NULL : has_ipv6();
}

static int try_to_bind(int fd, const struct endpoint *ep)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)ep->port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ep->port)};
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!is_ipv6(ep)) {
        inet_pton(AF_INET, *ep->ip != '\0' ? ep->ip : "0.0.0.0", &v4.sin_addr);
        return bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
    }
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    inet_pton(AF_INET6, *ep->ip != '\0' ? ep->ip : "::", &v6.sin6_addr);
    return bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
}

/* libwebsockets does not say why it cannot listen, and 4.3 tries for ever where the address is not of this host (its
 * issue 3307). */
static struct err *check_bind(const char *listen, const struct endpoint *ep)
{
    int fd = socket(is_ipv6(ep) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int why = fd < 0 || try_to_bind(fd, ep) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (why == 0)
        return NULL;
    return err_new(ERR_TRANSIENT, "ListenFailed", "cannot listen on %s: %s", listen,
                   strerrordesc_np(why));
}

static struct lws_context *make_context(struct httpd *h, const struct endpoint *ep)
{
    struct lws_context_creation_info info = {
        .port = ep->port,
        .iface = *ep->ip != '\0' ? ep->ip : NULL,
        .protocols = h->protocols,
        .user = h,
        .server_string = "certroll",
        .vhost_name = "default",
        .gid = (__typeof__(info.gid))-1,
        .uid = (__typeof__(info.uid))-1,
        .fd_limit_per_thread = CONNECTIONS_MAX + FDS_OF_LWS,
        .max_http_header_data = HEADERS_SIZE,
        .timeout_secs = REQUEST_SECONDS,
        .timeout_secs_ah_idle = REQUEST_SECONDS,
        .keepalive_timeout = IDLE_SECONDS,
        /* Dual stack whatever net.ipv6.bindv6only says: V6ONLY_VALUE is left out. */
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY |
                   (is_ipv6(ep) ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    lws_set_log_level(0, NULL);
    return lws_create_context(&info);
}

static int start_thread(struct httpd *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&h->thread, NULL, server_thread, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct err *httpd_start(const char *listen, httpd_handler handler, void *arg,
                        struct httpd **ret_httpd)
{
    struct endpoint ep;
    TRY(parse_listen(listen, &ep));
    TRY(check_bind(listen, &ep));
    struct httpd *h = x_calloc(1, sizeof(*h));
    h->handler = handler;
    h->arg = arg;
    h->protocols[0] = (struct lws_protocols){
        .name = "http", .callback = on_event, .per_session_data_size = sizeof(struct pending)};
    h->lws = make_context(h, &ep);
    if (h->lws == NULL) {
        free(h);
        return err_new(ERR_TRANSIENT, "ListenFailed",
                       "cannot listen on %s: the HTTP server does not start", listen);
    }
    h->port = lws_get_vhost_listen_port(lws_get_vhost_by_name(h->lws, "default"));
    int rc = start_thread(h);
    if (rc != 0) {
        lws_context_destroy(h->lws);
        free(h);
        return err_new(ERR_TRANSIENT, "NoResources", "starting the HTTP server's thread: %s",
                       strerrordesc_np(rc));
    }
    *ret_httpd = h;
    return NULL;
}

int httpd_port(const struct httpd *h)
{
    return h->port;
}

void httpd_stop(struct httpd *h)
{
    if (h == NULL)
        return;
    atomic_store(&h->stopping, true);
    lws_cancel_service(h->lws);
    pthread_join(h->thread, NULL);
    lws_context_destroy(h->lws);
    free(h);
}
