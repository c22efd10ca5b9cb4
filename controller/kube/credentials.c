/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/credentials.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define SPACE " \t\r\n"
#define TOKEN_LIFE NS_PER_MIN
#define CA_LOOK NS_PER_MIN
#define TOKEN_MAX (64 * 1024)
#define CA_MAX (1024 * 1024)
/* Requests in flight may still hold a CA that was replaced: it lives on for this many changes,
 * which is more minutes than a watch takes. */
#define CA_GENERATIONS 16

struct credentials {
    pthread_mutex_t lock;
    const struct clock *clock;
    char *token_file;
    struct secret token;
    int64_t token_read; /* mono ns; 0 = must be read */
    char *ca_file;
    int64_t ca_looked;
    struct timespec ca_mtime;
    struct http_tls tls[CA_GENERATIONS];
    size_t tls_current;
    char *cert_pem;
    struct secret key_pem;
};

/* It goes into a header: without white space around it, one line of visible ASCII (RFC 6750). */
static struct err *set_token(struct credentials *c, const struct secret *text, const char *where)
{
    size_t start = strspn(text->data, SPACE);
    size_t end = text->len;
    while (end > start && strchr(SPACE, text->data[end - 1]) != NULL)
        end--;
    bool good = end > start;
    for (size_t i = start; good && i < end; i++)
        good = text->data[i] > ' ' && text->data[i] < 0x7f;
    if (!good)
        return err_new(ERR_INVALID, "BadToken", "%s: empty or not one word", where);
    secret_release(&c->token);
    c->token = secret_copy(text->data + start, end - start);
    return NULL;
}

static struct err *read_token(struct credentials *c)
{
    AUTO(secret_release) struct secret fresh = {0};
    TRY(file_read_secret(c->token_file, TOKEN_MAX, &fresh), "token");
    TRY(set_token(c, &fresh, c->token_file));
    c->token_read = clock_mono(c->clock);
    return NULL;
}

static void free_ca(const struct http_tls *tls)
{
    free((char *)(uintptr_t)tls->ca_pem);
}

/* A rotated CA bundle takes effect with the next connection. An unreadable one changes nothing. */
static void look_at_ca(struct credentials *c)
{
    int64_t now = clock_mono(c->clock);
    if (c->ca_file == NULL || now - c->ca_looked < CA_LOOK)
        return;
    c->ca_looked = now;
    struct stat st;
    if (stat(c->ca_file, &st) != 0 ||
        (st.st_mtim.tv_sec == c->ca_mtime.tv_sec && st.st_mtim.tv_nsec == c->ca_mtime.tv_nsec))
        return;
    char *pem = NULL;
    struct err *e = file_read(c->ca_file, CA_MAX, &pem);
    if (e != NULL) {
        err_drop(e); /* being replaced right now: looked at again in a minute */
        return;
    }
    c->ca_mtime = st.st_mtim;
    if (str_eq(pem, c->tls[c->tls_current].ca_pem)) {
        free(pem);
        return;
    }
    size_t next = (c->tls_current + 1) % CA_GENERATIONS;
    free_ca(&c->tls[next]);
    c->tls[next] = c->tls[c->tls_current];
    c->tls[next].ca_pem = pem;
    c->tls_current = next;
}

struct err *credentials_new(const struct kube_config *config, const struct clock *clock,
                            struct credentials **ret_credentials)
{
    struct credentials *c = x_calloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    c->clock = clock;
    c->token_file = x_strdup_or_null(config->token_file);
    c->ca_file = x_strdup_or_null(config->ca_file);
    c->cert_pem = x_strdup_or_null(config->cert_pem);
    c->key_pem = secret_copy(config->key_pem.data, config->key_pem.len);
    c->tls[0] = (struct http_tls){
        .ca_pem = x_strdup_or_null(config->ca_pem),
        .cert_pem = c->cert_pem,
        .key_pem = c->cert_pem != NULL ? &c->key_pem : NULL,
        .skip_verify = config->insecure,
    };
    struct err *e = NULL;
    if (c->token_file != NULL)
        e = read_token(c);
    else if (config->token.data != NULL)
        e = set_token(c, &config->token, "token");
    if (e != NULL) {
        credentials_free(c);
        return e;
    }
    *ret_credentials = c;
    return NULL;
}

void credentials_free(struct credentials *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CA_GENERATIONS; i++)
        free_ca(&c->tls[i]);
    free(c->token_file);
    free(c->ca_file);
    free(c->cert_pem);
    secret_release(&c->token);
    secret_release(&c->key_pem);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

char *credentials_authorization(struct credentials *c)
{
    pthread_mutex_lock(&c->lock);
    bool stale = c->token_read == 0 || clock_mono(c->clock) - c->token_read >= TOKEN_LIFE;
    if (c->token_file != NULL && stale)
        err_drop(read_token(c)); /* the old one may still be good; a 401 brings us back here */
    char *header = c->token.len > 0 ? x_printf("Bearer %s", c->token.data) : NULL;
    pthread_mutex_unlock(&c->lock);
    return header;
}

void credentials_refused(struct credentials *c)
{
    pthread_mutex_lock(&c->lock);
    c->token_read = 0;
    pthread_mutex_unlock(&c->lock);
}

const struct http_tls *credentials_tls(struct credentials *c)
{
    pthread_mutex_lock(&c->lock);
    look_at_ca(c);
    const struct http_tls *tls = &c->tls[c->tls_current];
    pthread_mutex_unlock(&c->lock);
    return tls;
}
