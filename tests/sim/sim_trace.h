/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of what happened, and why the run failed. */
#ifndef CERTROLL_TESTS_SIM_SIM_TRACE_H
#define CERTROLL_TESTS_SIM_SIM_TRACE_H

#include <stdbool.h>

#include "sim/sim.h"

struct sim_trace *sim_trace_new(bool verbose);
void sim_trace_free(struct sim_trace *t);
/* What failed and the lines before it, owned; NULL when nothing did. */
char *sim_trace_report(const struct sim_trace *t);
bool sim_trace_is_verbose(const struct sim_trace *t);

#endif
