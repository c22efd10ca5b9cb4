/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The composition root: flags -> objects -> run. The only file that knows everyone.
 *
 * Exit codes: 0 stopped on request; 1 could not start or run; 2 wrong usage; 3 the lease was lost.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "api/group.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/options.h"
#include "cli/plugin.h"
#include "http01/responder.h"
#include "kube/informer.h"
#include "kube/lease.h"
#include "metrics/metrics.h"
#include "net/dns_client.h"
#include "net/http_client.h"
#include "net/httpd.h"
#include "reconcilers/http01_answer.h"
#include "reconcilers/setup.h"
#include "reconcilers/telemetry.h"

#define EXIT_USAGE 2
#define EXIT_LEASE_LOST 3

#define LEASE_NAME "certroll-controller"
#define USER_AGENT "certroll/" CERTROLL_VERSION
#define SYNC_TIMEOUT (2 * NS_PER_MIN)
#define DRAIN_SOFT 7 /* seconds until calls in flight are cut off */
#define DRAIN_HARD 9 /* seconds until the process ends anyway */

struct app {
    struct controller_flags flags;
    struct kube_config config;
    char *own_namespace;
    struct strlist forbidden; /* the API server's addresses, for the guard; ended by NULL */
    struct stop *stop;
    struct stop *lease_stop; /* outlives stop: the lease is released last */
    struct http_client *http;
    struct http_plain *lease_http;
    struct dns_client *dns;
    struct kube_client *kube;
    struct kube_client *lease_kube;
    struct event_recorder *events;
    struct reconcilers *reconcilers;
    struct informers *informers;
    struct lease *lease;
    struct httpd *httpd;
    struct httpd *responder; /* of HTTP-01 challenges; NULL without --http01-port */
    _Atomic bool synced;
    sigset_t signals;
};

/* ---- /metrics, /livez, /readyz ---- */

static void serve(void *arg, const struct httpd_request *req, struct httpd_reply *reply)
{
    struct app *app = arg;
    if (str_eq(req->path, "/metrics")) {
        struct err *e = metrics_write(metrics_default(), &reply->body);
        reply->status = e == NULL ? 200 : 500;
        reply->content_type = METRICS_CONTENT_TYPE;
        err_free(e);
    } else if (str_eq(req->path, "/livez")) {
        reply->status = 200;
        buf_puts(&reply->body, "ok\n");
    } else if (str_eq(req->path, "/readyz")) {
        bool ready = atomic_load(&app->synced);
        reply->status = ready ? 200 : 503;
        buf_puts(&reply->body, ready ? "ok\n" : "the caches are not synced yet\n");
    }
}

static void collect_events(void *arg, struct metrics_scrape *s)
{
    const struct app *app = arg;
    metrics_family(
        s, METRIC_COUNTER, "certroll_events_dropped_total",
        "Events that were not written: too many waited, or the API server refused them.");
    metrics_sample(s, (double)event_recorder_dropped(app->events));
}

/* ---- the lease ---- */

static struct err *gate(void *arg)
{
    const struct app *app = arg;
    return app->lease == NULL ? NULL : lease_gate(app->lease);
}

/* The main thread waits for signals: a lease that was acquired is one. */
static void on_acquired(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
}

static void on_lost(void *arg)
{
    (void)arg;
    log_error("lease lost: exiting so that no stale write can follow");
    _exit(EXIT_LEASE_LOST);
}

static void on_lease_error(void *arg, const struct err *e)
{
    (void)arg;
    log_warn("lease", L_ERR(e));
}

static char *make_identity(void)
{
    unsigned char random[8];
    rng_system()->fill(rng_system()->ctx, random, sizeof(random));
    auto_free char *hex = hex_encode(random, sizeof(random));
    char host[256] = "certroll";
    gethostname(host, sizeof(host) - 1);
    return x_printf("%s_%s", str_or(getenv("POD_NAME"), host), hex);
}

static struct err *start_lease(struct app *app)
{
    auto_free char *identity = make_identity();
    const struct lease_options o = {
        .client = app->lease_kube,
        .ns = str_or(app->flags.leader_election_namespace, app->own_namespace),
        .name = LEASE_NAME,
        .identity = identity,
        .clock = clock_system(),
        .rng = rng_system(),
        .on_acquired = on_acquired,
        .on_lost = on_lost,
        .on_error = on_lease_error,
        .arg = app,
    };
    return lease_start(&o, &app->lease);
}

/* ---- building ---- */

