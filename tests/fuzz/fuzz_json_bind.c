/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: it is refused, or it decodes to what its encoding decodes to as well. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "json/bind.h"
#include "unit/json/sample.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    return 0;
}

static void *decode_again(const void *first)
{
    json_auto_t *json = bind_encode(&sample_table, first);
    void *block = NULL;
    AUTO_ERR e = bind_decode(&sample_table, json, &block);
    if (e != NULL)
        abort();
    return block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *json = NULL;
    AUTO_ERR unreadable = json_parse((const char *)data, size, &json);
    if (unreadable != NULL)
        return 0;
    void *first = NULL;
    AUTO_ERR refused = bind_decode(&sample_table, json, &first);
    if (refused != NULL)
        return 0;
    void *second = decode_again(first);
    if (!bind_equal(&sample_table, first, second))
        abort();
    free(first);
    free(second);
    return 0;
}
