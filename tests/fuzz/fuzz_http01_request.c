/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to a responder of HTTP-01 challenges, as it comes to its server: bytes on a socket. Whoever answers
 * answers with a token and a thumbprint or sends the CA on, and only to what begins with exactly the path of a token.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "http01/responder.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define CENTRAL "http://central.test"
#define REQUEST_MAX 8192

static struct httpd *httpd;
static const uint8_t *raw; /* what the peer has sent */
static size_t raw_len;

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* ---- what handlers promise ---- */

static bool was_sent(const char *method, const char *path)
{
    char line[2048];
    int len = snprintf(line, sizeof(line), "%s %s HTTP/1.", method, path);
    return raw_len > (size_t)len && memcmp(raw, line, (size_t)len) == 0;
}

static bool is_base64url(const char *s, size_t len)
{
    return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") >= len;
}

static void check_request(const struct httpd_request *req)
{
    MUST(strlen(req->path) <= 1024 && *req->path == '/' && strlen(req->host) < 264);
    for (const char *p = req->host; *p != '\0'; p++)
        MUST((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr(".-_:[]", *p) != NULL);
}

static void check_answer(const char *token, struct httpd_reply *reply)
{
    size_t len = token != NULL ? strlen(token) : 0;
    MUST(reply->status == (token != NULL ? 200 : 404));
    MUST((reply->body.len == 0) == (token == NULL));
    MUST(token == NULL || (len >= HTTP01_TOKEN_MIN && len <= HTTP01_TOKEN_MAX));
    MUST(token == NULL || is_base64url(token, len));
    MUST(token == NULL || strncmp(buf_str(&reply->body), token, len) == 0);
    MUST(token == NULL || str_eq(buf_str(&reply->body) + len, "." THUMBPRINT));
}

static void check_forward(const struct httpd_request *req, const char *token)
{
    char central[] = CENTRAL;
    struct httpd_reply sent = {.status = 404, .body = BUF_INIT(4096)};
    http01_forward(central, req, &sent);
    MUST(sent.status == (token != NULL ? 301 : 404) && sent.body.len == 0);
    MUST(token == NULL || str_starts(sent.location, CENTRAL HTTP01_PATH));
    MUST(token == NULL || str_eq(sent.location + strlen(CENTRAL HTTP01_PATH), token));
    MUST(strpbrk(sent.location, "\r\n ") == NULL);
    buf_release(&sent.body);
}

static void handle(void *arg, const struct httpd_request *req, struct httpd_reply *reply)
{
    char thumbprint[] = THUMBPRINT;
    (void)arg;
    check_request(req);
    const char *token = http01_token_of(req);
    MUST(token == NULL || str_starts(req->path, HTTP01_PATH));
    MUST(token == NULL || was_sent("GET", req->path) || was_sent("HEAD", req->path));
    http01_respond(thumbprint, req, reply);
    check_answer(token, reply);
    check_forward(req, token);
}

/* ---- the peer ---- */

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)httpd_port(httpd)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

/* Each answer is one of ours; what comes after the peer has closed its side is the end. */
static void read_answers(int fd)
{
    char text[65536];
    size_t len = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (len < sizeof(text) - 1 && poll(&p, 1, 6000) > 0) {
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    MUST(len == 0 || str_starts(text, "HTTP/1."));
    MUST(strstr(text, " 101 ") == NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    AUTO_ERR e = httpd_start("127.0.0.1:0", handle, NULL, &httpd);
    MUST(e == NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = dial();
    size_t len = size < REQUEST_MAX ? size : REQUEST_MAX;
    raw = data;
    raw_len = len;
    (void)send(fd, data, len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    read_answers(fd);
    close(fd);
    return 0;
}
