/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of zones, for sim_zone.c and sim_zone_people.c. */
#ifndef CERTROLL_TESTS_SIM_SIM_ZONE_INTERNAL_H
#define CERTROLL_TESTS_SIM_SIM_ZONE_INTERNAL_H

#include "sim/sim_zone.h"

#define ZONE_SERVERS 2
#define ZONE_MISSES 8

/* Its place in the list is its id; it stays there when it is removed. */
struct zone_record {
    char *name;
    char *text;
    bool theirs;               /* of another tool */
    bool excused;              /* an event told that it may be left */
    int64_t since, gone;       /* wall ns; SIM_NEVER while it is there */
    int64_t lag[ZONE_SERVERS]; /* until a server has heard of either */
};

/* A ring: when a server has not answered, or its address was not found. */
struct zone_misses {
    int64_t at[ZONE_MISSES];
    unsigned count;
};

struct sim_zone {
    struct sim *sim;
    bool waits; /* solvers wait instead of looking */
    struct zone_record *records;
    size_t len;
    unsigned token; /* the provider's, now */
    int64_t silent_until[ZONE_SERVERS];
    struct zone_misses misses[ZONE_SERVERS], unresolved[ZONE_SERVERS];
    int64_t back; /* wall ns: when what was taken away is put back */
};

struct zone_record *zone_add(struct sim_zone *z, const char *name, const char *text, bool theirs);

#endif
