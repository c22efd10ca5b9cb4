/* SPDX-License-Identifier: Apache-2.0 */
/* A command line of a test: words with one blank between them. */
#ifndef CERTROLL_TESTS_CLI_WORDS_H
#define CERTROLL_TESTS_CLI_WORDS_H

#define WORDS_MAX 16

struct words {
    char text[512];
    char *argv[WORDS_MAX + 1]; /* NULL ends it */
};

/* "" is no word. The words live as long as w; returns w->argv. */
char *const *words(struct words *w, const char *text);
#define WORDS(text) words(&(struct words){0}, (text))

#endif
