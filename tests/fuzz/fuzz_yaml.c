/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: it is refused, or it becomes a value that survives printing and parsing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "json/yaml.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *value = NULL;
    AUTO_ERR refused = yaml_parse("fuzz", (const char *)data, size, &value);
    if (refused != NULL)
        return 0;
    AUTO(buf_release) struct buf text = BUF_INIT((size_t)16 << 20);
    json_auto_t *again = NULL;
    AUTO_ERR unprintable = json_print(value, &text);
    AUTO_ERR unreadable = unprintable == NULL ? json_parse(text.data, text.len, &again) : NULL;
    if (unprintable != NULL || unreadable != NULL || !json_same(value, again))
        abort();
    return 0;
}
