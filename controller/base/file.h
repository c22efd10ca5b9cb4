/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files. */
#ifndef CERTROLL_BASE_FILE_H
#define CERTROLL_BASE_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"

/* The content as an owned string: ERR_NOT_FOUND, ERR_DENIED, or ERR_INVALID when over max bytes,
 * holding a NUL or no file. */
struct err *file_read(const char *path, size_t max, char **ret_text) MUST_CHECK;
/* The same for what must be wiped. */
struct err *file_read_secret(const char *path, size_t max, struct secret *ret_secret) MUST_CHECK;

#endif
