/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/http.h"

#define SHOWN_MAX 512

/* Up to the first byte of stop after the scheme, without user info. */
static char *shown_until(const char *url, const char *stop)
{
    const char *scheme_end = strstr(url, "://");
    const char *authority = scheme_end != NULL ? scheme_end + 3 : url;
    size_t authority_len = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', authority_len);
    const char *host = at != NULL ? at + 1 : authority;
    size_t len = strcspn(host, stop);
    char *s = x_printf("%.*s%.*s", (int)(authority - url), url,
                       (int)(len < SHOWN_MAX ? len : SHOWN_MAX), host);
    str_sanitize(s);
    return s;
}

char *url_shown(const char *url)
{
    return shown_until(str_or(url, "(no URL)"), "?#");
}

char *url_shown_origin(const char *url)
{
    return shown_until(url, "/?#");
}

struct origin {
    char *scheme;
    char *host;
    char *port;
    bool user_info;
};

static void origin_release(struct origin *o)
{
    curl_free(o->scheme);
    curl_free(o->host);
    curl_free(o->port);
}

static bool origin_of(const char *url, struct origin *o)
{
    CURLU *u = curl_url();
    char *user = NULL;
    bool ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    o->user_info = curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK;
    curl_free(user);
    curl_url_cleanup(u);
    return ok;
}

char *url_origin(const char *url)
{
    AUTO(origin_release) struct origin o = {0};
    if (!origin_of(url, &o))
        return NULL;
    char *text = x_printf("%s://%s:%s", o.scheme, o.host, o.port);
    for (char *c = text; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

static bool may_follow_to(const struct origin *to)
{
    return !to->user_info && (str_eq(to->scheme, "http") || str_eq(to->scheme, "https")) &&
           (str_eq(to->port, "80") || str_eq(to->port, "443"));
}

struct err *url_redirect(const char *from, const char *to, struct redirect *ret_redirect)
{
    AUTO(origin_release) struct origin a = {0};
    AUTO(origin_release) struct origin b = {0};
    if (strlen(to) > HTTP_URL_MAX || !origin_of(from, &a) || !origin_of(to, &b) ||
        !may_follow_to(&b)) {
        auto_free char *shown = url_shown_origin(to);
        return err_new(ERR_DENIED, "RedirectForbidden",
                       "redirected to %s: only http and https on ports 80 and 443 are followed",
                       shown);
    }
    ret_redirect->same_host = strcasecmp(a.host, b.host) == 0;
    ret_redirect->same_port = str_eq(a.port, b.port);
    ret_redirect->same_origin =
        ret_redirect->same_host && ret_redirect->same_port && str_eq(a.scheme, b.scheme);
    return NULL;
}

/* ---- following by hand ---- */

void url_target_release(struct url_target *t)
{
    free(t->url);
    free(t->host);
    free(t->port);
    *t = (struct url_target){0};
}

/* NULL for what is no URL. */
static char *absolute(const char *from, const char *location)
{
    CURLU *u = curl_url();
    char *url = NULL;
    char *copy = NULL;
    if (curl_url_set(u, CURLUPART_URL, from, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK)
        copy = x_strdup(url);
    curl_free(url);
    curl_url_cleanup(u);
    return copy;
}

struct err *url_follow(const char *from, const char *location, struct url_target *ret_target)
{
    auto_free char *url = strlen(location) <= HTTP_URL_MAX ? absolute(from, location) : NULL;
    struct redirect r;
    if (url == NULL)
        return err_new(ERR_DENIED, "RedirectForbidden", "redirected to what is no URL");
    TRY(url_redirect(from, url, &r));
    AUTO(origin_release) struct origin to = {0};
    if (!origin_of(url, &to))
        return err_new(ERR_BUG, "RedirectForbidden", "a URL is none any more");
    bool bracketed = *to.host == '[';
    ret_target->url = TAKE(url);
    ret_target->host = x_strndup(to.host + bracketed, strcspn(to.host + bracketed, "]"));
    ret_target->port = x_strdup(to.port);
    ret_target->same_host = r.same_host;
    return NULL;
}
