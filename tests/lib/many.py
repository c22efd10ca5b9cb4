# SPDX-License-Identifier: Apache-2.0
"""Many certificates at once, and how long they take."""
import concurrent.futures
import http.client
import json
import time

from .api import is_ready


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
