/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/config.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/yaml.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define FILE_MAX (1024 * 1024)

void kube_config_release(struct kube_config *c)
{
    free(c->server);
    free(c->ca_pem);
    free(c->ca_file);
    free(c->cert_pem);
    secret_release(&c->key_pem);
    free(c->token_file);
    secret_release(&c->token);
    free(c->namespace);
    *c = (struct kube_config){0};
}

/* Nobody changes the environment of this process. */
static const char *env(const char *name)
{
    return getenv(name); /* NOLINT(concurrency-mt-unsafe) */
}

/* Hands the whole over, or nothing. */
static struct err *hand_over(struct err *err, struct kube_config *c, struct kube_config *ret_config)
{
    if (err != NULL)
        kube_config_release(c);
    else
        *ret_config = *c;
    return err;
}

/* ---- in a pod -------------------------------------------------------------------------------- */

static struct err *read_account(const char *dir, struct kube_config *c)
{
    const char *host = env("KUBERNETES_SERVICE_HOST");
    const char *port = env("KUBERNETES_SERVICE_PORT");
    if (str_empty(host) || str_empty(port))
        return err_new(ERR_NOT_FOUND, "NotInCluster",
                       "not in a pod: KUBERNETES_SERVICE_HOST is not set; use --kubeconfig");
    bool v6 = strchr(host, ':') != NULL;
    c->server = x_printf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    c->token_file = x_printf("%s/token", dir);
    c->ca_file = x_printf("%s/ca.crt", dir);
    TRY(file_read(c->ca_file, FILE_MAX, &c->ca_pem), "service account");
    auto_free char *namespace_file = x_printf("%s/namespace", dir);
    TRY(err_ignore(file_read(namespace_file, KUBE_CONFIG_NAMESPACE_MAX, &c->namespace),
                   ERR_NOT_FOUND),
        "service account");
    if (c->namespace == NULL)
        c->namespace = x_strdup("default");
    return NULL;
}

struct err *kube_config_from_account(const char *dir, struct kube_config *ret_config)
{
    struct kube_config c = {0};
    return hand_over(read_account(dir, &c), &c, ret_config);
}

struct err *kube_config_in_cluster(struct kube_config *ret_config)
{
    return kube_config_from_account(ACCOUNT_DIR, ret_config);
}

/* ---- kubeconfig ------------------------------------------------------------------------------ */

/* The first file of KUBECONFIG that exists, else its last: never a file that was not meant. */
static char *default_path(void)
{
    const char *list = env("KUBECONFIG");
    if (str_empty(list))
        return x_printf("%s/.kube/config", str_or(env("HOME"), ""));
    for (;;) {
        const char *end = strchrnul(list, ':');
        char *path = x_strndup(list, (size_t)(end - list));
        if (*end == '\0' || (*path != '\0' && access(path, F_OK) == 0))
            return path;
        free(path);
        list = end + 1;
    }
}

/* The member named name of a kubeconfig list such as "clusters", and in it the object "cluster". */
static struct err *find_named(const char *path, const json_t *doc, const char *list,
                              const char *member, const char *name, const json_t **ret_object)
{
    if (str_empty(name))
        return err_new(ERR_INVALID, "BadKubeconfig", "%s: no %s is named: set current-context",
                       path, member);
    const json_t *items = JGET(doc, list);
    for (size_t i = 0; i < json_count(items); i++) {
        const json_t *item = json_item(items, i);
        if (str_eq(JSTR(item, "name"), name)) {
            *ret_object = JGET(item, member);
            return NULL;
        }
    }
    return err_new(ERR_INVALID, "BadKubeconfig", "%s: no entry \"%s\" in %s", path, name, list);
}

/* To leave out what an entry asks for could reach another server, or reach it as somebody else. */
static struct err *refuse(const char *path, const json_t *object, const char *const *names)
{
    for (; *names != NULL; names++)
        if (JGET(object, *names) != NULL)
            return err_new(ERR_INVALID, "BadKubeconfig",
                           "%s: %s is not supported: use a client certificate, token or tokenFile, "
                           "and a server that is reached directly",
                           path, *names);
    return NULL;
}

/* Paths in a kubeconfig are relative to it. */
static char *beside(const char *kubeconfig, const char *file)
{
    const char *slash = strrchr(kubeconfig, '/');
    if (*file == '/' || slash == NULL)
        return x_strdup(file);
    return x_printf("%.*s/%s", (int)(slash - kubeconfig), kubeconfig, file);
}

/* NAME-data holds base64, NAME a file; neither is fine. */
static struct err *read_part(const char *path, const json_t *object, const char *name,
                             struct secret *ret_value)
{
    auto_free char *data_name = x_printf("%s-data", name);
    const char *data = JSTR(object, data_name);
    if (!str_empty(data)) {
        char *raw = NULL;
        size_t len = 0;
        TRY(base64_decode(data, strlen(data), &raw, &len), "%s: %s", path, data_name);
        *ret_value = secret_copy(raw, len);
        x_wipe_free(raw, len);
        return NULL;
    }
    const char *file = JSTR(object, name);
    if (str_empty(file))
        return NULL;
    auto_free char *full = beside(path, file);
    return err_wrap(file_read_secret(full, FILE_MAX, ret_value), "%s: %s", path, name);
}

