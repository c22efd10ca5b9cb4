/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A preflight of one Certificate: a CertificateRequest to a staging issuer with a key that only this process has, followed by
 * polling, judged, and deleted whatever comes of it. Shared by preflight.c and preflight_trial.c only.
 */
#ifndef CERTROLL_CLI_PREFLIGHT_H
#define CERTROLL_CLI_PREFLIGHT_H

#include "api/wanted.h"
#include "cli/lookup.h"

enum trial_state { TRIAL_TO_COME, TRIAL_RUNS, TRIAL_PASSED, TRIAL_FAILED };

struct trial {
    const struct certificate *crt;   /* borrowed, as issuer */
    const struct issuer_ref *issuer; /* who is asked; NULL: nobody is named */
    enum trial_state state;
    int64_t begun; /* mono ns */
    int64_t ended;
    char *reason; /* of a failure; owned, as waits */
    char *waits;  /* for what, as far as known */
    struct wanted wanted;
    struct pki_key *key;
    char name[KUBE_NAME_MAX + 1]; /* of the request */
    char *uid;                    /* of the request, once it is known */
    struct strlist said;          /* what was reported: each line once */
};
void trial_release(struct trial *t);

/* Makes the request. What goes wrong here and below is the trial's failure, not the command's. */
void trial_begin(struct cli *cli, struct trial *t);
/* One look at the request, its Order and those of the challenges that are its; reports what is new. Ends the trial when
 * there is a verdict, or when it took longer than --timeout. */
void trial_step(struct cli *cli, struct trial *t, const struct object_list *challenges);
/* The verdict; takes reason (NULL: passed). Deletes the request. */
void trial_end(struct cli *cli, struct trial *t, char *reason);

#endif
