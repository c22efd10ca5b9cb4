# SPDX-License-Identifier: Apache-2.0
"""What Secrets hold is in no log line, Event or status, whatever the provider, when all of them fail at once. No cloud is
asked: the only way out is a proxy that refuses. Servers that an issuer names are one that answers with what it was told."""
import http.server
import json
import subprocess
import threading
import uuid

import pytest

from lib.connect_proxy import ConnectProxy
from lib.objects import acme, certificate
from lib.ports import free_port
from lib.wait import wait_for


class Echo:
    """Refuses each request with all that was in it, as no API should."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                text = json.dumps({"error": f"{self.path} {self.headers} {body}"}).encode()
                self.send_response(403)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PATCH = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Solvers:
    """A solver for each provider, its Secret, and what must not be seen of it."""

    def __init__(self, echo, bind, zone, folder):
        self.zone, self.secrets, self.markers = zone, {}, {}
        self.providers = {
            "acmeDNS": {"host": echo.url, "accountSecretRef": self.accounts("acmedns")},
            "akamai": {"serviceConsumerDomain": "akab-a.luna.akamaiapis.net",
                       **{f"{part}SecretRef": self.text("akamai", part)
                          for part in ("clientToken", "clientSecret", "accessToken")}},
            "azureDNS": {"subscriptionID": "s", "resourceGroupName": "g", "tenantID": "t", "clientID": "c",
                         "clientSecretSecretRef": self.text("azure", "secret")},
            "cloudDNS": {"project": "p", "serviceAccountSecretRef": self.google_key("google", folder)},
            "cloudflare": {"apiTokenSecretRef": self.text("cloudflare", "token")},
            **{name: {"tokenSecretRef": self.text(name, "token")}
               for name in ("desec", "digitalocean", "gandi", "hetzner", "linode")},
            "ovh": {f"{part}SecretRef": self.text("ovh", part)
                    for part in ("applicationKey", "applicationSecret", "consumerKey")},
            "powerdns": {"url": echo.url, "apiKeySecretRef": self.text("powerdns", "key")},
            "rfc2136": {"nameserver": f"{bind.address}:53", "tsigKeyName": bind.keys["hmac-sha256"][0],
                        "tsigAlgorithm": "HMACSHA256", "tsigSecretSecretRef": self.text("rfc2136", "key")},
            "route53": {"accessKeyIDSecretRef": self.text("route53", "id"),
                        "secretAccessKeySecretRef": self.text("route53", "secret")},
            "webhook": {"groupName": "nobody.webhooks.example", "solverName": "nobody"},
        }

    def put(self, secret, key, value, *markers):
        self.secrets.setdefault(secret, {})[key] = value
        for marker in markers:
            self.markers[marker] = f"{secret}/{key}"
        return {"name": secret, "key": key}

    def text(self, secret, key):
        """Good as a token of any kind, and as base64."""
        value = uuid.uuid4().hex
        return self.put(secret, key, value + "\n", value)

    def accounts(self, secret):
        words = [uuid.uuid4().hex for _ in range(3)]
        account = dict(zip(("username", "password", "subdomain"), words), fulldomain="a.auth.test", allowfrom=[])
        return self.put(secret, "accounts", json.dumps({f"acmedns.{self.zone}": account}), *words[:2])

    def google_key(self, secret, folder):
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], check=True,
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder).stdout
        account = {"type": "service_account", "client_email": "dns@p.example", "private_key_id": "1", "private_key": pem}
        return self.put(secret, "key.json", json.dumps(account), *pem.splitlines()[1:-1])


@pytest.fixture
def closed():
    """The way out: a proxy that lets nothing through."""
    one = ConnectProxy()
    one.status = 403
    yield one
    one.close()


@pytest.fixture
def solvers(bind, zone, tmp_path):
    echo = Echo()
    yield Solvers(echo, bind, zone, tmp_path)
    echo.close()


def everything(api, ns):
    """All that certroll writes, as JSON: but what Secrets are made of."""
    kinds = ("Issuer", "Certificate", "CertificateRequest", "Order", "Challenge", "Event")
    return json.dumps([api.list(kind, ns) for kind in kinds])


def give_up(api, ns):
    """No clean-up can succeed here, and whoever came next would go on trying for ten minutes."""
    for kind in ("Certificate", "CertificateRequest", "Order"):
        for one in api.list(kind, ns):
            api.delete(kind, ns, one["metadata"]["name"])
    for one in api.list("Challenge", ns):
        api.patch("Challenge", ns, one["metadata"]["name"], {"metadata": {"finalizers": None}})


@pytest.mark.refusals
def test_no_secret_is_ever_shown(api, ns, dns01_ca, dns_tree, zone, solvers, closed, make_controller):
    for name, data in solvers.secrets.items():
        api.create({"kind": "Secret", "metadata": {"name": name, "namespace": ns}, "stringData": data})
    names = {provider: f"{provider.lower()}.{zone}" for provider in solvers.providers}
    api.create(acme(ns, dns01_ca, solvers=[{"selector": {"dnsNames": [names[provider]]}, "dns01": {provider: config}}
                                           for provider, config in solvers.providers.items()]))
    one = make_controller(namespace=ns, leader_elect="false", nameservers=dns_tree.address)
    one.environ.update(HTTPS_PROXY=closed.url, NO_PROXY="127.0.0.0/8")
    one.start()
    api.create(certificate(ns, "web", "acme", dnsNames=sorted(names.values())))

    def silent():
        said = {c["spec"]["dnsName"]: c.get("status", {}).get("reason", "") for c in api.list("Challenge", ns)}
        return [provider for provider, name in names.items() if not said.get(name, "").startswith(provider)]

    wait_for("each provider to say what is wrong", lambda: not silent(), 60,
             lambda: f"silent: {silent()}\n{api.describe(ns)}")
    shown = {"the log": one.text(), "an object": everything(api, ns)}
    found = {f"{whose} is in {where}" for where, text in shown.items() for marker, whose in solvers.markers.items()
             if marker in text}
    assert not found
    assert len(solvers.markers) > 20
    one.stop()
    give_up(api, ns)
