/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `why` walks from the Certificate down to what it waits for: a table of links (why.c). Each says a sentence about its
 * part and, when the cause is there, gives the verdict, which ends the walk. Shared by why.c and why_acme.c only.
 */
#ifndef CERTROLL_CLI_WHY_H
#define CERTROLL_CLI_WHY_H

#include "cli/lookup.h"

struct verdict {
    char *waits_for; /* NULL: there is none yet */
    int64_t since;   /* wall ns, 0 = not known */
    char *until;     /* NULL: no time is set */
    char *to_do;
};

struct why {
    const struct cli *cli;
    const struct chain *chain;
    int64_t now;
    struct buf *out;
    bool is_ready; /* the Certificate serves, whatever goes on */
    bool is_done;  /* nothing is waited for */
    struct verdict verdict;
};

/* One line of the story; what it quotes is made harmless. */
void why_say(struct why *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* " since 2026-... (3 min ago)", "" for 0. */
#define WHY_SINCE_MAX 128
void why_since(const struct why *w, int64_t wall_ns, char out[WHY_SINCE_MAX]);
/* Takes the strings. Only the first verdict counts. */
void why_conclude(struct why *w, struct verdict v);
/* The attempt is over and failed: what then is the same whatever failed. since: when. */
void why_conclude_failed(struct why *w, int64_t since, const char *to_do);

/* The links of the ACME part. */
void why_order(struct why *w);
void why_challenges(struct why *w);
void why_solver(struct why *w);

#endif
