/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_akamai.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

#define TOKENS                                                                                     \
    "\"clientTokenSecretRef\":{\"name\":\"akamai\",\"key\":\"clientToken\"},"                      \
    "\"clientSecretSecretRef\":{\"name\":\"akamai\",\"key\":\"clientSecret\"},"                    \
    "\"accessTokenSecretRef\":{\"name\":\"akamai\",\"key\":\"accessToken\"}"

static const struct provider_contract contract = {
    .provider = "akamai",
    .config = "{\"serviceConsumerDomain\":\"" FAKE_AKAMAI_HOST "\"," TOKENS "}",
    .open = fake_akamai_open,
};

/* Akamai's own test data (AkamaiOPEN-edgegrid-python, testdata.json), by which the fake judges. */
#define HEADER                                                                                     \
    "EG1-HMAC-SHA256 client_token=akab-client-token-xxx-xxxxxxxxxxxxxxxx;"                         \
    "access_token=akab-access-token-xxx-xxxxxxxxxxxxxxxx;timestamp=20140321T19:34:21+0000;"        \
    "nonce=nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx;"
#define PUBLISHED(method_, path_, body_)                                                           \
    {                                                                                              \
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=", method_,                                   \
            "akaa-baseurl-xxxxxxxxxxx-xxxxxxxxxxxxx.luna.akamaiapis.net", path_, body_,            \
            "20140321T19:34:21+0000", HEADER                                                       \
    }

static void the_fake_knows_the_published_signatures(void **state)
{
    (void)state;
    static const struct {
        struct fake_edgegrid request;
        const char *signature;
    } rows[] = {
        {PUBLISHED("GET", "/", ""), "tL+y4hxyHxgWVD30X3pWnGKHcPzmrIF+LThiAOhMxYU="},
        {PUBLISHED("GET", "/testapi/v1/t1?p1=1&p2=2", ""),
         "hKDH1UlnQySSHjvIcZpDMbQHihTQ0XyVAKZaApabdeA="},
        {PUBLISHED("POST", "/testapi/v1/t3", "datadatadatadatadatadatadatadata"),
         "hXm4iCxtpN22m4cbZb4lVLW5rhX8Ca82vCFqXzSTPe4="},
        {PUBLISHED("POST", "/testapi/v1/t6", ""), "1gEDxeQGD5GovIkJJGcBaKnZ+VaPtrc4qBUHixjsPCQ="},
        {PUBLISHED("PUT", "/testapi/v1/t6", "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"),
         "GNBWEYSEWOLtu+7dD52da2C39aX/Jchpon3K/AmBqBU="},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *signature = fake_edgegrid_signature(&rows[i].request);
        assert_string_equal(signature, rows[i].signature);
    }
}

static void a_host_is_akamai_s(void **state)
{
    static const char *const hosts[] = {("https://" FAKE_AKAMAI_HOST), "evil.test",
                                        "evil.test/x.akamaiapis.net", "a@b.akamaiapis.net",
                                        "akamaiapis.net"};
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        auto_free char *config =
            x_printf("{\"serviceConsumerDomain\":\"%s\"," TOKENS "}", hosts[i]);
        expect_err(scene_configure(&s, config), ERR_INVALID, NULL, "serviceConsumerDomain");
    }
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(the_fake_knows_the_published_signatures),
        cmocka_unit_test(a_host_is_akamai_s),
    };
    return CONTRACT_RUN(&contract, own);
}
