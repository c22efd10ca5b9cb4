/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate budgets: may this order be placed now, and when else? Counts what was spent at each server and lets
 * those who wait go in fair turns. Knows no Kubernetes and does no I/O: who owns it stores its text now and
 * then and tells it what came of the orders. Times are wall ns. Thread-safe.
 */
#ifndef CERTROLL_BUDGET_BUDGETS_H
#define CERTROLL_BUDGET_BUDGETS_H

#include "base/clock.h"
#include "budget/ledger.h"

struct budgets;
/* The clock is borrowed. */
struct budgets *budgets_new(const struct clock *clock);
/* Accepts NULL. */
void budgets_free(struct budgets *b);

struct budget_ask {
    const char *id; /* of the order-to-be: asking twice takes once */
    const char *ns; /* whose turn it is */
    const char *server;
    const struct budget_need *needs; /* copied */
    size_t count;
};
struct budget_answer {
    bool granted;
    int64_t at;            /* granted: when that was. Else: about then it might be */
    int64_t look_at;       /* not granted: ask again then */
    enum budget_kind kind; /* not granted: what it waits for */
    struct budget_limit limit;
    char key[BUDGET_KEY_MAX];
    bool others_first; /* there is some of it, and others are ahead */
    bool undecided;    /* it has only come: its place is known at look_at, a second from now */
};
/* Reserves all that is needed, or nothing and keeps a place. What is reserved does not come back while the order is
 * being placed, as the server may count it at any time until it has answered. Whoever is tried again waits when more was
 * counted meanwhile than leaves room for it. */
void budgets_ask(struct budgets *b, const struct budget_ask *ask, struct budget_answer *ret_answer);
/* The server has answered: it may have counted the order as late as now, and so do we. When that was, also if it is told
 * again; 0 for one that was not granted. */
int64_t budgets_placed(struct budgets *b, const char *id);
/* The order that was granted is over, or waits for something else. Without a certificate what only certificates take is
 * given back; when it was not even placed, all. Harmless for one that was not granted; it waits no more. */
enum budget_outcome { BUDGET_ISSUED, BUDGET_FAILED, BUDGET_NOT_PLACED };
void budgets_settle(struct budgets *b, const char *id, enum budget_outcome outcome);
/* The server refused this granted order by a rate limit: others of the account pause for a minute, so
 * that a thousand do not ask in vain. */
void budgets_refused(struct budgets *b, const char *id);
/* Counts what happened, whoever allowed it: a failed authorization now (at = 0), or what an earlier
 * process did at that time; the earliest first. */
void budgets_count(struct budgets *b, const struct budget_need *needs, size_t count, int64_t at);
/* An order that an earlier process counted: it can be settled now. */
void budgets_adopt(struct budgets *b, const char *id, const struct budget_need *needs, size_t count,
                   int64_t at);

/* How many are left. */
int64_t budgets_left(struct budgets *b, const struct budget_need *need);
/* The fewest that are left of any key in a scope (the first part of keys). */
int64_t budgets_least_left(struct budgets *b, enum budget_kind kind, const char *scope,
                           struct budget_limit limit);
/* How many wait for a kind, at all servers. */
size_t budgets_waiting(struct budgets *b, enum budget_kind kind);

/* True once for each text: there is something new to be stored. */
bool budgets_has_news(struct budgets *b);
/* Does the last text lack anything, and when was it taken? 0 = never. */
bool budgets_changed(struct budgets *b, int64_t *ret_text_at);
/* All that was spent, as JSON text, owned; complete up to now. */
char *budgets_text(struct budgets *b);
/* The text could not be stored: there is something new. */
void budgets_not_stored(struct budgets *b);
/* Has all that earlier processes spent been brought in? Before that nothing may be asked. */
bool budgets_are_loaded(struct budgets *b);
void budgets_set_loaded(struct budgets *b);
/* Forgets everything and reads such a text, NULL for none, and the time up to which it is complete, 0 for
 * none. ERR_INVALID, reason BadLedger: then nothing is known. */
struct err *budgets_load(struct budgets *b, const char *text, int64_t *ret_at) MUST_CHECK;

#endif
