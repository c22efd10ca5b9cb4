/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/external.h"

/* Tokens as http01_token_is_valid() has them: the answer holds nothing that a request can choose but that. */
#define TOKEN "[-_A-Za-z0-9]{16,256}"

static const char nginx[] = "# nginx: in each server block that listens on port 80\n"
                            "location ~ \"^/\\.well-known/acme-challenge/(" TOKEN ")$\" {\n"
                            "    default_type text/plain;\n"
                            "    return 200 \"$1.%s\";\n"
                            "}\n";

/* RedirectMatch with 200 ends the request with an "error" page of status 200, whose text may be an expression. */
static const char apache[] =
    "# Apache 2.4, with mod_alias: in each VirtualHost of port 80, before other Redirect lines\n"
    "<LocationMatch \"^/\\.well-known/acme-challenge/(?<token>" TOKEN ")$\">\n"
    "    RedirectMatch 200 \".*\"\n"
    "    ErrorDocument 200 \"%%{env:MATCH_TOKEN}.%s\"\n"
    "</LocationMatch>\n";

static const char haproxy[] =
    "# HAProxy 2.2 or newer: in each frontend that binds port 80, before other http-request lines\n"
    "http-request return status 200 content-type text/plain lf-string \"%%[path,field(-1,/)].%s\" "
    "if { path -m reg '^/\\.well-known/acme-challenge/" TOKEN "$' }\n";

void http01_external_lines(const char *thumbprint, struct buf *out)
{
    buf_putf(out, nginx, thumbprint);
    buf_puts(out, "\n");
    buf_putf(out, apache, thumbprint);
    buf_puts(out, "\n");
    buf_putf(out, haproxy, thumbprint);
}
