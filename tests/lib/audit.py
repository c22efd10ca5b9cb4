# SPDX-License-Identifier: Apache-2.0
"""The API server's audit log: one JSON object for each request, written before its answer."""
import json
import os

WRITES = {"create", "update", "patch", "delete", "deletecollection"}
LONGEST = 2 << 20  # bytes of a line, and more: the policy logs metadata, and the head of a request has 1 MiB at most


class Entry:
    """One request that has been answered. kind: the plural, with "/status" for the subresource."""

    def __init__(self, raw):
        about = raw.get("objectRef") or {}
        self.raw = raw
        self.user = raw["user"]["username"]
        self.agent = raw.get("userAgent", "")
        self.verb = raw["verb"]
        self.kind = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
        self.namespace = about.get("namespace", "")
        self.name = about.get("name", "")
        self.code = (raw.get("responseStatus") or {}).get("code", 0)
        self.time = raw["stageTimestamp"]

    def __repr__(self):
        return f"{self.verb} {self.kind} {self.namespace}/{self.name} -> {self.code}"


class Audit:
    """A reader from now on; mark() starts afresh."""

    def __init__(self, path, user=None):
        self.path, self.user, self.offset = path, user, 0
        self.mark()

    def mark(self):
        """What comes from here on is what entries() gives. A line that is being written is part of that: its request
        has no answer yet, and a file shows its growth in the midst of a write()."""
        self.offset = 0
        if os.path.exists(self.path):
            with open(self.path, "rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - LONGEST)
                file.seek(start)
                self.offset = start + file.read().rfind(b"\n") + 1

    def entries(self, user=None, namespace=None):
        """Answered requests since the mark, of the user (default: that of the reader; "" for all)."""
        user = self.user if user is None else user
        found = []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written
                entry = Entry(raw) if (raw := json.loads(line))["stage"] == "ResponseComplete" else None
                if entry and (not user or entry.user == user) and namespace in (None, entry.namespace):
                    found.append(entry)
        return found

    def writes(self, user=None, namespace=None):
        """Successful writes, without the lease, events included."""
        return [e for e in self.entries(user, namespace)
                if e.verb in WRITES and e.code < 300 and e.kind != "leases"]

    def refused(self, user=None):
        """Requests that RBAC refused."""
        return [e for e in self.entries(user)
                if (e.raw.get("annotations") or {}).get("authorization.k8s.io/decision") == "forbid"]
