/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTROLL_TESTS_SUPPORT_ABORTS_H
#define CERTROLL_TESTS_SUPPORT_ABORTS_H

#include <stdbool.h>

/* Runs fn in a child process; true when it died of SIGABRT. */
bool aborts(void (*fn)(void));

#endif
