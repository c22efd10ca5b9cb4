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
#include "net/http1.h"

#define CONNECTIONS_MAX 256
#define FDS_OF_LWS 8 /* the listener, the wake-up pipe, one in accept(), some air */
#define BODY_MAX ((size_t)16 << 20)
#define CHUNK_SIZE 4096 /* libwebsockets sends as much at once, and not much more */
#define HEAD_SIZE (512 + HTTPD_LOCATION_MAX)
#define FIRST_MAX (CHUNK_SIZE - HEAD_SIZE) /* of a body, together with the head */
#define REQUEST_SECONDS 5                  /* for a whole request to arrive */
#define REPLY_SECONDS 10                   /* without the peer taking a chunk */

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

/* A connection is for one request; libwebsockets makes this, zeroed, for each. */
struct session {
    struct buf head; /* of the request, as far as it has come in pieces */
    bool answered;   /* what comes now is not listened to */
    struct buf body; /* of the reply */
    size_t sent;
};

static void session_release(struct session *s)
{
    buf_release(&s->head);
    buf_release(&s->body);
    *s = (struct session){.answered = true};
}

/* ---- reply ------------------------------------------------------------------------------------ */

/* For people; no client goes by it (RFC 9112 section 4). */
static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {
        {200, "OK"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].reason;
    return "";
}

static void put_head(struct buf *b, const struct httpd_reply *reply)
{
    buf_putf(b,
             "HTTP/1.1 %d %s\r\nserver: certroll\r\ncontent-type: %s\r\ncontent-length: %zu\r\n"
             "connection: close\r\nx-content-type-options: nosniff\r\n",
             reply->status, reason_of(reply->status), reply->content_type, reply->body.len);
    if (reply->status == 405)
        buf_puts(b, "allow: GET, HEAD\r\n");
    if (reply->location[0] != '\0')
        buf_putf(b, "location: %s\r\n", reply->location);
    buf_puts(b, "\r\n");
}

/* The head, and the first bytes of the body with it: most replies are one packet. */
static int write_start(struct lws *wsi, const struct httpd_reply *reply, size_t body_len)
{
    AUTO(buf_release) struct buf head = BUF_INIT(HEAD_SIZE);
    unsigned char room[LWS_PRE + CHUNK_SIZE];
    put_head(&head, reply);
    memcpy(room + LWS_PRE, head.data, head.len);
    if (body_len > 0)
        memcpy(room + LWS_PRE + head.len, reply->body.data, body_len);
    return lws_write(wsi, room + LWS_PRE, head.len + body_len, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

/* libwebsockets sends what it still holds before it closes, and waits a moment for the peer to do so. */
static int end(struct session *session)
{
    session_release(session);
    return -1;
}

static int refuse(struct lws *wsi, struct session *session, int status)
{
    struct httpd_reply reply = {.status = status, .content_type = "text/plain"};
    (void)write_start(wsi, &reply, 0);
    return end(session);
}

static int write_body(struct lws *wsi, struct session *session)
{
    size_t left = session->body.len - session->sent;
    if (left == 0)
        return 0;
    unsigned char room[LWS_PRE + CHUNK_SIZE];
    size_t len = left < CHUNK_SIZE ? left : CHUNK_SIZE;
    memcpy(room + LWS_PRE, session->body.data + session->sent, len);
    session->sent += len;
    if (lws_write(wsi, room + LWS_PRE, len, LWS_WRITE_RAW) < 0 || len == left)
        return end(session);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, REPLY_SECONDS);
    lws_callback_on_writable(wsi);
    return 0;
}

/* ---- request ---------------------------------------------------------------------------------- */

static int serve(struct httpd *h, struct lws *wsi, struct session *session,
                 const struct http1_request *asked)
{
    struct httpd_request req = {
        .path = asked->path, .has_query = asked->has_query, .host = asked->host};
    struct httpd_reply reply = {
        .status = 404, .content_type = "text/plain", .body = BUF_INIT(BODY_MAX)};
    h->handler(h->arg, &req, &reply);
    session->body = reply.body; /* released with the connection, whatever happens now */
    size_t wanted = asked->head_only ? 0 : reply.body.len;
    size_t first = wanted < FIRST_MAX ? wanted : FIRST_MAX;
    /* From now on the peer is waited for; what the handler took is not the peer's. */
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, REPLY_SECONDS);
    if (write_start(wsi, &reply, first) != 0 || first == wanted)
        return end(session);
    session->sent = first;
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_bytes(struct httpd *h, struct lws *wsi, struct session *session, const char *bytes,
                    size_t len)
{
    struct http1_request req;
    if (session->answered)
        return 0;
    if (session->head.len > 0) {
        size_t room = HTTP1_HEAD_MAX - session->head.len;
        if (buf_add(&session->head, bytes, len < room ? len : room) != NULL)
            abort(); /* no more than its limit */
        bytes = session->head.data;
        len = session->head.len;
    }
    int status = http1_request_read(bytes, len, &req);
    if (status != HTTP1_MORE) {
        session->answered = true;
        return status == HTTP1_WHOLE ? serve(h, wsi, session, &req) : refuse(wsi, session, status);
    }
    if (session->head.len == 0) {
        session->head = BUF_INIT(HTTP1_HEAD_MAX);
        if (buf_add(&session->head, bytes, len) != NULL)
            abort();
    }
    return 0;
}

/* ---- server ----------------------------------------------------------------------------------- */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct httpd *h = lws_context_user(lws_get_context(wsi));
    struct session *session = user;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return h->connections >= CONNECTIONS_MAX;
    case LWS_CALLBACK_WSI_CREATE:
        h->connections++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        h->connections--;
        return 0;
    case LWS_CALLBACK_RAW_ADOPT:
        lws_set_timeout(wsi, (enum pending_timeout)PENDING_TIMEOUT_USER_REASON_BASE,
                        REQUEST_SECONDS);
        return 0;
    case LWS_CALLBACK_RAW_RX:
        return on_bytes(h, wsi, session, in, len);
    case LWS_CALLBACK_RAW_WRITEABLE:
        return write_body(wsi, session);
    case LWS_CALLBACK_RAW_CLOSE:
        if (session != NULL)
            session_release(session);
        return 0;
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
        .vhost_name = "default",
        .gid = (__typeof__(info.gid))-1,
        .uid = (__typeof__(info.uid))-1,
        .fd_limit_per_thread = CONNECTIONS_MAX + FDS_OF_LWS,
        .timeout_secs = REQUEST_SECONDS,
        /* Dual stack whatever net.ipv6.bindv6only says: V6ONLY_VALUE is left out. */
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_ONLY_RAW |
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
        .name = "http", .callback = on_event, .per_session_data_size = sizeof(struct session)};
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