static struct err *load_config(struct app *app)
{
    const struct controller_flags *f = &app->flags;
    if (f->kubeconfig != NULL || getenv("KUBERNETES_SERVICE_HOST") == NULL)
        TRY(kube_config_load(f->kubeconfig, f->context, &app->config));
    else
        TRY(kube_config_in_cluster(&app->config));
    app->own_namespace = x_strdup(str_or(getenv("POD_NAMESPACE"), app->config.namespace));
    return NULL;
}

/* URLs of tenants must not lead to the API server. */
static struct err *forbid_server(struct app *app)
{
    TRY(kube_config_addresses(&app->config, &app->forbidden));
    strlist_add_take(&app->forbidden, NULL);
    return NULL;
}

static struct err *make_dns(struct app *app)
{
    const struct dns_client_options o = {
        .rng = rng_system(),
        .servers = app->flags.nameservers,
        .allow_private = app->flags.allow_private_urls,
        .forbidden = (const char *const *)app->forbidden.items,
    };
    return err_wrap(dns_client_new(&o, &app->dns), "--nameservers");
}

/* By its name in capitals, which most write, or the other way. */
static const char *proxy_setting(const char *name, const char *lower)
{
    const char *value = getenv(name);
    return str_empty(value) ? getenv(lower) : value;
}

static struct err *make_clients(struct app *app)
{
    TRY(forbid_server(app));
    const struct http_client_options o = {
        .user_agent = USER_AGENT,
        .gate = gate,
        .gate_arg = app,
        .allow_private = app->flags.allow_private_urls,
        .forbidden = (const char *const *)app->forbidden.items,
        .proxy = proxy_setting("HTTPS_PROXY", "https_proxy"),
        .no_proxy = proxy_setting("NO_PROXY", "no_proxy"),
        .ca_file = getenv("SSL_CERT_FILE"),
        .ca_folders = getenv("SSL_CERT_DIR"),
    };
    TRY(http_client_new(&o, &app->http));
    TRY(make_dns(app));
    const struct clock *clock = clock_system();
    TRY(kube_client_new(&app->config, http_client_transport(app->http), clock, app->stop,
                        &app->kube));
    app->lease_http = http_plain_new(&(struct http_client_options){
        .user_agent = o.user_agent, .ca_file = o.ca_file, .ca_folders = o.ca_folders});
    TRY(kube_client_new(&app->config, http_plain_transport(app->lease_http), clock, app->lease_stop,
                        &app->lease_kube));
    app->events = event_recorder_new(app->kube, clock, "certroll.dev/certroll",
                                     str_or(getenv("POD_NAME"), "certroll"));
    metrics_add_collector(metrics_default(), collect_events, app);
    return NULL;
}

static void make_reconcilers(struct app *app)
{
    const struct controller_flags *f = &app->flags;
    app->reconcilers = reconcilers_new(&(struct reconcilers_options){
        .config =
            {
                .cluster_resource_namespace =
                    str_or(f->cluster_resource_namespace, app->own_namespace),
                .namespace = f->namespace,
                .own_namespace = app->own_namespace,
                .prepare_namespaces = f->prepare_namespaces,
                .features = f->features,
                .solver_image = f->solver_image,
                .responder = {.ns = app->own_namespace, .service = f->http01_service},
                .cluster_issuer_ambient = f->cluster_issuer_ambient,
                .issuer_ambient = f->issuer_ambient,
                .trust_requesters = f->trust_requesters,
                .solver_linger = f->solver_linger,
                .failure_backoff_min = f->failure_backoff_min,
                .failure_backoff_max = f->failure_backoff_max,
                .renewal_jitter = f->renewal_jitter,
            },
        .clock = clock_system(),
        .rng = rng_system(),
        .stop = app->stop,
        .kube = app->kube,
        .outside = http_client_transport(app->http),
        .dns = dns_client_transport(app->dns),
        .events = event_recorder_sink(app->events),
        .observe = telemetry_observe,
    });
    telemetry_add(app->reconcilers);
}

static void report_stream(void *arg, const struct cache *cache, const char *event,
                          const struct err *err)
{
    (void)arg;
    const char *kind = cache_kind(cache)->res.kind;
    if (err != NULL)
        log_warn("watch", L_STR("resource", kind), L_STR("event", event), L_ERR(err));
    else
        log_info("watch", L_STR("resource", kind), L_STR("event", event));
}

static struct err *start_informers(struct app *app)
{
    app->informers = informers_new(&(struct informers_options){
        .client = app->kube,
        .http = app->http,
        .clock = clock_system(),
        .rng = rng_system(),
        .report = report_stream,
    });
    for (struct cache *const *c = reconcilers_caches(app->reconcilers); *c != NULL; c++) {
        bool scoped = cache_kind(*c)->res.namespaced;
        informers_add(app->informers, *c, scoped ? app->flags.namespace : NULL, NULL);
    }
    return informers_start(app->informers);
}

