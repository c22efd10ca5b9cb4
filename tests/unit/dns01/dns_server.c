/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_ask.h"
#include "net/dns_client.h"
#include "support/temp.h"
#include "support/tls_identity.h"

#define CONFIG_MAX 16384
#define START_TIMEOUT (20 * NS_PER_SEC)
#define ATTEMPTS 5 /* somebody else may take the port first */

const char *const dns_server_algorithms[DNS_SERVER_ALGORITHMS] = {
    "hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"};

struct dns_server {
    struct temp temp;
    pid_t pid;
    int port, https_port;
    char address[32];
    char url[64];
    struct tls_identity ca;
};

/* ---- configurations ---- */

static void add_zone(const struct temp *t, const char *zone, const char *records)
{
    auto_free char *file = x_printf("%s.zone", zone);
    auto_free char *text = x_printf("$TTL 60\n"
                                    "@ SOA ns hostmaster 1 3600 600 86400 5\n"
                                    "@ NS ns\n"
                                    "ns A 127.0.0.1\n"
                                    "%s",
                                    records);
    auto_free char *path = temp_puts(t, file, text);
}

/* Delegations, aliases, and an answer that no datagram of ours holds. */
static char *static_records(void)
{
    AUTO(buf_release) struct buf b = BUF_INIT(CONFIG_MAX);
    buf_puts(&b, "sub NS ns1.sub\nsub NS ns2.example.\nns1.sub A 192.0.2.1\n"
                 "here DNAME there\nx.there TXT \"one \" \"text\"\n"
                 "away DNAME elsewhere.example.\n"
                 "below CNAME x.sub\n"
                 "other CNAME x.dyn.test.\n");
    for (unsigned i = 0; i < DNS_SERVER_MANY; i++)
        buf_putf(&b, "many TXT \"a text of some length, which is number %u\"\n", i);
    return buf_take(&b);
}

static void add_identity(struct dns_server *s)
{
    s->ca = tls_identity_new(NULL, "the test's CA", NULL);
    struct tls_identity own = tls_identity_new(&s->ca, "BIND", "IP:127.0.0.1");
    auto_free char *cert = temp_puts(&s->temp, "cert.pem", own.cert_pem);
    auto_free char *key = temp_puts(&s->temp, "key.pem", own.key_pem);
    tls_identity_release(&own);
}

static pid_t run(const char *log, const char *const *command)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execv(command[0], (char *const *)(uintptr_t)command);
    _exit(127);
}

/* Two servers of BIND 9.18 may not run beside each other while they have a lock file; 9.20 has none, and no option for it. */
static const char *lock_option(const struct temp *temp)
{
    auto_free char *path = temp_path(temp, "version");
    auto_free char *text = NULL;
    const char *const command[] = {"/usr/sbin/named", "-v", NULL};
    waitpid(run(path, command), NULL, 0);
    AUTO_ERR e = file_read(path, 4096, &text);
    return e == NULL && str_starts(text, "BIND 9.18") ? "lock-file none;" : "";
}

static char *bind_config(const struct dns_server *s)
{
    AUTO(buf_release) struct buf b = BUF_INIT(CONFIG_MAX);
    buf_putf(&b,
             "options {\n"
             "  directory \"%s\"; pid-file none; %s session-keyfile none;\n"
             "  listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };\n"
             "  listen-on port %d tls of-the-test http default { 127.0.0.1; };\n"
             "  recursion no; notify no; dnssec-validation no; empty-zones-enable no;\n"
             "};\n"
             "controls { };\n"
             "tls of-the-test { cert-file \"cert.pem\"; key-file \"key.pem\"; };\n"
             "key \"" DNS_SERVER_GUEST "\" { algorithm hmac-sha256; secret \"" DNS_SERVER_SECRET
             "\"; };\n",
             s->temp.dir, lock_option(&s->temp), s->port, s->https_port);
    for (size_t i = 0; i < DNS_SERVER_ALGORITHMS; i++)
        buf_putf(&b, "key \"%s.key\" { algorithm %s; secret \"" DNS_SERVER_SECRET "\"; };\n",
                 dns_server_algorithms[i], dns_server_algorithms[i]);
    buf_puts(&b, "zone \"" DNS_SERVER_STATIC_ZONE
                 "\" { type primary; file \"" DNS_SERVER_STATIC_ZONE ".zone\"; };\n"
                 "zone \"" DNS_SERVER_ZONE "\" { type primary; file \"" DNS_SERVER_ZONE
                 ".zone\"; update-policy {");
    for (size_t i = 0; i < DNS_SERVER_ALGORITHMS; i++)
        buf_putf(&b, "  grant %s.key name _acme-challenge." DNS_SERVER_ZONE " TXT;\n",
                 dns_server_algorithms[i]);
    buf_puts(&b, "}; };\n");
    return buf_take(&b);
}

