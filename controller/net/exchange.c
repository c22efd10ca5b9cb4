/* SPDX-License-Identifier: Apache-2.0 */
#include "net/exchange.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/easy.h"
#include "net/url.h"

#define CONNECT_TIMEOUT_DEFAULT (5 * NS_PER_SEC)
#define BODY_MAX_DEFAULT ((size_t)1 << 20)
#define METHOD_MAX 16
#define REDIRECTS_MAX 10
#define UPLOAD_BUFFER 16384L /* libcurl's least, and a TLS record */

#define SET(x, option, value) EASY_SET((x)->easy, (option), (value))

struct err *exchange_policy_init(struct exchange_policy *p, const struct http_client_options *o)
{
    AUTO(trust_release) struct trust trust = {0};
    AUTO(proxy_release) struct proxy proxy = {0};
    struct guard guard;
    TRY(trust_init(&trust, o->ca_file, o->ca_folders));
    TRY(proxy_init(&proxy, o->proxy, o->no_proxy));
    TRY(guard_init(&guard, o->allow_private, o->forbidden));
    *p = (struct exchange_policy){
        .user_agent = x_strdup(str_or(o->user_agent, "certroll")),
        .gate = o->gate,
        .gate_arg = o->gate_arg,
        .guard = guard,
        .proxy = proxy,
        .trust = trust,
    };
    proxy = (struct proxy){0};
    trust = (struct trust){0};
    return NULL;
}

void exchange_policy_release(struct exchange_policy *p)
{
    free(p->user_agent);
    guard_release(&p->guard);
    proxy_release(&p->proxy);
    trust_release(&p->trust);
    *p = (struct exchange_policy){0};
}

/* ---- messages --------------------------------------------------------------------------------- */

struct err *exchange_failed(const struct http_request *req, struct err *e)
{
    auto_free char *shown = url_shown(req->url);
    return err_wrap(e, "%s %s", str_or(req->method, "GET"), shown);
}

struct err *exchange_cancelled(const struct http_request *req)
{
    return exchange_failed(req,
                           err_new(ERR_CANCELLED, "Cancelled", "given up because we are stopping"));
}

static void refuse(struct exchange *x, struct err *e)
{
    err_free(x->refused);
    x->refused = e;
}

static void refuse_size(struct exchange *x, const char *what, size_t max)
{
    refuse(x, err_new(ERR_TRANSIENT, "TooLarge", "the %s of the response exceed %zu bytes", what,
                      max));
}

/* ---- callbacks -------------------------------------------------------------------------------- */

/* Is the address that is dialled the one that a tenant named? */
static bool judges_address(const struct exchange *x)
{
    return (x->req->flags & HTTP_GUARDED) != 0 && !x->proxied;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct exchange *x = arg;
    (void)purpose;
    if (judges_address(x)) {
        struct err *e = guard_check_sockaddr(&x->policy->guard, &to->addr);
        if (e != NULL) {
            refuse(x, e);
            return CURL_SOCKET_BAD;
        }
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* A dead peer is found within 45 s, with data in flight or without. */
static int on_socket_options(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},          {IPPROTO_TCP, TCP_KEEPIDLE, 15},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10},       {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 45000},
    };
    (void)arg;
    (void)purpose;
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    return CURL_SOCKOPT_OK;
}

/* Connected, nothing sent yet. A connection may be one that an unguarded request left behind, so
 * the guard is asked again. */
