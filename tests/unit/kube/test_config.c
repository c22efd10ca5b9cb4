/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "kube/config.h"
#include "support/temp.h"

static int set_up(void **state)
{
    struct temp *t = x_alloc(sizeof(*t));
    temp_init(t);
    unsetenv("KUBECONFIG");
    setenv("HOME", t->dir, 1);
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    temp_release(*state);
    free(*state);
    return 0;
}

static void put(const struct temp *t, const char *name, const char *text)
{
    free(temp_puts(t, name, text));
}

static void expect_error(struct err *e, enum err_kind kind, const char *words)
{
    assert_non_null(e);
    if (strstr(e->message, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, e->message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

/* ---- in a pod ---- */

static void put_account(const struct temp *t)
{
    put(t, "ca.crt", "CA");
    put(t, "token", "T");
    put(t, "namespace", "certroll");
}

static void test_account(void **state)
{
    const struct temp *t = *state;
    put_account(t);
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_from_account(t->dir, &c));
    assert_string_equal(c.server, "https://10.0.0.1:443");
    assert_string_equal(c.ca_pem, "CA");
    auto_free char *ca = temp_path(t, "ca.crt"), *token = temp_path(t, "token");
    assert_string_equal(c.ca_file, ca);
    assert_string_equal(c.token_file, token);
    assert_string_equal(c.namespace, "certroll");
    assert_false(c.insecure);
}

static void test_account_ipv6_and_no_namespace(void **state)
{
    const struct temp *t = *state;
    put(t, "ca.crt", "CA");
    setenv("KUBERNETES_SERVICE_HOST", "fd00:10:96::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_from_account(t->dir, &c));
    assert_string_equal(c.server, "https://[fd00:10:96::1]:6443");
    assert_string_equal(c.namespace, "default");
}

static void test_not_in_a_pod(void **state)
{
    const struct temp *t = *state;
    struct kube_config c = {0};
    expect_error(kube_config_from_account(t->dir, &c), ERR_NOT_FOUND, "ca.crt");
    put_account(t);
    unsetenv("KUBERNETES_SERVICE_PORT");
    expect_error(kube_config_from_account(t->dir, &c), ERR_NOT_FOUND, "--kubeconfig");
    setenv("KUBERNETES_SERVICE_HOST", "", 1);
    expect_error(kube_config_in_cluster(&c), ERR_NOT_FOUND, "--kubeconfig");
    assert_null(c.server);
}

/* ---- kubeconfig ---- */

#define CLUSTERS                                                                                   \
    "clusters:\n"                                                                                  \
    "- name: c1\n"                                                                                 \
    "  cluster: {server: 'https://one:6443/', certificate-authority-data: Q0E=}\n"                 \
    "- name: c2\n"                                                                                 \
    "  cluster: {server: 'https://two/k8s/x', insecure-skip-tls-verify: true}\n"
#define CONTEXTS                                                                                   \
    "contexts:\n"                                                                                  \
    "- name: k1\n"                                                                                 \
    "  context: {cluster: c1, user: u1, namespace: shop}\n"                                        \
    "- name: k2\n"                                                                                 \
    "  context: {cluster: c2, user: u2}\n"                                                         \
    "- name: lost\n"                                                                               \
    "  context: {cluster: nowhere, user: u1}\n"                                                    \
    "- name: nobody\n"                                                                             \
    "  context: {cluster: c1, user: nobody}\n"                                                     \
    "- name: empty\n"
#define USERS                                                                                      \
    "users:\n"                                                                                     \
    "- name: u1\n"                                                                                 \
    "  user: {client-certificate-data: Q1JU, client-key-data: S0VZ}\n"                             \
    "- name: u2\n"                                                                                 \
    "  user: {token: secret}\n"
#define GOOD "apiVersion: v1\nkind: Config\ncurrent-context: k1\n" CLUSTERS CONTEXTS USERS

static void test_inline_data(void **state)
{
    auto_free char *path = temp_puts(*state, "config", GOOD);
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_load(path, NULL, &c));
    assert_string_equal(c.server, "https://one:6443");
    assert_string_equal(c.ca_pem, "CA");
    assert_null(c.ca_file);
    assert_string_equal(c.cert_pem, "CRT");
    assert_string_equal(c.key_pem.data, "KEY");
    assert_string_equal(c.namespace, "shop");
    assert_null(c.token.data);
    assert_false(c.insecure);
}

static void test_context_by_name(void **state)
{
    auto_free char *path = temp_puts(*state, "config", GOOD);
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_load(path, "k2", &c));
    assert_string_equal(c.server, "https://two/k8s/x");
    assert_true(c.insecure);
    assert_null(c.ca_pem);
    assert_null(c.cert_pem);
    assert_string_equal(c.token.data, "secret");
    assert_string_equal(c.namespace, "default");
}

static void test_windows_line_ends(void **state)
{
    const char *good = GOOD;
    struct buf text = BUF_INIT(8192);
    for (const char *p = good; *p != '\0'; p++) {
        if (*p == '\n')
            buf_puts(&text, "\r");
        buf_putf(&text, "%c", *p);
    }
    auto_free char *path = temp_puts(*state, "config", buf_str(&text));
    buf_release(&text);
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_load(path, "k2", &c));
    assert_string_equal(c.server, "https://two/k8s/x");
    assert_string_equal(c.token.data, "secret");
}

