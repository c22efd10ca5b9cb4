/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_seeds.h"

#include "base/mem.h"

/*
 * A seed is a life only together with the simulator that draws it: when that changes, an old seed is a
 * life like any other. What a bug has taught is therefore held by a rule of sim_check.c or by a unit test;
 * the line here says where to look.
 */
const struct sim_named_seed sim_named_seeds[] = {
    {11, "a failed attempt was counted without end when our clock was behind the API server's"},
    {329, "what the gate refused was dropped for good though the lease was renewed in time"},
    {470, "a certificate was thrown away because our clock was behind the CA's"},
    {2707, "an Issuer's failure that a conflict kept out of its status stayed untold until the "
           "CA's Retry-After"},
    {1500, "a certificate was renewed twice when the API server failed just after its Secret was "
           "written"},
    {9227, "an order that was finalized was given up, because who was killed alone knew what had "
           "been proven"},
    {2281,
     "an order of a request that was made anew for another issuer was not counted at a start"},
    {275, "what a rollout was about to tell was taken for a write at rest"},
    {5279, "a CA that was away at the daily look was taken for one without keyChange"},
    {10077, "a CA fell silent after it had signed, and another one took over: that is no loss, "
            "as the rule once said"},
    {21612, "a renewal that is asked for while an attempt fails is that attempt: of the CA that "
            "takes over"},
    {22240, "what the CA wishes is heard for a name, too, that will have to be waited for"},
    {22718, "a value that was proven and taken out was put into the zone again"},
    {23170, "what an order takes of a rate limit came back while it was on its way to the CA"},
    {100888, "a standing route stayed for a Certificate that had gone over to an issuer of others"},
    {200097, "names that another namespace had proven took an attempt each"},
    {327797, "a CA that had not answered once was passed over for an hour, though it was back"},
    {326589, "an order expired before its URL could be stored, at a CA that was away: that is no "
             "loss, as the rule once said"},
    {401278, "a certificate was thrown away because its authorization was ended after it was made"},
    {438182, "a Job that prepares was kept as long as its Order, because its issuer was gone when "
             "the order was over"},
    {529720, "an order that could not be placed any more kept what was reserved for it, and others "
             "of the account waited as long"},
    {543892,
     "a certificate was thrown away, because its issuer was not ready when another one took "
     "over"},
    {531094,
     "two namespaces had a certificate for one name: the first one's order was over, and its "
     "request did not say so yet"},
    {541475, "an account key that was deleted before the watch had brought it was not missed"},
    {541024, "what a tenant held expired in the hour of rest, and the other one had another reason "
             "to wait"},
    {538090,
     "what the CA wishes for a Secret whose Certificate waits for a name was to be heard by "
     "another one that names that Secret"},
    {532394, "a value was put into the zone once more, by a Challenge that had been let go without "
             "our hearing of it"},
    {671470, "an Order that was removed during its pass was granted what nobody gave back"},
    {653404, "a limit whose rows were full again at a start forgot what had been taken after them"},
    {662618, "the CA was asked to look for a value of another key than the one that had been seen"},
    {748540,
     "who waits for a name had failed to look so often that the next look came in the hour of "
     "rest"},
    {727245, "an order that had been lost was found and counted, and another one that had been "
             "granted before was tried again beside it"},
    {838922, "a value was left to a Challenge that had been let go, and was gone without our "
             "hearing of it"},
    {884605, "the last look that failed was one of a replica that was killed; the Order was over "
             "already"},
    {861290,
     "the answer to a request that was made got lost, and the next pass made another key for it"},
    {908242,
     "an order was placed for an Order that had ended by a write whose answer was an error"},
    {3100054,
     "who waited for an issuer was not woken while a deletion of another object was awaited"},
    {1019256,
     "an order was lost because another one for its names was deleted while the CA made it"},
    {1069500, "a certificate was thrown away, because by the clock of the replica that came next "
              "it was not due yet"},
    {1221880, "two orders that could not be stored were lost with one process: that may be, as the "
              "rule did not say"},
};
const size_t sim_named_seed_count = ARRAY_LEN(sim_named_seeds);
