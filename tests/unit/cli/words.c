/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <string.h>

#include "base/mem.h"

char *const *words(struct words *w, const char *text)
{
    if (strlen(text) >= sizeof(w->text))
        x_abort("words: too long");
    memcpy(w->text, text, strlen(text) + 1);
    size_t n = 0;
    for (char *at = w->text; *at != '\0' && n < WORDS_MAX;) {
        w->argv[n++] = at;
        at += strcspn(at, " ");
        if (*at == ' ')
            *at++ = '\0';
    }
    w->argv[n] = NULL;
    return w->argv;
}
