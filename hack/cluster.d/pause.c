/* SPDX-License-Identifier: Apache-2.0 */

/* The process that holds a pod's namespaces: it waits to be told to go. */
#include <signal.h>
#include <unistd.h>

static void leave(int signal)
{
    (void)signal;
    _exit(0);
}

int main(void)
{
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    signal(SIGCHLD, SIG_IGN); /* as the first process of a pod it inherits orphans */
    for (;;)
        pause();
}