/* The kubeconfig of one cluster and one user, whose members are the parameters. */
static char *small(const struct temp *t, const char *cluster, const char *user)
{
    auto_free char *text = x_printf("current-context: k\n"
                                    "contexts: [{name: k, context: {cluster: c, user: u}}]\n"
                                    "clusters: [{name: c, cluster: {%s}}]\n"
                                    "users: [{name: u, user: {%s}}]\n",
                                    cluster, user);
    return temp_puts(t, "config", text);
}

#define SERVER "server: 'https://x'"

static void test_files_beside_it(void **state)
{
    const struct temp *t = *state;
    put(t, "ca.pem", "CA");
    put(t, "crt.pem", "CRT");
    put(t, "key.pem", "KEY");
    auto_free char *ca = temp_path(t, "ca.pem");
    auto_free char *cluster = x_printf(SERVER ", certificate-authority: '%s'", ca);
    auto_free char *path = small(t, cluster,
                                 "client-certificate: crt.pem, client-key: ./key.pem, "
                                 "tokenFile: sub/token");
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_load(path, NULL, &c));
    assert_string_equal(c.ca_pem, "CA");
    assert_string_equal(c.cert_pem, "CRT");
    assert_string_equal(c.key_pem.data, "KEY");
    auto_free char *token = temp_path(t, "sub/token");
    assert_string_equal(c.token_file, token);
    assert_null(c.token.data);
}

static void test_data_wins_over_files(void **state)
{
    auto_free char *path =
        small(*state, SERVER ", certificate-authority: gone, certificate-authority-data: Q0E=", "");
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_load(path, NULL, &c));
    assert_string_equal(c.ca_pem, "CA");
}

static void test_refused(void **state)
{
    static const struct {
        const char *cluster, *user, *words;
        enum err_kind kind;
    } rows[] = {
        {SERVER, "exec: {command: aws}", "exec is not supported", ERR_INVALID},
        {SERVER, "auth-provider: {name: gcp}", "auth-provider is not", ERR_INVALID},
        {SERVER, "username: admin, password: x", "username is not", ERR_INVALID},
        {SERVER, "token: t, as: system:admin", "as is not supported", ERR_INVALID},
        {SERVER ", proxy-url: 'http://p'", "", "proxy-url is not", ERR_INVALID},
        {SERVER ", tls-server-name: y", "", "tls-server-name is not", ERR_INVALID},
        {"server: 'http://x'", "", "https://", ERR_INVALID},
        {"", "", "https://", ERR_INVALID},
        {"server: 7", "", "https://", ERR_INVALID},
        {SERVER ", certificate-authority-data: '!!'", "", "certificate-authority-data",
         ERR_INVALID},
        {SERVER ", certificate-authority: gone.pem", "", "gone.pem", ERR_NOT_FOUND},
        {SERVER, "client-certificate-data: Q1JU", "go together", ERR_INVALID},
        {SERVER, "client-key-data: S0VZ", "go together", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *path = small(*state, rows[i].cluster, rows[i].user);
        struct kube_config c = {0};
        expect_error(kube_config_load(path, NULL, &c), rows[i].kind, rows[i].words);
        assert_null(c.server);
    }
}

static void test_missing_entries(void **state)
{
    auto_free char *path = temp_puts(*state, "config", GOOD);
    struct kube_config c = {0};
    expect_error(kube_config_load(path, "none", &c), ERR_INVALID, "no entry \"none\" in contexts");
    expect_error(kube_config_load(path, "lost", &c), ERR_INVALID, "no entry \"nowhere\" in cluste");
    expect_error(kube_config_load(path, "nobody", &c), ERR_INVALID, "no entry \"nobody\" in users");
    expect_error(kube_config_load(path, "empty", &c), ERR_INVALID, "no cluster is named");
    put(*state, "config", CLUSTERS CONTEXTS USERS "- user: {token: x}\n");
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "current-context");
    put(*state, "config", "");
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "config");
    put(*state, "config", "[1, 2]");
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "current-context");
    put(*state, "config", "current-context: a\ncontexts: text\n");
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "no entry \"a\" in contexts");
}

