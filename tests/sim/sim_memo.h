/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pki room is asked again and again and always answers the same is worked out once in a life, and what certroll
 * sends to the API server, and what servers answer, is not printed to be read again: the linker leads these functions here
 * (Makefile, SIM_WRAPPED).
 */
#ifndef CERTROLL_TESTS_SIM_SIM_MEMO_H
#define CERTROLL_TESTS_SIM_SIM_MEMO_H

#include <stdbool.h>

#include "base/buf.h"
#include "json/json.h"

/* Forgets the last life. thorough: in this one all of that is real, and handshakes before a Secret is written, too. */
void sim_memo_begin(bool thorough);
void sim_memo_end(void);

/* Serves a value that does not change any more, nor what it holds. Printing it, and reading it again, takes a third of a life:
 * but for thorough lives it is a ticket, for which whoever reads it gets a copy, or the value when nobody else has it. */
struct err *sim_memo_print(json_t *value, struct buf *out) MUST_CHECK;

#endif