static struct err *read_text_part(const char *path, const json_t *object, const char *name,
                                  char **ret_text)
{
    AUTO(secret_release) struct secret value = {0};
    TRY(read_part(path, object, name, &value));
    *ret_text = value.data != NULL ? x_strndup(value.data, value.len) : NULL;
    return NULL;
}

static struct err *read_cluster(const char *path, const json_t *cluster, struct kube_config *c)
{
    static const char *const unsupported[] = {"proxy-url", "tls-server-name", NULL};
    TRY(refuse(path, cluster, unsupported));
    const char *server = JSTR(cluster, "server");
    if (!str_starts(str_or(server, ""), "https://"))
        return err_new(ERR_INVALID, "BadKubeconfig", "%s: server \"%s\": write an https:// URL",
                       path, str_or(server, ""));
    c->server = x_strdup(server);
    size_t len = strlen(c->server);
    while (len > 0 && c->server[len - 1] == '/')
        c->server[--len] = '\0';
    c->insecure = JBOOL(cluster, "insecure-skip-tls-verify");
    return read_text_part(path, cluster, "certificate-authority", &c->ca_pem);
}

static struct err *read_user(const char *path, const json_t *user, struct kube_config *c)
{
    static const char *const unsupported[] = {"exec",   "auth-provider", "username",      "as",
                                              "as-uid", "as-groups",     "as-user-extra", NULL};
    TRY(refuse(path, user, unsupported));
    TRY(read_text_part(path, user, "client-certificate", &c->cert_pem));
    TRY(read_part(path, user, "client-key", &c->key_pem));
    if ((c->cert_pem == NULL) != (c->key_pem.data == NULL))
        return err_new(ERR_INVALID, "BadKubeconfig",
                       "%s: client-certificate and client-key go together", path);
    const char *token = JSTR(user, "token");
    if (!str_empty(token))
        c->token = secret_copy(token, strlen(token));
    const char *file = JSTR(user, "tokenFile");
    if (!str_empty(file))
        c->token_file = beside(path, file);
    return NULL;
}

static struct err *read_context(const char *path, const json_t *doc, const char *context,
                                struct kube_config *c)
{
    const json_t *ctx = NULL;
    const json_t *cluster = NULL;
    const json_t *user = NULL;
    const char *name = context != NULL ? context : JSTR(doc, "current-context");
    TRY(find_named(path, doc, "contexts", "context", name, &ctx));
    TRY(find_named(path, doc, "clusters", "cluster", JSTR(ctx, "cluster"), &cluster));
    TRY(find_named(path, doc, "users", "user", JSTR(ctx, "user"), &user));
    c->namespace = x_strdup(str_or(JSTR(ctx, "namespace"), "default"));
    TRY(read_cluster(path, cluster, c));
    return read_user(path, user, c);
}

struct err *kube_config_load(const char *path, const char *context, struct kube_config *ret_config)
{
    auto_free char *found = path != NULL ? x_strdup(path) : default_path();
    AUTO(secret_release) struct secret text = {0};
    TRY(file_read_secret(found, FILE_MAX, &text), "kubeconfig");
    json_auto_t *doc = NULL;
    TRY(yaml_parse(found, text.data, text.len, &doc), "kubeconfig");
    struct kube_config c = {0};
    return hand_over(read_context(found, doc, context, &c), &c, ret_config);
}

/* ---- its addresses --------------------------------------------------------------------------- */

/* "https://[fd00::1]:443/x" -> "fd00::1" */
static char *host_of(const char *server)
{
    const char *scheme = strstr(server, "://");
    const char *host = scheme != NULL ? scheme + 3 : server;
    return *host == '[' ? x_strndup(host + 1, strcspn(host + 1, "]"))
                        : x_strndup(host, strcspn(host, ":/"));
}

static void add_address(struct strlist *l, const struct sockaddr *sa)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const void *address = NULL;
    if (sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof(v4));
        address = &v4.sin_addr;
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof(v6));
        address = &v6.sin6_addr;
    }
    if (address != NULL && inet_ntop(sa->sa_family, address, text, sizeof(text)) != NULL)
        strlist_add(l, text);
}

/* Literals are their own answer. */
static struct err *look_up(const char *host, struct strlist *l)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0)
        return err_new(ERR_TRANSIENT, "UnknownHost", "API server %s: %s", host, gai_strerror(code));
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
        add_address(l, a->ai_addr);
    freeaddrinfo(found);
    return NULL;
}

struct err *kube_config_addresses(const struct kube_config *c, struct strlist *ret_addresses)
{
    AUTO(strlist_release) struct strlist l = {0};
    auto_free char *host = host_of(c->server);
    struct in6_addr any;
    TRY(look_up(host, &l));
    /* Some clusters tell pods a name in place of the Service's address, which leads there all the same. */
    bool named = inet_pton(AF_INET, host, &any) != 1 && inet_pton(AF_INET6, host, &any) != 1;
    if (named && env("KUBERNETES_SERVICE_HOST") != NULL)
        err_drop(look_up("kubernetes.default.svc", &l)); /* then nobody gets there by that name */
    *ret_addresses = l;
    l = (struct strlist){0};
    return NULL;
}
