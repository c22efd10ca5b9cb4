/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of reconciles, queues and the objects in the caches. */
#ifndef CERTROLL_RECONCILERS_TELEMETRY_H
#define CERTROLL_RECONCILERS_TELEMETRY_H

#include "reconcilers/setup.h"

/* An observe function of struct reconcilers_options: counts, times and logs failures. arg is unused. */
void telemetry_observe(void *arg, const char *controller, const char *key, int64_t duration,
                       const struct err *err);
/* Adds the collectors of a running process; they read the caches at each scrape. */
void telemetry_add(struct reconcilers *r);
void telemetry_remove(struct reconcilers *r);

#endif
