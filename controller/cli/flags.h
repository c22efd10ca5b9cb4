/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags as a table: the same names on the command line and in the YAML configuration file; the command
 * line wins. Errors are one line that names the flag and what to write.
 */
#ifndef CERTROLL_CLI_FLAGS_H
#define CERTROLL_CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum flag_type {
    FLAG_STRING,   /* char *, owned */
    FLAG_BOOL,     /* bool: --x, --x=false */
    FLAG_INT,      /* int64_t, within min and max */
    FLAG_DURATION, /* int64_t ns, within min and max, written as 1h30m */
};

struct flag {
    const char *name; /* without the dashes */
    enum flag_type type;
    void *value;
    const char *dflt; /* text, or NULL for none */
    const char *help; /* one line */
    int64_t min;
    int64_t max;
};

/* Sets all values to their defaults. Defaults are ours: a bad one aborts. */
void flags_init(const struct flag *flags, size_t count);
/* Frees the strings. */
void flags_release(const struct flag *flags, size_t count);
/* Reads --name value and --name=value. What is not a flag goes to args (borrowed, NULL ends it; room for argc); NULL
 * args: there may be none. "--" ends the flags. */
struct err *flags_parse(const struct flag *flags, size_t count, char *const *argv,
                        const char **args) MUST_CHECK;
/* Reads a YAML mapping of the same names; lists and mappings are refused. */
struct err *flags_load(const struct flag *flags, size_t count, const char *path) MUST_CHECK;
void flags_help(const struct flag *flags, size_t count, FILE *out);

#endif
