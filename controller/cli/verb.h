/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the command line share. Shared by the files of this room only. */
#ifndef CERTROLL_CLI_VERB_H
#define CERTROLL_CLI_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "kube/client.h"

#define CLI_OUTPUT_MAX (256 * 1024 * 1024)

struct cli_flags {
    char *namespace;
    bool all_namespaces;
    char *selector;
    bool all;
    char *output; /* "text" or "json" */
    char *reason; /* of a revocation */
    char *serial;
    char *api_group;
    char *kubeconfig;
    char *context;
    bool dry_run;
    char *issuer;    /* [KIND/]NAME */
    int64_t timeout; /* ns */
    bool help;
};

/* One call of the program. Tests make their own, with a client of a transport in memory. */
struct cli {
    const char *name; /* of the program, as the user wrote it */
    struct cli_flags flags;
    struct kube_client *kube;
    const struct clock *clock;
    const char *ns;        /* of -n or the kubeconfig; NULL = all namespaces */
    struct buf out;        /* goes to stdout at the end */
    struct buf complaints; /* goes to stderr: one line each */
    int code;              /* of the exit, when there is no error */
    bool live;             /* cli_show() shows */
    /* Waits that long, in ns; ERR_CANCELLED when the user wants an end. From the first call on signals do not end the
     * process, so that it can clean up. */
    struct err *(*pause)(struct cli *cli, int64_t ns)MUST_CHECK;
};

/* What was reported so far goes out now: for verbs that take long. */
void cli_show(struct cli *cli);

/* Reports an error that does not end the work, and makes the exit code 1. Takes the error; NULL is none. */
void cli_complain(struct cli *cli, struct err *e);
/* For where one object is meant: ERR_INVALID when -A or -l was given. */
struct err *cli_one_namespace(const struct cli *cli) MUST_CHECK;

enum verb_flags {
    VERB_SELECTS = 1 << 0, /* has -A and -l */
    VERB_ALL = 1 << 1,     /* has --all */
    VERB_OUTPUT = 1 << 2,  /* has -o */
    VERB_REVOKES = 1 << 3, /* has --reason and --serial */
    VERB_TRIES = 1 << 4,   /* has --issuer and --timeout */
    VERB_DRY_RUN = 1 << 5, /* has --dry-run */
};

struct verb {
    const char *name;
    const char *arguments; /* for the usage: "NAME... | -l SELECTOR" */
    const char *help;      /* one line */
    unsigned flags;
    /* Looks at arguments and flags before anything is asked; an error is wrong usage. */
    struct err *(*check)(const struct cli *cli, const char *const *args)MUST_CHECK;
    struct err *(*run)(struct cli *cli, const char *const *args)MUST_CHECK;
};
extern const struct verb verb_status;
extern const struct verb verb_renew;
extern const struct verb verb_revoke;
extern const struct verb verb_why;
extern const struct verb verb_http01;
extern const struct verb verb_preflight;

#endif
