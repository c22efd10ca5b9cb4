/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/flags.h"
#include "http01/responder.h"

/* ---- certroll controller ---- */

#define CONTROLLER_FLAGS 28

static size_t controller_table(struct controller_flags *f, struct flag out[CONTROLLER_FLAGS])
{
    size_t n = 0;
    out[n++] = FLAG(STRING, &f->api_group, "api-group", "certroll.dev", "API group of our kinds");
    out[n++] = FLAG(STRING, &f->cluster_resource_namespace, "cluster-resource-namespace", NULL,
                    "where a ClusterIssuer's Secrets are: its own namespace unless set");
    out[n++] = FLAG(STRING, &f->config, "config", NULL, "YAML file with these settings");
    out[n++] = FLAG(STRING, &f->kubeconfig, "kubeconfig", NULL, "run outside a cluster");
    out[n++] = FLAG(STRING, &f->context, "context", NULL, "context of the kubeconfig");
    out[n++] = FLAG(STRING, &f->feature_gates, "feature-gates", NULL,
                    "what is not settled yet, as DNSAccount01=true,...");
    out[n++] = FLAG(STRING, &f->namespace, "namespace", NULL, "watch one namespace only");
    out[n++] = FLAG(STRING, &f->nameservers, "nameservers", NULL,
                    "DNS servers to ask, as ADDRESS[:PORT],...: the system's unless set");
    out[n++] = FLAG(BOOL, &f->leader_elect, "leader-elect", "true",
                    "act only while holding its lease; off: for one process only");
    out[n++] = FLAG(STRING, &f->leader_election_namespace, "leader-election-namespace", NULL,
                    "where the lease is: its own namespace unless set");
    out[n++] = FLAG(INT, &f->http01_port, "http01-port", "0",
                    "port of the answers of http01.shared; 0 = none", .min = 0, .max = 65535);
    out[n++] = FLAG(STRING, &f->http01_service, "http01-service", NULL,
                    "Service in its own namespace that leads to that port of all replicas");
    out[n++] = FLAG(STRING, &f->listen, "listen", ":9402", "/metrics, /livez and /readyz");
    out[n++] = FLAG(STRING, &f->log_format, "log-format", "logfmt", "logfmt or json");
    out[n++] = FLAG(STRING, &f->log_level, "log-level", "info", "debug, info, warn or error");
    out[n++] = FLAG(STRING, &f->prepare_namespaces, "prepare-namespaces", NULL,
                    "namespaces, a,b, in which Issuers may run prepare hooks");
    out[n++] = FLAG(STRING, &f->solver_image, "solver-image", "certroll:dev",
                    "image of HTTP-01 solver pods: our own");
    out[n++] =
        FLAG(DURATION, &f->solver_linger, "solver-linger", "2m",
             "how long solver pods and ReferenceGrants outlast challenges", .min = 20 * NS_PER_SEC);
    out[n++] = FLAG(DURATION, &f->failure_backoff_min, "failure-backoff-min", "1h",
                    "wait after the first failed issuance; doubles", .min = NS_PER_SEC);
    out[n++] = FLAG(DURATION, &f->failure_backoff_max, "failure-backoff-max", "32h",
                    "longest wait after failed issuances", .min = NS_PER_SEC);
    out[n++] = FLAG(DURATION, &f->renewal_jitter, "renewal-jitter", "12h",
                    "renewals come up to this or life/60 earlier, each its own");
    out[n++] =
        FLAG(INT, &f->workers, "workers", "8", "threads for Kubernetes work", .min = 1, .max = 256);
    out[n++] = FLAG(INT, &f->external_workers, "external-workers", "12", "threads for calls to CAs",
                    .min = 1, .max = 256);
    out[n++] = FLAG(BOOL, &f->allow_private_urls, "allow-private-urls", "false",
                    "let Issuers name loopback and link-local addresses");
    out[n++] = FLAG(BOOL, &f->cluster_issuer_ambient, "cluster-issuer-ambient-credentials", "true",
                    "dns01 of ClusterIssuers may use certroll's own credentials");
    out[n++] = FLAG(BOOL, &f->issuer_ambient, "issuer-ambient-credentials", "false",
                    "dns01 of Issuers may, too");
    out[n++] = FLAG(BOOL, &f->trust_requesters, "trust-requesters", "false",
                    "an admission policy checks who requests say they are from");
    out[n++] = FLAG(BOOL, &f->help, "help", "false", "this text");
    return n;
}