static char *knot_config(const struct dns_server *s)
{
    AUTO(buf_release) struct buf b = BUF_INIT(CONFIG_MAX);
    buf_putf(&b,
             "server:\n  rundir: %s\n  listen: 127.0.0.1@%d\n"
             "log:\n  - target: stderr\n    any: info\n"
             "database:\n  storage: %s\n"
             "key:\n  - id: " DNS_SERVER_GUEST
             "\n    algorithm: hmac-sha256\n    secret: " DNS_SERVER_SECRET "\n",
             s->temp.dir, s->port, s->temp.dir);
    for (size_t i = 0; i < DNS_SERVER_ALGORITHMS; i++)
        buf_putf(&b, "  - id: %s.key\n    algorithm: %s\n    secret: " DNS_SERVER_SECRET "\n",
                 dns_server_algorithms[i], dns_server_algorithms[i]);
    buf_puts(&b, "acl:\n  - id: update\n    action: update\n    key: [");
    for (size_t i = 0; i < DNS_SERVER_ALGORITHMS; i++)
        buf_putf(&b, "%s %s.key", i == 0 ? "" : ",", dns_server_algorithms[i]);
    buf_putf(&b,
             " ]\n"
             "    update-type: [TXT]\n"
             "    update-owner: name\n"
             "    update-owner-match: equal\n"
             "    update-owner-name: [_acme-challenge]\n"
             "template:\n  - id: default\n    storage: %s\n    file: \"%%s.zone\"\n"
             "zone:\n"
             "  - domain: " DNS_SERVER_STATIC_ZONE "\n"
             "  - domain: " DNS_SERVER_ZONE "\n    acl: update\n",
             s->temp.dir);
    return buf_take(&b);
}

/* ---- the process ---- */

/* A port of 127.0.0.1 that is free for both. */
static int free_port(void)
{
    for (;;) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool both = bind(udp, (struct sockaddr *)&a, len) == 0 &&
                    getsockname(udp, (struct sockaddr *)&a, &len) == 0 &&
                    bind(tcp, (struct sockaddr *)&a, len) == 0;
        close(udp);
        close(tcp);
        if (both)
            return ntohs(a.sin_port);
    }
}

static void spawn(struct dns_server *s, enum dns_server_kind kind)
{
    bool is_bind = kind == DNS_SERVER_BIND;
    auto_free char *text = is_bind ? bind_config(s) : knot_config(s);
    auto_free char *config = temp_puts(&s->temp, "server.conf", text);
    auto_free char *log = temp_path(&s->temp, "server.log");
    const char *const bind[] = {"/usr/sbin/named", "-g", "-4", "-n", "1", "-c", config, NULL};
    const char *const knot[] = {"/usr/sbin/knotd", "-c", config, NULL};
    s->pid = run(log, is_bind ? bind : knot);
}

static bool has_ended(struct dns_server *s)
{
    if (waitpid(s->pid, NULL, WNOHANG) != s->pid)
        return false;
    s->pid = 0;
    return true;
}

/* It is authoritative for the zone: false when its process has ended before. */
static bool wait_until_ready(struct dns_server *s)
{
    struct dns_client *c = NULL;
    err_drop(
        dns_client_new(/* no address can be wrong */
                       &(struct dns_client_options){.rng = rng_system(), .allow_private = true},
                       &c));
    const char *const servers[] = {s->address};
    const struct dns_ask ask = {.name = DNS_SERVER_ZONE,
                                .type = DNS_SOA,
                                .servers = servers,
                                .server_count = 1,
                                .timeout = NS_PER_SEC};
    int64_t deadline = clock_mono(clock_system()) + START_TIMEOUT;
    bool ready = false;
    while (!ready && !has_ended(s) && clock_mono(clock_system()) < deadline) {
        struct dns_said said = {0};
        AUTO_ERR e = dns_ask(dns_client_transport(c), &ask, NULL, &said);
        ready = e == NULL && said.failed == NULL && said.authoritative && said.answer.count == 1;
        dns_said_release(&said);
        if (!ready)
            poll(NULL, 0, 20); /* until the next look */
    }
    dns_client_free(c);
    return ready;
}

static void print_log(const struct dns_server *s)
{
    auto_free char *path = temp_path(&s->temp, "server.log");
    auto_free char *text = NULL;
    AUTO_ERR e = file_read(path, 1 << 20, &text);
    fprintf(stderr, "%s\n", e == NULL ? text : e->message);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    remove(path);
    return 0;
}

void dns_server_stop(struct dns_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    nftw(s->temp.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    tls_identity_release(&s->ca);
    free(s);
}

struct dns_server *dns_server_start(enum dns_server_kind kind)
{
    for (unsigned i = 0;; i++) {
        struct dns_server *s = x_calloc(1, sizeof(*s));
        temp_init(&s->temp);
        auto_free char *records = static_records();
        add_zone(&s->temp, DNS_SERVER_ZONE, "");
        add_zone(&s->temp, DNS_SERVER_STATIC_ZONE, records);
        add_identity(s);
        s->port = free_port();
        s->https_port = free_port();
        snprintf(s->address, sizeof(s->address), "127.0.0.1:%d", s->port);
        snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%d/dns-query", s->https_port);
        spawn(s, kind);
        if (wait_until_ready(s))
            return s;
        print_log(s);
        dns_server_stop(s);
        if (i == ATTEMPTS)
            x_abort("the name server does not start");
    }
}

const char *dns_server_address(const struct dns_server *s)
{
    return s->address;
}

const char *dns_server_url(const struct dns_server *s, const char **ret_ca_pem)
{
    *ret_ca_pem = s->ca.cert_pem;
    return s->url;
}
