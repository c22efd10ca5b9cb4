/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define HTTPS_PORT 443
#define URL_SHOWN_MAX 200

static bool is_printable(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~' || *s == '\\')
            return false;
    }
    return true;
}

/* The host's part of an authority: "[v6]" or up to the colon; 0 when it has none. */
static size_t host_length(const char *authority, size_t len)
{
    if (len > 0 && *authority == '[') {
        const char *end = memchr(authority, ']', len);
        size_t inside = strspn(authority + 1, "0123456789abcdefABCDEF:.");
        return end != NULL && authority + 1 + inside == end ? inside + 2 : 0;
    }
    size_t host = strspn(authority, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789.-_");
    return host < len ? host : len;
}

static bool parse_port(const char *s, size_t len, unsigned *ret_port)
{
    char digits[6];
    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, s, len);
    digits[len] = '\0';
    int64_t port;
    struct err *e = str_to_i64(digits, 1, 65535, &port);
    if (e != NULL) {
        err_drop(e); /* the caller says it better */
        return false;
    }
    *ret_port = (unsigned)port;
    return true;
}

static struct err *invalid(const char *why)
{
    return err_new(ERR_INVALID, "InvalidURL", "%s", why);
}

struct err *acme_url_parse(const char *url, struct acme_url *ret_url)
{
    static const char scheme[] = "https://";
    if (str_empty(url) || strnlen(url, ACME_URL_MAX + 1) > ACME_URL_MAX)
        return err_new(ERR_INVALID, "InvalidURL", "a URL has 1 to %d bytes", ACME_URL_MAX);
    if (!is_printable(url))
        return invalid("a URL has no spaces, backslashes, control or non-ASCII characters");
    if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
        return invalid("only https URLs are used");
    if (strchr(url, '#') != NULL)
        return invalid("a fragment has no place here");
    const char *authority = url + sizeof(scheme) - 1;
    size_t len = strcspn(authority, "/?");
    if (memchr(authority, '@', len) != NULL)
        return invalid("user information has no place here");
    size_t host = host_length(authority, len);
    struct acme_url u = {.port = HTTPS_PORT};
    if (host == 0 || host > ACME_HOST_MAX)
        return invalid("the URL names no host");
    if (host < len &&
        (authority[host] != ':' || !parse_port(authority + host + 1, len - host - 1, &u.port)))
        return invalid("what follows the host is not a port");
    for (size_t i = 0; i < host; i++) {
        char c = authority[i];
        u.host[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    *ret_url = u;
    return NULL;
}

char *acme_url_origin(const struct acme_url *url)
{
    return x_printf("%s:%u", url->host, url->port);
}

struct err *acme_ca_check_url(struct acme_ca *ca, const char *url)
{
    struct acme_url parsed;
    AUTO_ERR e = acme_url_parse(url, &parsed);
    if (e != NULL)
        return err_new(ERR_DENIED, "ForeignURL", "%.*s is not a URL of the CA: %s", URL_SHOWN_MAX,
                       str_or(url, "(none)"), e->message);
    TRY(acme_directory_ensure(ca));
    auto_free char *origin = acme_url_origin(&parsed);
    pthread_mutex_lock(&ca->lock);
    bool ours = strlist_has(&ca->origins, origin);
    pthread_mutex_unlock(&ca->lock);
    if (!ours)
        return err_new(ERR_DENIED, "ForeignURL",
                       "%.*s is refused: the directory %.*s names no URL on %s", URL_SHOWN_MAX, url,
                       URL_SHOWN_MAX, ca->directory_url, origin);
    return NULL;
}
