/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/flags.h"
#include "cli/verb.h"
#include "kube/config.h"
#include "net/http_client.h"

#define EXIT_USAGE 2
#define CLI_FLAGS 13
#define TRY_MAX (1 * NS_PER_HOUR)
#define COMPLAINTS_MAX (16 * 1024 * 1024)
#define USER_AGENT "kubectl-certroll/" CERTROLL_VERSION

static const struct verb *const verbs[] = {&verb_status, &verb_renew,     &verb_revoke,
                                           &verb_why,    &verb_preflight, &verb_http01};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eq(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}

bool cli_has_verb(const char *name)
{
    return find_verb(name) != NULL;
}

void cli_list_verbs(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        fprintf(out, "  %-12s %s\n", verbs[i]->name, verbs[i]->help);
}

/* ---- flags ---- */

static size_t flag_table(const struct verb *v, struct cli_flags *f, struct flag out[CLI_FLAGS])
{
    size_t n = 0;
    out[n++] = FLAG(STRING, &f->namespace, "namespace", NULL,
                    "where to look: the kubeconfig's namespace unless set", .letter = 'n');
    if (v->flags & VERB_SELECTS) {
        out[n++] = FLAG(BOOL, &f->all_namespaces, "all-namespaces", "false", "look everywhere",
                        .letter = 'A');
        out[n++] = FLAG(STRING, &f->selector, "selector", NULL,
                        "only Certificates with these labels: a=b,c!=d", .letter = 'l');
    }
    if (v->flags & VERB_ALL)
        out[n++] = FLAG(BOOL, &f->all, "all", "false", "all Certificates of the namespace");
    if (v->flags & VERB_REVOKES) {
        out[n++] = FLAG(STRING, &f->reason, "reason", "unspecified",
                        "why: keyCompromise, superseded, cessationOfOperation, ...");
        out[n++] = FLAG(STRING, &f->serial, "serial", NULL,
                        "serial number in hex: an earlier certificate, not the Secret's");
    }
    if (v->flags & VERB_OUTPUT)
        out[n++] = FLAG(STRING, &f->output, "output", "text", "text or json", .letter = 'o');
    if (v->flags & VERB_DRY_RUN)
        out[n++] = FLAG(BOOL, &f->dry_run, "dry-run", "false", "do as preflight does");
    if (v->flags & VERB_TRIES) {
        out[n++] = FLAG(STRING, &f->issuer, "issuer", NULL,
                        "[KIND/]NAME of who issues: spec.preflight.issuerRef unless set");
        out[n++] = FLAG(DURATION, &f->timeout, "timeout", "5m", "how long one may take",
                        .min = NS_PER_SEC, .max = TRY_MAX);
    }
    out[n++] =
        FLAG(STRING, &f->api_group, "api-group", API_DEFAULT_GROUP, "API group of our kinds");
    out[n++] = FLAG(STRING, &f->kubeconfig, "kubeconfig", NULL, "this file, not KUBECONFIG's");
    out[n++] = FLAG(STRING, &f->context, "context", NULL, "context of the kubeconfig");
    out[n++] = FLAG(BOOL, &f->help, "help", "false", "this text", .letter = 'h');
    return n;
}

static struct err *check_flags(const struct cli_flags *f)
{
    if (f->output != NULL && !str_eq(f->output, "text") && !str_eq(f->output, "json"))
        return err_new(ERR_INVALID, "InvalidFlag", "--output: \"%s\": write text or json",
                       f->output);
    if (f->namespace != NULL && f->all_namespaces)
        return err_new(ERR_INVALID, "InvalidFlag", "write --namespace or --all-namespaces");
    return api_init(f->api_group);
}

struct err *cli_one_namespace(const struct cli *cli)
{
    if (cli->flags.all_namespaces || cli->flags.selector != NULL)
        return err_new(ERR_INVALID, "InvalidFlag",
                       "--all-namespaces and --selector do not go with a name");
    return NULL;
}

/* ---- the client ---- */

/* As kubectl does: what the user names, then a kubeconfig, then the pod we run in. */
static struct err *load_config(const struct cli_flags *f, struct kube_config *ret_config)
{
    bool named = f->kubeconfig != NULL || f->context != NULL || !str_empty(getenv("KUBECONFIG"));
    if (!named && getenv("KUBERNETES_SERVICE_HOST") != NULL)
        return kube_config_in_cluster(ret_config);
    return kube_config_load(f->kubeconfig, f->context, ret_config);
}