static int on_before_request(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct exchange *x = arg;
    (void)local_ip;
    (void)port;
    (void)local_port;
    struct err *e = NULL;
    if (x->connected && (x->req->flags & HTTP_ONCE) != 0)
        e = err_new(ERR_TRANSIENT, "ConnectionLost",
                    "the connection ended before an answer, and this is not sent twice");
    x->connected = true;
    if (e == NULL && judges_address(x))
        e = guard_check_literal(&x->policy->guard, ip);
    if (e == NULL && (x->req->flags & HTTP_MUTATES) != 0 && x->policy->gate != NULL)
        e = x->policy->gate(x->policy->gate_arg);
    refuse(x, e);
    return e == NULL ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* Decrypted bytes do not stay in OpenSSL's buffers. */
static CURLcode on_tls_context(CURL *easy, void *ssl_ctx, void *arg)
{
    (void)easy;
    (void)arg;
    SSL_CTX_set_options(ssl_ctx, SSL_OP_CLEANSE_PLAINTEXT);
    return CURLE_OK;
}

/* "Name:  value" becomes "name: value\n"; what is no header line is left out. */
static struct err *add_header_line(struct buf *head, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || *line == ' ' || *line == '\t')
        return NULL;
    const char *value = colon + 1;
    const char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t start = head->len;
    TRY(buf_add(head, line, (size_t)(colon - line)));
    for (char *p = head->data + start; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    TRY(buf_add(head, ": ", 2));
    TRY(buf_add(head, value, (size_t)(end - value)));
    str_sanitize(head->data + start);
    return buf_add(head, "\n", 1);
}

static void on_head_end(struct exchange *x)
{
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    x->status = (int)status;
    x->head_done = status >= 200;
    if (x->head_done && x->sink != NULL)
        x->sink->head(x);
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * count;
    if (x->head_done) /* trailers */
        return len;
    size_t line_len = len;
    while (line_len > 0 && (data[line_len - 1] == '\n' || data[line_len - 1] == '\r'))
        line_len--;
    if (line_len == 0) {
        on_head_end(x);
        return len;
    }
    if (line_len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_clear(&x->head);
        return len;
    }
    struct err *e = add_header_line(&x->head, data, line_len);
    if (e != NULL) {
        err_free(e);
        refuse_size(x, "headers", HTTP_HEADERS_MAX);
        return 0;
    }
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * count;
    if (x->sink != NULL)
        return x->sink->body(x, data, len);
    struct err *e = buf_add(&x->body, data, len);
    if (e != NULL) {
        err_free(e);
        refuse_size(x, "bytes", x->body.max);
        return 0;
    }
    return len;
}

/* ---- set-up ----------------------------------------------------------------------------------- */

static bool is_token(const char *s, size_t max)
{
    size_t len = strspn(s, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghijklmnopqrstuvwxyz");
    return len > 0 && len <= max && s[len] == '\0';
}

static struct err *check_request(const struct http_request *req)
{
    if (str_empty(req->url) || strlen(req->url) > HTTP_URL_MAX)
        return err_new(ERR_INVALID, "InvalidURL", "a URL has 1 to %d bytes", HTTP_URL_MAX);
    if (req->method != NULL && !is_token(req->method, METHOD_MAX))
        return err_new(ERR_INVALID, "InvalidRequest", "the method is not an HTTP token");
    for (size_t i = 0; i < req->header_count; i++) {
        const struct http_header *h = &req->headers[i];
        if (!is_token(h->name, 256) || h->value[strcspn(h->value, "\r\n")] != '\0')
            return err_new(ERR_INVALID, "InvalidRequest",
                           "request header %zu is not a token and one line", i);
    }
    return NULL;
}

static void add_to_list(struct curl_slist **list, const char *s)
{
    struct curl_slist *longer = curl_slist_append(*list, s);
    if (longer == NULL)
        abort();
    *list = longer;
}

static void make_header_list(struct exchange *x)
{
    bool has_type = false;
    for (size_t i = 0; i < x->req->header_count; i++) {
        const struct http_header *h = &x->req->headers[i];
        has_type = has_type || strcasecmp(h->name, "content-type") == 0;
        size_t len = strlen(h->name) + strlen(h->value) + sizeof(": ");
        char *line =
            *h->value != '\0' ? x_printf("%s: %s", h->name, h->value) : x_printf("%s;", h->name);
        add_to_list(&x->header_list, line);
        x_wipe_free(line, len); /* bearer tokens pass here */
    }
    /* What libcurl adds to a body by itself. */
    add_to_list(&x->header_list, "Expect:");
    if (!has_type)
        add_to_list(&x->header_list, "Content-Type:");
}

static void set_method(struct exchange *x)
{
    const char *method = str_or(x->req->method, "GET");
    bool post = strcmp(method, "POST") == 0;
    if (x->req->body_len > 0 || post) {
        SET(x, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->req->body_len);
        SET(x, CURLOPT_POSTFIELDS, x->req->body_len > 0 ? x->req->body : "");
        if (!post)
            SET(x, CURLOPT_CUSTOMREQUEST, method);
    } else if (strcmp(method, "HEAD") == 0) {
        SET(x, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        SET(x, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_callbacks(struct exchange *x)
{
    SET(x, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(x, CURLOPT_OPENSOCKETDATA, x);
    SET(x, CURLOPT_SOCKOPTFUNCTION, on_socket_options);
    SET(x, CURLOPT_PREREQFUNCTION, on_before_request);
    SET(x, CURLOPT_PREREQDATA, x);
    SET(x, CURLOPT_HEADERFUNCTION, on_header);
    SET(x, CURLOPT_HEADERDATA, x);
    SET(x, CURLOPT_WRITEFUNCTION, on_body);
    SET(x, CURLOPT_WRITEDATA, x);
    SET(x, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    SET(x, CURLOPT_ERRORBUFFER, x->detail);
}

/* Rounded up: 0 would mean no limit. */
static long whole_ms(int64_t ns)
{
    return (long)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void set_common(struct exchange *x)
{
    SET(x, CURLOPT_NOSIGNAL, 1L);
    /* Made, and wiped, for each request by TLS; 64 KiB by default. */
    SET(x, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    /* Do not wait for resolver threads when a transfer ends: getaddrinfo() may take 30 s. */
    SET(x, CURLOPT_QUICK_EXIT, 1L);
    bool version_2 = (x->req->flags & HTTP_VERSION_2) != 0;
    SET(x, CURLOPT_HTTP_VERSION,
        version_2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    SET(x, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(x, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(x, CURLOPT_PATH_AS_IS, 1L);
    SET(x, CURLOPT_USERAGENT, x->policy->user_agent);
    SET(x, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if ((x->req->flags & (HTTP_NO_REUSE | HTTP_VERSION_2)) != 0) {
        SET(x, CURLOPT_FRESH_CONNECT, 1L);
        SET(x, CURLOPT_FORBID_REUSE, 1L);
    }
    int64_t connect =
        x->req->connect_timeout > 0 ? x->req->connect_timeout : CONNECT_TIMEOUT_DEFAULT;
    SET(x, CURLOPT_CONNECTTIMEOUT_MS, whole_ms(connect));
}

/* Of the environment libcurl asks nothing: what goes past the proxy is decided here, so that the guard knows, too. */
static struct err *set_proxy(struct exchange *x)
{
    const struct proxy *proxy = &x->policy->proxy;
    x->proxied = (x->req->flags & HTTP_PROXIED) != 0 && proxy_applies(proxy, x->req->url);
    SET(x, CURLOPT_PROXY, x->proxied ? proxy->url : "");
    SET(x, CURLOPT_NOPROXY, "");
    SET(x, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(x, CURLOPT_HTTPPROXYTUNNEL, x->proxied ? 1L : 0L);
    return x->proxied && (x->req->flags & HTTP_GUARDED) != 0
               ? proxy_guard(&x->policy->guard, x->req->url)
               : NULL;
}

static struct curl_blob blob_of(const void *data, size_t len)
{
    /* libcurl only reads it; the field is not const because it may also own a copy. */
    return (struct curl_blob){
        .data = (void *)(uintptr_t)data, .len = len, .flags = CURL_BLOB_NOCOPY};
}

static void set_tls(struct exchange *x)
{
    const struct http_tls *tls = x->req->tls;
    trust_set(&x->policy->trust, x->easy, tls != NULL ? tls->ca_pem : NULL);
    if (tls == NULL)
        return;
    if (tls->cert_pem != NULL && tls->key_pem != NULL) {
        struct curl_blob cert = blob_of(tls->cert_pem, strlen(tls->cert_pem));
        struct curl_blob key = blob_of(tls->key_pem->data, tls->key_pem->len);
        SET(x, CURLOPT_SSLCERT_BLOB, &cert);
        SET(x, CURLOPT_SSLKEY_BLOB, &key);
    }
    if (tls->skip_verify) {
        SET(x, CURLOPT_SSL_VERIFYPEER, 0L);
        SET(x, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* What differs from hop to hop. */
static void set_hop(struct exchange *x)
{
    SET(x, CURLOPT_URL, x->url != NULL ? x->url : x->req->url);
    SET(x, CURLOPT_HTTPHEADER, x->foreign ? NULL : x->header_list);
    SET(x, CURLOPT_CONNECT_TO, x->connect_to);
    if (x->foreign) {
        SET(x, CURLOPT_SSLCERT_BLOB, (struct curl_blob *)NULL);
        SET(x, CURLOPT_SSLKEY_BLOB, (struct curl_blob *)NULL);
    }
    if (x->deadline != 0) {
        int64_t left = x->deadline - clock_mono(clock_system());
        SET(x, CURLOPT_TIMEOUT_MS, left > 0 ? whole_ms(left) : 1L);
    }
}

struct err *exchange_init(struct exchange *x, const struct exchange_policy *policy,
                          const struct http_request *req, const struct exchange_sink *sink,
                          CURL *easy)
{
    *x = (struct exchange){
        .policy = policy,
        .req = req,
        .sink = sink,
        .easy = easy,
        .head = BUF_INIT(HTTP_HEADERS_MAX),
        .body = {.max = req->max_body != 0 ? req->max_body : BODY_MAX_DEFAULT,
                 .secret = (req->flags & HTTP_SECRET) != 0},
    };
    TRY(check_request(req));
    if (sink == NULL)
        x->deadline =
            clock_mono(clock_system()) + (req->timeout > 0 ? req->timeout : HTTP_TIMEOUT_DEFAULT);
    if (req->connect_to != NULL) {
        auto_free char *rule = x_printf("::%s", req->connect_to);
        add_to_list(&x->connect_to, rule);
    }
    make_header_list(x);
    set_common(x);
    TRY(set_proxy(x));
    set_callbacks(x);
    set_method(x);
    set_tls(x);
    set_hop(x);
    return NULL;
}

void exchange_release(struct exchange *x)
{
    curl_slist_free_all(x->header_list);
    curl_slist_free_all(x->connect_to);
    free(x->url);
    buf_release(&x->head);
    buf_release(&x->body);
    err_free(x->refused);
    *x = (struct exchange){0};
}

/* ---- redirects -------------------------------------------------------------------------------- */

/* connect_to stands for the request's host: another port of that host is dialled there too, another
 * host is resolved. */
static void redirect_dial(struct exchange *x, const struct redirect *r)
{
    if (x->req->connect_to == NULL)
        return;
    curl_slist_free_all(x->connect_to);
    x->connect_to = NULL;
    const char *colon = strrchr(x->req->connect_to, ':');
    if (!r->same_host || colon == NULL)
        return;
    auto_free char *rule =
        r->same_port ? x_printf("::%s", x->req->connect_to)
                     : x_printf("::%.*s:", (int)(colon - x->req->connect_to), x->req->connect_to);
    add_to_list(&x->connect_to, rule);
}

static bool is_redirect(const struct exchange *x)
{
    const char *method = str_or(x->req->method, "GET");
    bool safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    return (x->req->flags & HTTP_FOLLOW) != 0 && safe && x->sink == NULL &&
           (x->status == 301 || x->status == 302 || x->status == 303 || x->status == 307 ||
            x->status == 308);
}

bool exchange_continue(struct exchange *x, CURLcode code)
{
    if (code != CURLE_OK || !is_redirect(x))
        return false;
    char *target = NULL;
    curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL)
        return false;
    if (x->hops == REDIRECTS_MAX) {
        refuse(x,
               err_new(ERR_TRANSIENT, "TooManyRedirects", "more than %d redirects", REDIRECTS_MAX));
        return false;
    }
    struct redirect redirect;
    struct err *e = url_redirect(x->req->url, target, &redirect);
    if (e != NULL) {
        refuse(x, e);
        return false;
    }
    x->foreign = x->foreign || !redirect.same_origin;
    x->hops++;
    free(x->url);
    x->url = x_strdup(target);
    buf_clear(&x->head);
    buf_clear(&x->body);
    x->head_done = false;
    redirect_dial(x, &redirect);
    set_hop(x);
    return true;
}

/* ---- verdict ---------------------------------------------------------------------------------- */

/* libcurl's "after 12 ms": what differs each time would be news in a status each time. */
static void drop_duration(char *text)
{
    static const char *const units[] = {" milliseconds", " ms"};
    char *at = strstr(text, " after ");
    if (at == NULL)
        return;
    char *end = at + strlen(" after ");
    size_t digits = strspn(end, "0123456789");
    end += digits;
    for (size_t i = 0; digits > 0 && i < ARRAY_LEN(units); i++) {
        if (str_starts(end, units[i])) {
            end += strlen(units[i]);
            memmove(at, end, strlen(end) + 1);
            return;
        }
    }
}

/* This machine has no way there at all, as one without IPv6 has none to an IPv6 address. */
static bool has_no_route(const struct exchange *x, CURLcode code)
{
    long error = 0;
    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &error);
    return code == CURLE_COULDNT_CONNECT &&
           (error == ENETUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT);
}

static struct err *judge(struct exchange *x, CURLcode code)
{
    static const struct {
        CURLcode code;
        enum err_kind kind;
        const char *reason;
    } rules[] = {
        {CURLE_OPERATION_TIMEDOUT, ERR_TRANSIENT, "Timeout"},
        {CURLE_COULDNT_RESOLVE_HOST, ERR_TRANSIENT, "ConnectFailed"},
        {CURLE_COULDNT_CONNECT, ERR_TRANSIENT, "ConnectFailed"},
        {CURLE_SSL_CONNECT_ERROR, ERR_TRANSIENT, "TLSFailed"},
        {CURLE_SSL_CERTPROBLEM, ERR_TRANSIENT, "TLSFailed"},
        {CURLE_SSL_CIPHER, ERR_TRANSIENT, "TLSFailed"},
        {CURLE_PEER_FAILED_VERIFICATION, ERR_TRANSIENT, "TLSFailed"},
        {CURLE_SSL_CACERT_BADFILE, ERR_TRANSIENT, "TLSFailed"},
        {CURLE_SSL_ISSUER_ERROR, ERR_TRANSIENT, "TLSFailed"},
        {CURLE_URL_MALFORMAT, ERR_INVALID, "InvalidURL"},
        {CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID, "InvalidURL"},
        {CURLE_LOGIN_DENIED, ERR_INVALID, "InvalidURL"},
    };
    if (x->refused != NULL)
        return TAKE(x->refused);
    str_sanitize(x->detail);
    drop_duration(x->detail);
    const char *detail = str_or(x->detail, curl_easy_strerror(code));
    if (code == CURLE_OK)
        detail = "the peer closed the connection within the headers";
    if (x->proxied && !x->connected)
        TRY(proxy_judge(x->easy, code, detail));
    if (has_no_route(x, code))
        return err_new(ERR_TRANSIENT, "NoRoute", "%s", detail);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        /* A peer that does not speak HTTP is an unsupported protocol too. */
        if (rules[i].code == code && (rules[i].kind != ERR_INVALID || !x->connected))
            return err_new(rules[i].kind, rules[i].reason, "%s", detail);
    }
    return err_new(ERR_TRANSIENT, "ConnectionLost", "%s", detail);
}

static void keep_head(struct exchange *x, struct http_response *ret_response)
{
    if (x->head_done && (x->req->flags & HTTP_KEEP_HEAD) != 0 && ret_response != NULL)
        *ret_response = (struct http_response){.status = x->status, .headers = buf_take(&x->head)};
}

struct err *exchange_verdict(struct exchange *x, CURLcode code, struct http_response *ret_response)
{
    /* libcurl calls it a success when the connection ends within the headers. */
    if (code != CURLE_OK || x->refused != NULL || !x->head_done) {
        struct err *e = judge(x, code);
        keep_head(x, ret_response);
        if (x->hops > 0) {
            auto_free char *shown = url_shown_origin(x->url);
            e = err_wrap(e, "after a redirect to %s", shown);
        }
        return exchange_failed(x->req, e);
    }
    if (ret_response != NULL) {
        *ret_response = (struct http_response){
            .status = x->status,
            .body = x->body,
            .headers = buf_take(&x->head),
        };
        x->body = (struct buf){0};
    }
    return NULL;
}
