/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pki room is asked again and again and always answers the same is worked out once in a life:
 * the linker leads these functions of it here (Makefile, SIM_WRAPPED).
 */
#ifndef CERTROLL_TESTS_SIM_SIM_MEMO_H
#define CERTROLL_TESTS_SIM_SIM_MEMO_H

#include <stdbool.h>

/* Forgets the last life. thorough: handshakes before a Secret is written are real in this one. */
void sim_memo_begin(bool thorough);
void sim_memo_end(void);

#endif
