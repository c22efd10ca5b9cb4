# SPDX-License-Identifier: Apache-2.0
"""What lives too briefly to be polled for: every version of a namespace's objects of one kind, from a watch."""
import http.client
import json
import threading


class Recorder:
    """A context: from its start to its end, versions holds (type, object) in the order of the API server."""

    def __init__(self, api, kind, namespace):
        self.api = api
        self.versions = []
        listed = api.must("GET", api.path(kind, namespace))
        self.path = f"{api.path(kind, namespace)}?watch=true&resourceVersion={listed['metadata']['resourceVersion']}"
        self.connection = http.client.HTTPSConnection(*api.address, context=api.context)
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self):
        try:
            while line := self.answer.readline():
                event = json.loads(line)
                self.versions.append((event["type"], event["object"]))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # the connection was closed under it, which is how it ends

    def __enter__(self):
        headers = {"Authorization": f"Bearer {self.api.token}"} if self.api.token else {}
        self.connection.request("GET", self.path, headers=headers)
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(2)
        self.thread.join(10)
        self.connection.close()

    def first(self):
        """The first version of the first object."""
        return self.versions[0][1] if self.versions else None

    def uids(self):
        """Of all objects seen, in their order."""
        return list(dict.fromkeys(o["metadata"]["uid"] for _, o in list(self.versions)))