static struct err *run_connected(struct cli *cli, const struct verb *v, const char *const *args)
{
    AUTO(kube_config_release) struct kube_config config = {0};
    TRY(load_config(&cli->flags, &config));
    const char *ns = str_or(cli->flags.namespace, config.namespace);
    cli->ns = cli->flags.all_namespaces ? NULL : ns;
    struct http_plain *http =
        http_plain_new(&(struct http_client_options){.user_agent = USER_AGENT,
                                                     .ca_file = getenv("SSL_CERT_FILE"),
                                                     .ca_folders = getenv("SSL_CERT_DIR")});
    struct err *e =
        kube_client_new(&config, http_plain_transport(http), cli->clock, NULL, &cli->kube);
    if (e == NULL)
        e = v->run(cli, args);
    kube_client_free(cli->kube);
    http_plain_free(http);
    return e;
}

/* ---- one verb ---- */

void cli_complain(struct cli *cli, struct err *e)
{
    if (e == NULL)
        return;
    cli->code = EXIT_FAILURE;
    err_drop(buf_addf(&cli->complaints, "%s: %s\n", cli->name,
                      e->message)); /* thousands of errors say no more */
    err_free(e);
}

static int fail(const char *name, struct err *e, int code)
{
    fprintf(stderr, "%s: %s\n", name, e->message);
    err_free(e);
    return code;
}

static void put_out(struct cli *cli)
{
    fputs(buf_str(&cli->complaints), stderr);
    fwrite(buf_str(&cli->out), 1, cli->out.len, stdout);
    buf_clear(&cli->complaints);
    buf_clear(&cli->out);
}

void cli_show(struct cli *cli)
{
    if (!cli->live)
        return;
    put_out(cli);
    fflush(stdout); /* what fails is seen at the end */
}

/* Signals that end the process are held back and taken here; a call that is under way ends first. */
static struct err *pause_for_signal(struct cli *cli, int64_t ns)
{
    (void)cli;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    const struct timespec time = {.tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC};
    int signal = sigtimedwait(&ends, NULL, &time);
    return signal > 0 ? err_new(ERR_CANCELLED, "Interrupted", "%s", strsignal(signal)) : NULL;
}

static int flush(struct cli *cli)
{
    put_out(cli);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return cli->code;
    fprintf(stderr, "%s: the output could not be written\n", cli->name);
    return EXIT_FAILURE;
}

static void help(const char *name, const struct verb *v, const struct flag *table, size_t n)
{
    printf("usage: %s %s %s\n\n%s\n\n", name, v->name, v->arguments, v->help);
    flags_help(table, n, stdout);
}

static int run_verb(struct cli *cli, const struct verb *v, const char **args)
{
    struct err *e = check_flags(&cli->flags);
    if (e == NULL)
        e = v->check(cli, args);
    if (e != NULL)
        return fail(cli->name, e, EXIT_USAGE);
    e = run_connected(cli, v, args);
    int code = flush(cli);
    return e != NULL ? fail(cli->name, e, EXIT_FAILURE) : code;
}

static size_t count(char *const *argv)
{
    size_t n = 0;
    while (argv[n] != NULL)
        n++;
    return n;
}

static int parse_and_run(const char *name, const struct verb *v, char *const *argv)
{
    struct cli cli = {
        .name = name,
        .clock = clock_system(),
        .out = BUF_INIT(CLI_OUTPUT_MAX),
        .complaints = BUF_INIT(COMPLAINTS_MAX),
        .live = true,
        .pause = pause_for_signal,
    };
    struct flag table[CLI_FLAGS];
    size_t n = flag_table(v, &cli.flags, table);
    auto_free const char **args = x_calloc(count(argv) + 1, sizeof(*args));
    flags_init(table, n);
    struct err *e = flags_parse(table, n, argv, args);
    int code = EXIT_SUCCESS;
    if (e != NULL)
        code = fail(name, e, EXIT_USAGE);
    else if (cli.flags.help)
        help(name, v, table, n);
    else
        code = run_verb(&cli, v, args);
    flags_release(table, n);
    buf_release(&cli.out);
    buf_release(&cli.complaints);
    return code;
}

static int usage(const char *name, FILE *out)
{
    fprintf(out, "usage: %s COMMAND [flags]\n\n", name);
    cli_list_verbs(out);
    fprintf(out, "\n%s COMMAND --help lists the flags.\n", name);
    return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

int cli_main(const char *name, char *const *argv)
{
    const char *word = argv[0];
    if (word == NULL)
        return usage(name, stderr);
    if (str_eq(word, "help") || str_eq(word, "--help") || str_eq(word, "-h"))
        return usage(name, stdout);
    const struct verb *v = find_verb(word);
    if (v == NULL)
        return fail(name,
                    err_new(ERR_INVALID, "InvalidUsage", "unknown command \"%s\": see %s --help",
                            word, name),
                    EXIT_USAGE);
    /* A reader that went away is seen when the output is flushed. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    return parse_and_run(name, v, argv + 1);
}
