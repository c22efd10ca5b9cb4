/* SPDX-License-Identifier: Apache-2.0 */
/* The commands for people: `kubectl certroll status|renew|why ...`, or `certroll status ...`. */
#ifndef CERTROLL_CLI_PLUGIN_H
#define CERTROLL_CLI_PLUGIN_H

#include <stdbool.h>
#include <stdio.h>

/* kubectl finds the plugin by this name of the program. */
#define CLI_PLUGIN_PROGRAM "kubectl-certroll"
#define CLI_PLUGIN_NAME "kubectl certroll"

bool cli_has_verb(const char *name);
/* A line for each verb: what it does. */
void cli_list_verbs(FILE *out);
/* name: how the user called us, for messages; argv: the verb and what follows, NULL ends it. Returns the exit code: 0
 * fine, 1 a problem (`why`: the Certificate is not Ready), 2 wrong usage. After json_room_init(), http_global_init()
 * and pki_init(). */
int cli_main(const char *name, char *const *argv);

#endif
