/* SPDX-License-Identifier: Apache-2.0 */
/* To be preloaded: it is AHEAD seconds later than it is; time passes as it does. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef AHEAD
#define AHEAD 0
#endif

/* glibc's names of the parameters are reserved. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    int failed = (int)syscall(SYS_clock_gettime, id, ret_time);
    if (failed == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec += AHEAD;
    return failed;
}
