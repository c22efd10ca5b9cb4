/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TXT record of a DNS-01 challenge: what may be in a zone is in status.dns01 before it is put there, and the
 * Challenge has a finalizer until it is out again. Internal to challenge*.c.
 */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_RECORD_H
#define CERTROLL_RECONCILERS_CHALLENGE_RECORD_H

#include "dns01/access.h"
#include "reconcilers/challenge_pass.h"

/* What is remembered of a record, by the Challenge's uid, may be lost: then it is put there again. */
enum challenge_note {
    NOTE_READ,    /* time: the authorization was read */
    NOTE_FRESH,   /* time: no provider was asked for the value yet */
    NOTE_SHOWN,   /* time: the provider took the value; text: its id */
    NOTE_SETTLED, /* time: it is on its way to the servers no more */
    NOTE_LOOKS,   /* count */
    NOTE_SEEN,    /* time: the servers show it */
    NOTE_TROUBLE, /* count: failures in a row */
    NOTE_PAUSE,   /* time: not before */
    NOTE_BUSY,    /* count: others had the turn */
    NOTE_END,     /* time: the clean-up failed first */
    NOTES,
};
struct memo_entry challenge_noted(const struct challenge_pass *p, enum challenge_note n);
void challenge_note(const struct challenge_pass *p, enum challenge_note n, int64_t time);
/* Counts; returns how many there were before. */
unsigned challenge_count(const struct challenge_pass *p, enum challenge_note n);
void challenge_forget(const struct challenge_pass *p, enum challenge_note n);
/* The provider took the value, and calls it so; id may be NULL. */
void challenge_note_shown(const struct challenge_pass *p, const char *id);
/* The provider's id of the record, which is never read from a status that others may write; NULL when it was lost or
 * there was none; owned. */
char *challenge_record_id(const struct challenge_pass *p);

bool challenge_record_is_held(const struct challenge *c);
/* A CA may give a pending authorization to several orders of an account: has a Challenge that is under way the same
 * record? *ret_shared stays as it is otherwise. */
struct err *challenge_record_is_shared(const struct challenge_pass *p, bool *ret_shared) MUST_CHECK;

/* With what its record was made, as far as this process knows; borrowed, or NULL. */
struct dns_access *challenge_held(const struct challenge_pass *p);
/* Takes over the access: what comes after is done with it. */
void challenge_hold(const struct challenge_pass *p, struct dns_access *access);

/* What a solver of this issuer lets a provider use. */
struct err *challenge_access(const struct challenge_pass *p, const struct issuer *issuer,
                             const struct acme_solver *solver, struct dns_access **ret_access)
    MUST_CHECK;
/* Something failed that is not the CA's: said in status and by an Event of that reason, and tried again in 5 s to 5 min,
 * or when Issuer or Secret change. Takes over the error; NULL unless it is to be passed on. Ends the pass. */
struct err *challenge_trouble(struct challenge_pass *p, const char *event, struct err *e)
    MUST_CHECK;

/* What is said now is another sentence than the one that was told: its write brings the key back at once, and servers that
 * contradict themselves would be asked without end. So nothing is done before p->next. */
void challenge_pause_if_told(const struct challenge_pass *p);
/* Ends the pass while there is a pause, which ends when Issuer or Secret change. */
bool challenge_is_paused(struct challenge_pass *p);

/* Takes the recorded value out of its zone; the pass has ended when it could not be done yet. What cannot be done
 * for ten minutes, or by nobody any more, is told and left. */
struct err *challenge_record_remove(struct challenge_pass *p) MUST_CHECK;
/* The same, and the Challenge may go. Nothing for one that is not held. */
struct err *challenge_record_end(struct challenge_pass *p) MUST_CHECK;
/* A turn (base/turns.h), or the pass ends: it is looked for again soon, and then ever more seldom. */
bool challenge_turn(struct challenge_pass *p, const char *key, unsigned most);
/* A turn at the record's name: who else writes there now goes first, and the pass ends. */
bool challenge_record_turn(struct challenge_pass *p, const char *name);
void challenge_record_turn_end(const struct challenge_pass *p, const char *name);

/* Issuer or Secret changed: its challenges that wait for a provider try again now. */
void challenge_retry_all(const struct env *env, const struct issuer *issuer);

#endif
