/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of what happened, and why the run failed. */
#ifndef CERTROLL_TESTS_SIM_SIM_TRACE_H
#define CERTROLL_TESTS_SIM_SIM_TRACE_H

#include "sim/sim.h"

/* What becomes of lines: nothing; they are kept until the report; they are kept, and printed at once. */
enum sim_trace_kind { SIM_TRACE_NONE, SIM_TRACE_KEPT, SIM_TRACE_PRINTED };

struct sim_trace *sim_trace_new(enum sim_trace_kind kind);
void sim_trace_free(struct sim_trace *t);
/* What failed and the lines before it, owned; NULL when nothing did. */
char *sim_trace_report(const struct sim_trace *t);

#endif