static void test_bad_yaml(void **state)
{
    auto_free char *path = temp_puts(*state, "config", "users: [\n- x: {");
    struct kube_config c = {0};
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "config");
    free(temp_write(*state, "config", "a\0b", 3));
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "NUL");
    auto_free char *big = x_alloc((1 << 20) + 2);
    memset(big, '#', (1 << 20) + 1);
    big[(1 << 20) + 1] = '\0';
    put(*state, "config", big);
    expect_error(kube_config_load(path, NULL, &c), ERR_INVALID, "over");
}

/* ---- where it is ---- */

static void test_kubeconfig_list(void **state)
{
    const struct temp *t = *state;
    auto_free char *gone = temp_path(t, "gone"), *also_gone = temp_path(t, "also-gone");
    auto_free char *good = temp_puts(t, "config", GOOD);
    auto_free char *second = temp_puts(t, "second", "not: used");
    auto_free char *list = x_printf(":%s::%s:%s", gone, good, second);
    setenv("KUBECONFIG", list, 1);
    AUTO(kube_config_release) struct kube_config c = {0};
    assert_null(kube_config_load(NULL, NULL, &c));
    assert_string_equal(c.server, "https://one:6443");

    /* Named, but not there: never another one instead. */
    auto_free char *none = x_printf("%s:%s", gone, also_gone);
    setenv("KUBECONFIG", none, 1);
    struct kube_config unset = {0};
    expect_error(kube_config_load(NULL, NULL, &unset), ERR_NOT_FOUND, "also-gone");
}

static void test_home(void **state)
{
    struct kube_config c = {0};
    auto_free char *path = temp_path(*state, ".kube/config");
    expect_error(kube_config_load(NULL, NULL, &c), ERR_NOT_FOUND, path);
    unsetenv("HOME");
    expect_error(kube_config_load(NULL, NULL, &c), ERR_NOT_FOUND, "/.kube/config");
}

/* ---- the server's addresses ---- */

static void expect_address(const char *server, const char *address)
{
    struct kube_config c = {.server = x_strdup(server)};
    AUTO(strlist_release) struct strlist l = {0};
    assert_null(kube_config_addresses(&c, &l));
    if (!strlist_has(&l, address))
        fail_msg("%s is not at %s", server, address);
    kube_config_release(&c);
}

static void test_addresses(void **state)
{
    (void)state;
    expect_address("https://10.96.0.1:443", "10.96.0.1");
    expect_address("https://10.96.0.1", "10.96.0.1");
    expect_address("https://[fd00:10:96::1]:6443/prefix", "fd00:10:96::1");
    unsetenv("KUBERNETES_SERVICE_HOST");
    expect_address("https://localhost:6443", "127.0.0.1");
    struct kube_config c = {.server = x_strdup("https://no..name:443")};
    struct strlist untouched = {0};
    expect_error(kube_config_addresses(&c, &untouched), ERR_TRANSIENT, "API server no..name: ");
    assert_int_equal(untouched.len, 0);
    kube_config_release(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        TEST(test_account),
        TEST(test_account_ipv6_and_no_namespace),
        TEST(test_not_in_a_pod),
        TEST(test_inline_data),
        TEST(test_context_by_name),
        TEST(test_windows_line_ends),
        TEST(test_files_beside_it),
        TEST(test_data_wins_over_files),
        TEST(test_refused),
        TEST(test_missing_entries),
        TEST(test_bad_yaml),
        TEST(test_kubeconfig_list),
        TEST(test_home),
        TEST(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
