/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times and durations as Kubernetes writes them: RFC 3339 in UTC, and Go's duration strings
 * (metav1.Duration: "2160h0m0s", "90m", "1.5h").
 */
#ifndef CERTROLL_BASE_TIMEFMT_H
#define CERTROLL_BASE_TIMEFMT_H

#include <stdint.h>

#include "base/err.h"

#define RFC3339_MAX 40

/* "2026-11-21T09:24:42Z", whole seconds (metav1.Time). */
void rfc3339_format(int64_t wall_ns, char out[RFC3339_MAX]);
/* With milliseconds, for log lines. */
void rfc3339_format_milli(int64_t wall_ns, char out[RFC3339_MAX]);
/* With microseconds (metav1.MicroTime), for leases and Events. */
void rfc3339_format_micro(int64_t wall_ns, char out[RFC3339_MAX]);
/* Fractions and numeric offsets are accepted; years 1970 to 9999 only, and no leap second (as in
 * Go). What is later than int64_t can hold, in 2262, is INT64_MAX. */
struct err *rfc3339_parse(const char *s, int64_t *ret_wall_ns) MUST_CHECK;

/* Go's time.ParseDuration: units ns us ms s m h, sums, fractions, sign; "0" too. */
struct err *duration_parse(const char *s, int64_t *ret_ns) MUST_CHECK;
/* "2h0m0s" as Go prints it. */
#define DURATION_MAX 40
void duration_format(int64_t ns, char out[DURATION_MAX]);
/* For people, rounded down: "3 d 4 h", "4 h 5 min", "12 min", "45 s", "300 ms". */
void duration_human(int64_t ns, char out[DURATION_MAX]);

/* Retry-After in both forms of RFC 9110 section 10.2.3: delta-seconds, or an HTTP date (only the
 * IMF-fixdate that senders must use). Returns a wall time in ns, clamped to [now, now + one day];
 * ERR_INVALID for anything else. */
struct err *retry_after_parse(const char *s, int64_t now_wall_ns, int64_t *ret_wall_ns) MUST_CHECK;

#endif