/* Nobody takes signals yet: a request to stop is looked for now and then. ERR_CANCELLED for one. */
static struct err *wait_synced(const struct app *app)
{
    static const struct timespec now_or_never = {0};
    int64_t deadline = clock_mono(clock_system()) + SYNC_TIMEOUT;
    for (;;) {
        int64_t slice = clock_mono(clock_system()) + 100 * NS_PER_MS;
        struct err *e = informers_wait(app->informers, app->stop, slice);
        if (e == NULL || slice >= deadline)
            return e;
        err_free(e);
        int signal = sigtimedwait(&app->signals, NULL, &now_or_never);
        if (signal == SIGTERM || signal == SIGINT)
            return err_new(ERR_CANCELLED, "Stopped", "stopped before the caches were synced");
    }
}

/* Every replica answers, leader or not: a Service leads to all of them. */
static struct err *start_responder(struct app *app)
{
    if (app->flags.http01_port == 0)
        return NULL;
    auto_free char *listen = x_printf(":%d", (int)app->flags.http01_port);
    void *env = (void *)(uintptr_t)reconcilers_env(app->reconcilers);
    return err_wrap(httpd_start(listen, http01_answer, env, &app->responder), "--http01-port");
}

static struct err *start(struct app *app)
{
    TRY(load_config(app));
    TRY(make_clients(app));
    make_reconcilers(app);
    TRY(httpd_start(app->flags.listen, serve, app, &app->httpd), "--listen");
    TRY(start_responder(app));
    TRY(start_informers(app));
    TRY(wait_synced(app));
    malloc_trim(0); /* the lists are in; what reading them took is not needed again */
    atomic_store(&app->synced, true);
    log_info("caches synced", L_STR("version", CERTROLL_VERSION),
             L_INT("certificates",
                   (int64_t)cache_len(reconcilers_env(app->reconcilers)->certificates.cache)));
    return NULL;
}

static void lead(struct app *app)
{
    log_info("leading");
    reconcilers_start(app->reconcilers, (unsigned)app->flags.workers,
                      (unsigned)app->flags.external_workers);
}

/* ---- stopping ---- */

static void *drain(void *arg)
{
    struct app *app = arg;
    reconcilers_stop(app->reconcilers);
    kill(getpid(), SIGUSR2);
    return NULL;
}

/* Running reconciles may finish; then calls in flight are cut; then the process ends. A second signal
 * ends it at once: nothing is lost, only the lease has to run out. */
