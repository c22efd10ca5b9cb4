/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this room only. */
#ifndef CERTROLL_JSON_INTERNAL_H
#define CERTROLL_JSON_INTERNAL_H

#include <stddef.h>

/* How every text of this room is written; any value may stand at the top. */
#define JSON_TEXT_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY)
/* How every text is read. */
#define JSON_READ_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)

/* Memory of values (memory.c). Pieces of up to this many bytes, 2 KiB at most, share blocks; 0: none do. Before other
 * threads. */
void json_memory_init(size_t most);
/* Aborts without memory, as base/mem.h does. */
void *json_memory(size_t size);
/* Wipes it. Any thread; accepts NULL. */
void json_memory_free(void *bytes);

/* Says what is wrong with our own code on stderr and aborts. */
_Noreturn void json_bug(const char *what);

#endif
