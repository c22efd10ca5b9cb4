# SPDX-License-Identifier: Apache-2.0
"""Ports for servers of a test."""
import itertools
import random
import socket
import threading

# Below what the kernel takes for connections that go out.
FIRST, COUNT = 20000, 10000

_turns = itertools.count(random.randrange(COUNT))
_lock = threading.Lock()


def free_port():
    """A port of the machine that nobody has, each time another: an Issuer that outlives its CA would else meet the next
    test's behind the same address."""
    with _lock:
        for _ in range(COUNT):
            port = FIRST + next(_turns) % COUNT
            with socket.socket() as probe:
                try:
                    probe.bind(("", port))
                    return port
                except OSError:
                    continue
    raise RuntimeError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free")