static void stop_working(struct app *app)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, drain, app) != 0)
        _exit(EXIT_FAILURE);
    const struct timespec soft = {.tv_sec = DRAIN_SOFT};
    const struct timespec hard = {.tv_sec = DRAIN_HARD - DRAIN_SOFT};
    int got = sigtimedwait(&app->signals, NULL, &soft);
    if (got == -1) {
        stop_set(app->stop);
        got = sigtimedwait(&app->signals, NULL, &hard);
    }
    if (got != SIGUSR2) {
        log_warn("stopping at once");
        _exit(got == -1 ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    pthread_join(thread, NULL);
}

static void release(struct app *app)
{
    const int64_t soon = clock_mono(clock_system()) + NS_PER_SEC;
    if (app->events != NULL)
        event_recorder_stop(app->events, soon);
    stop_set(app->stop);
    if (app->lease != NULL)
        lease_stop(app->lease, true);
    httpd_stop(app->httpd);
    httpd_stop(app->responder);
    informers_free(app->informers);
    if (app->reconcilers != NULL)
        telemetry_remove(app->reconcilers);
    metrics_remove_collector(metrics_default(), collect_events, app);
    reconcilers_free(app->reconcilers);
    event_recorder_free(app->events);
    kube_client_free(app->kube);
    kube_client_free(app->lease_kube);
    http_client_free(app->http);
    dns_client_free(app->dns);
    http_plain_free(app->lease_http);
    lease_free(app->lease);
    kube_config_release(&app->config);
    free(app->own_namespace);
    strlist_release(&app->forbidden);
    stop_free(app->stop);
    stop_free(app->lease_stop);
    controller_flags_release(&app->flags);
}

/* ---- running ---- */

/* Signals are blocked in all threads and taken here, one at a time. Between them, memory that a burst
 * of work has left unused goes back to the system. */
static int wait_for_signal(const struct app *app)
{
    const struct timespec trim_every = {.tv_sec = 30};
    for (;;) {
        int signal = sigtimedwait(&app->signals, NULL, &trim_every);
        if (signal > 0)
            return signal;
        pki_trim();
        if (app->reconcilers != NULL) /* a solver has none */
            reconcilers_trim(app->reconcilers);
        malloc_trim(0);
    }
}

static struct err *run(struct app *app)
{
    struct err *e = start(app);
    if (err_is(e, ERR_CANCELLED)) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    if (app->flags.leader_elect)
        TRY(start_lease(app));
    else
        lead(app);
    for (;;) {
        int signal = wait_for_signal(app);
        if (signal == SIGUSR1)
            lead(app);
        else if (signal == SIGTERM || signal == SIGINT)
            break;
    }
    log_info("stopping");
    stop_working(app);
    return NULL;
}

static int fail(struct err *e, int code)
{
    fprintf(stderr, "certroll: %s\n", e->message);
    err_free(e);
    return code;
}

static struct err *init_process(const struct controller_flags *f)
{
    enum log_level level;
    enum log_format format;
    TRY(log_level_parse(f->log_level, &level), "--log-level");
    TRY(log_format_parse(f->log_format, &format), "--log-format");
    log_configure(level, format);
    TRY(api_init(f->api_group));
    return NULL;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    const int wanted[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        sigaddset(set, wanted[i]);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
}

static int controller_main(char *const *argv)
{
    struct app app = {0};
    struct err *e = controller_flags_parse(argv, &app.flags);
    if (e == NULL && app.flags.help) {
        puts("usage: certroll controller [flags]\n");
        controller_flags_help(stdout);
        controller_flags_release(&app.flags);
        return EXIT_SUCCESS;
    }
    if (e == NULL)
        e = init_process(&app.flags);
    if (e != NULL) {
        controller_flags_release(&app.flags);
        return fail(e, EXIT_USAGE);
    }
    block_signals(&app.signals);
    app.stop = stop_new();
    app.lease_stop = stop_new();
    e = run(&app);
    release(&app);
    return e == NULL ? EXIT_SUCCESS : fail(e, EXIT_FAILURE);
}

static int solver_main(char *const *argv)
{
    struct solver_flags f = {0};
    struct err *e = solver_flags_parse(argv, &f);
    if (e != NULL)
        return fail(e, EXIT_USAGE);
    if (f.help) {
        puts("usage: certroll solver --thumbprint TEXT | --forward URL [--listen :8089]\n");
        solver_flags_help(stdout);
        solver_flags_release(&f);
        return EXIT_SUCCESS;
    }
    struct app app = {0};
    block_signals(&app.signals);
    struct httpd *httpd = NULL;
    if (f.forward != NULL)
        e = httpd_start(f.listen, http01_forward, f.forward, &httpd);
    else
        e = httpd_start(f.listen, http01_respond, f.thumbprint, &httpd);
    if (e != NULL)
        return fail(e, EXIT_FAILURE);
    wait_for_signal(&app);
    httpd_stop(httpd);
    solver_flags_release(&f);
    return EXIT_SUCCESS;
}

/* ---- subcommands ---- */

static int usage(FILE *out)
{
    fputs("usage: certroll COMMAND [flags]\n\n"
          "  controller   keep certificates issued, renewed and rolled out\n"
          "  solver       answer HTTP-01 challenges (started by the controller)\n",
          out);
    cli_list_verbs(out);
    fputs("  version      print the version\n\n"
          "certroll COMMAND --help lists the flags.\n",
          out);
    return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int plugin_main(const char *name, char *const *argv)
{
    json_room_init();
    pki_init();
    http_global_init();
    return cli_main(name, argv);
}

int main(int argc, char **argv)
{
#ifndef CERTROLL_SANITIZED
    prctl(PR_SET_DUMPABLE, 0); /* keys never reach a core file */
#endif
    if (argc > 0 && str_eq(basename(argv[0]), CLI_PLUGIN_PROGRAM))
        return plugin_main(CLI_PLUGIN_NAME, argv + 1);
    if (argc < 2)
        return usage(stderr);
    const char *command = argv[1];
    if (str_eq(command, "--help") || str_eq(command, "-h") || str_eq(command, "help"))
        return usage(stdout);
    if (str_eq(command, "version") || str_eq(command, "--version")) {
        puts("certroll " CERTROLL_VERSION);
        return EXIT_SUCCESS;
    }
    mallopt(M_ARENA_MAX, 2); /* two dozen threads that mostly wait need no arena each */
    if (cli_has_verb(command))
        return plugin_main("certroll", argv + 1);
    json_room_init();
    if (str_eq(command, "solver"))
        return solver_main(argv + 2);
    if (!str_eq(command, "controller")) {
        fprintf(stderr, "certroll: unknown command \"%s\": see certroll --help\n", command);
        return EXIT_USAGE;
    }
    pki_init();
    http_global_init();
    return controller_main(argv + 2);
}
