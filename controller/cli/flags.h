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
    char letter;      /* of the short form "-n", 0 = none; not in configuration files */
    enum flag_type type;
    void *value;
    const char *dflt; /* text, or NULL for none */
    const char *help; /* one line */
    int64_t min;
    int64_t max;
};

/* A row of a table: FLAG(STRING, &f->context, "context", NULL, "context of the kubeconfig", .letter = 'c'). */
#define FLAG(type_, value_, name_, dflt_, help_, ...)                                              \
    (struct flag)                                                                                  \
    {                                                                                              \
        .name = (name_), .type = FLAG_##type_, .value = (value_), .dflt = (dflt_),                 \
        .help = (help_)__VA_OPT__(, ) __VA_ARGS__                                                  \
    }

/* Sets all values to their defaults. Defaults are ours: a bad one aborts. */
void flags_init(const struct flag *flags, size_t count);
/* Frees the strings. */
void flags_release(const struct flag *flags, size_t count);
/* Reads --name value, --name=value, -n value, -nvalue and -n=value; of a FLAG_BOOL the value is left out or after "=".
 * What is not a flag goes to args (borrowed, NULL ends it; room for argc); NULL args: there may be none. "--" ends the
 * flags. */
struct err *flags_parse(const struct flag *flags, size_t count, char *const *argv,
                        const char **args) MUST_CHECK;
/* Reads a YAML mapping of the same names; lists and mappings are refused. */
struct err *flags_load(const struct flag *flags, size_t count, const char *path) MUST_CHECK;
void flags_help(const struct flag *flags, size_t count, FILE *out);

#endif
