/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "<name>\n<answer>": each element of that name lies within the answer and after the one before, and its text is short
 * printable ASCII which is read again after it was written.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_xml.h"

#define TEXT_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_text(const struct xml *content)
{
    auto_free char *text = xml_content(content, TEXT_MAX);
    if (text == NULL)
        return;
    MUST(strlen(text) <= TEXT_MAX);
    for (const char *c = text; *c != '\0'; c++)
        MUST(*c >= ' ' && *c <= '~');
    AUTO(buf_release) struct buf b = BUF_INIT(16 * TEXT_MAX);
    AUTO_ERR e = xml_add(&b, text);
    const struct xml written = {buf_str(&b), b.len};
    auto_free char *again = xml_content(&written, TEXT_MAX);
    MUST(e == NULL && str_eq(again, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (end == NULL || end == data)
        return 0;
    auto_free char *name = x_strndup((const char *)data, (size_t)(end - data));
    const char *from = (const char *)end + 1;
    struct xml rest = {from, size - (size_t)(end + 1 - data)}, in;
    const char *last = rest.data + rest.len;
    while (xml_next(&rest, name, &in)) {
        MUST(in.data >= from && in.data + in.len <= rest.data);
        MUST(rest.data > from && rest.data + rest.len == last);
        from = rest.data;
        check_text(&in);
    }
    return 0;
}