static struct err *check_controller(struct controller_flags *f)
{
    TRY(features_parse(f->feature_gates, &f->features), "--feature-gates");
    if (f->failure_backoff_max < f->failure_backoff_min)
        return err_new(ERR_INVALID, "InvalidFlag",
                       "--failure-backoff-max: write at least --failure-backoff-min");
    return NULL;
}

static struct err *parse_controller(const struct flag *table, size_t n, char *const *argv,
                                    struct controller_flags *f)
{
    TRY(flags_parse(table, n, argv, NULL));
    if (f->config != NULL && !f->help) {
        auto_free char *path = x_strdup(f->config);
        TRY(flags_load(table, n, path));
        TRY(flags_parse(table, n, argv, NULL)); /* the command line wins */
    }
    return check_controller(f);
}

struct err *controller_flags_parse(char *const *argv, struct controller_flags *ret_flags)
{
    struct controller_flags f = {0};
    struct flag table[CONTROLLER_FLAGS];
    size_t n = controller_table(&f, table);
    flags_init(table, n);
    struct err *e = parse_controller(table, n, argv, &f);
    if (e != NULL) {
        flags_release(table, n);
        return e;
    }
    *ret_flags = f;
    return NULL;
}

void controller_flags_release(struct controller_flags *f)
{
    struct flag table[CONTROLLER_FLAGS];
    flags_release(table, controller_table(f, table));
}

void controller_flags_help(FILE *out)
{
    struct controller_flags f = {0};
    struct flag table[CONTROLLER_FLAGS];
    flags_help(table, controller_table(&f, table), out);
}

/* ---- certroll solver ---- */

#define SOLVER_FLAGS 4

static size_t solver_table(struct solver_flags *f, struct flag out[SOLVER_FLAGS])
{
    out[0] = FLAG(STRING, &f->listen, "listen", ":8089", "where to answer");
    out[1] = FLAG(STRING, &f->thumbprint, "thumbprint", NULL, "of the account key (RFC 7638)");
    out[2] = FLAG(STRING, &f->forward, "forward", NULL,
                  "instead: answer 301 to this URL, such as http://acme.example.com");
    out[3] = FLAG(BOOL, &f->help, "help", "false", "this text");
    return SOLVER_FLAGS;
}

static struct err *check_solver(const struct solver_flags *f)
{
    if ((f->thumbprint == NULL) == (f->forward == NULL))
        return err_new(ERR_INVALID, "InvalidFlag", "write either --thumbprint or --forward");
    if (f->forward != NULL)
        return err_wrap(http01_forward_check(f->forward), "--forward");
    if (!http01_thumbprint_is_valid(f->thumbprint))
        return err_new(ERR_INVALID, "InvalidFlag", "--thumbprint: write 43 base64url characters");
    return NULL;
}

struct err *solver_flags_parse(char *const *argv, struct solver_flags *ret_flags)
{
    struct solver_flags f = {0};
    struct flag table[SOLVER_FLAGS];
    size_t n = solver_table(&f, table);
    flags_init(table, n);
    struct err *e = flags_parse(table, n, argv, NULL);
    if (e == NULL && !f.help)
        e = check_solver(&f);
    if (e != NULL) {
        flags_release(table, n);
        return e;
    }
    *ret_flags = f;
    return NULL;
}

void solver_flags_release(struct solver_flags *f)
{
    struct flag table[SOLVER_FLAGS];
    flags_release(table, solver_table(f, table));
}

void solver_flags_help(FILE *out)
{
    struct solver_flags f = {0};
    struct flag table[SOLVER_FLAGS];
    flags_help(table, solver_table(&f, table), out);
}
