# SPDX-License-Identifier: Apache-2.0
"""The management sides of Pebble and of challtestsrv, the DNS server that it asks."""
import base64
import json
import pathlib
import ssl
import urllib.request


class Pebble:
    """directory: the ACME URL; bundle(): what an Issuer needs in caBundle."""

    def __init__(self, env):
        self.directory = env["ACME_DIRECTORY"]
        self.management = env["PEBBLE_MGMT"]
        self.ca_file = env["ACME_CA_BUNDLE"]
        self.context = ssl.create_default_context(cafile=self.ca_file)

    def bundle(self):
        return base64.b64encode(pathlib.Path(self.ca_file).read_bytes()).decode()

    def get(self, path):
        with urllib.request.urlopen(self.management + path, context=self.context, timeout=10) as answer:
            return answer.read().decode()

    def renewal_info(self, certificate, start, end, explanation=None):
        """What it shall answer about this certificate (PEM) from now on: RFC 9773."""
        window = {"start": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "end": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        leaf = certificate.partition("-----END CERTIFICATE-----")
        answer = {"suggestedWindow": window, **({"explanationURL": explanation} if explanation else {})}
        body = json.dumps({"Certificate": leaf[0] + leaf[1] + "\n", "ARIResponse": json.dumps(answer)})
        request = urllib.request.Request(self.management + "/set-renewal-info/", body.encode(), method="POST")
        with urllib.request.urlopen(request, context=self.context, timeout=10) as done:
            done.read()

    def root(self):
        """The root that its certificates chain up to, PEM. A new one with each start of Pebble."""
        return self.get("/roots/0")

    def intermediate(self):
        return self.get("/intermediates/0")


class Dns:
    """challtestsrv: what names resolve to, for Pebble."""

    def __init__(self, env):
        self.url = env["DNS_MGMT"]

    def post(self, path, **body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def address(self, name, *addresses):
        self.post("/add-a", host=f"{name}.", addresses=list(addresses))

    def servfail(self, name):
        self.post("/set-servfail", host=f"{name}.")

    def forget(self, name):
        self.post("/clear-a", host=f"{name}.")
        self.post("/clear-servfail", host=f"{name}.")
