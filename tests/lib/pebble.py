# SPDX-License-Identifier: Apache-2.0
"""The management sides of Pebble and of challtestsrv, the DNS server that it asks."""
import base64
import json
import os
import pathlib
import ssl
import subprocess
import urllib.request

from .ports import free_port
from .wait import wait_for


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
        answer = {"suggestedWindow": window, **({"explanationURL": explanation} if explanation else {})}
        self.renewal_text(certificate, json.dumps(answer))

    def renewal_text(self, certificate, text):
        """The same, whatever it is."""
        leaf = certificate.partition("-----END CERTIFICATE-----")
        body = json.dumps({"Certificate": leaf[0] + leaf[1] + "\n", "ARIResponse": text})
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


class OwnPebble(Pebble):
    """A process of the test's own, that wants an external account: key ID and MAC key are in `external`."""

    external = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")

    def __init__(self, env, folder):
        super().__init__(env)
        listen, manage = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.directory, self.management = f"https://{listen}/dir", f"https://{manage}"
        pki = f"{env['CLUSTER_DIR']}/conf/pki"
        config = pathlib.Path(folder) / "pebble-eab.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": listen, "managementListenAddress": manage, "certificate": f"{pki}/acme.crt",
            "privateKey": f"{pki}/acme.key", "httpPort": int(env["HTTP01_PORT"]), "tlsPort": free_port(),
            "externalAccountBindingRequired": True, "externalAccountMACKeys": dict([self.external])}}))
        with open(config.with_suffix(".log"), "wb") as log:
            self.process = subprocess.Popen(["pebble", "-config", config, "-dnsserver", env["DNS_SERVER"]],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1"})
        wait_for("Pebble to answer", self.answers)

    def answers(self):
        try:
            return self.get("/roots/0")
        except OSError:
            assert self.process.poll() is None, "Pebble ended"
            return None

    def close(self):
        self.process.terminate()
        self.process.wait(10)
