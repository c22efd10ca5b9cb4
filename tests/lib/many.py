# SPDX-License-Identifier: Apache-2.0
"""Many certificates at once, and how long they take."""
import base64
import concurrent.futures
import http.client
import json
import os
import time
import uuid

from .api import is_ready
from .objects import certificate


class Ready:
    """Waits by a watch until so many certificates are ready: a list of thousands costs more than they do."""

    def __init__(self, api, ns):
        self.api, self.path = api, api.path("Certificate", ns)
        self.version = api.must("GET", self.path + "?limit=1")["metadata"]["resourceVersion"]
        self._open()

    def _open(self):
        self.connection = http.client.HTTPSConnection(*self.api.address, context=self.api.context, timeout=900)
        self.connection.request("GET", f"{self.path}?watch=1&resourceVersion={self.version}")
        self.answer = self.connection.getresponse()

    def _next(self):
        """An object that changed. The API server ends a watch whose reader is slow: it goes on where that one was."""
        while not (line := self.answer.readline()):
            self.connection.close()
            self._open()
        thing = json.loads(line)["object"]
        self.version = thing["metadata"].get("resourceVersion", self.version)
        return thing

    def wait(self, count, probe=is_ready):
        """The moments at which they became so, in order."""
        moments = {}
        while len(moments) < count:
            thing = self._next()
            if probe(thing):
                moments.setdefault(thing["metadata"]["name"], time.monotonic())
        self.connection.close()
        return sorted(moments.values())


def issue(api, bodies):
    """Creates them as fast as a client can, in eight threads; seconds until the last is ready."""
    ready = Ready(api, bodies[0]["metadata"]["namespace"])
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(api.create, bodies))  # raises what a creation has raised; the watch keeps what comes meanwhile
    return ready.wait(len(bodies))[-1] - started


def writes_only(api, count):
    """Certificates a second when nobody issues them: the client, in as many threads, makes the five writes that one
    issuance cannot do without. Of a namespace of its own, which goes; no controller may look on."""
    ns = f"t-{uuid.uuid4().hex[:8]}"
    api.namespace(ns)
    text = base64.b64encode(os.urandom(900)).decode()
    foreign = {"group": "writes.example", "kind": "Issuer", "name": "nobody"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    conditions = [{"type": "Ready", "status": "True", "reason": "Ready", "message": "made by hand",
                   "lastTransitionTime": now}]

    def put_status(body, **status):
        meta = body["metadata"]
        api.must("PUT", api.path(body["kind"], ns, meta["name"], "status"),
                 {**body, "status": {"conditions": conditions, **status}})

    def one(number):
        made = api.create(certificate(ns, f"c{number}", issuerRef=foreign))
        request = api.create({"kind": "CertificateRequest", "metadata": {"namespace": ns, "name": f"c{number}-1"},
                              "spec": {"request": text, "issuerRef": foreign}})
        put_status(request, certificate=text, ca=text)
        api.apply({"kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"namespace": ns, "name": f"c{number}-tls"},
                   "data": {"tls.crt": text, "tls.key": text, "ca.crt": text}})
        put_status(made, revision=1, notBefore=now, notAfter=now, renewalTime=now)

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(count)))
    seconds = time.monotonic() - started
    api.delete("Namespace", None, ns)
    return count / seconds
