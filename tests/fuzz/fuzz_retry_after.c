/* SPDX-License-Identifier: Apache-2.0 */
/* A Retry-After header: a time from now to a day from now, or nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (INT64_C(1767225600) * NS_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = x_strndup((const char *)data, size);
    int64_t at = -1;
    AUTO_ERR e = retry_after_parse(text, NOW, &at);
    if (e == NULL ? at < NOW || at > NOW + NS_PER_DAY : at != -1 || e->kind != ERR_INVALID)
        abort();
    return 0;
}
