/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a test, in a new folder of its own. */
#ifndef CERTROLL_TESTS_SUPPORT_TEMP_H
#define CERTROLL_TESTS_SUPPORT_TEMP_H

#include <stddef.h>

struct temp {
    char dir[64];
};

void temp_init(struct temp *t);
/* Removes the folder and the files in it. */
void temp_release(struct temp *t);
/* The path of a file in it, whether it exists or not: owned. */
char *temp_path(const struct temp *t, const char *name);
/* Writes a file; returns its path: owned. */
char *temp_write(const struct temp *t, const char *name, const void *data, size_t len);
char *temp_puts(const struct temp *t, const char *name, const char *text);

#endif
