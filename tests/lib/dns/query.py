# SPDX-License-Identifier: Apache-2.0
"""Questions to one DNS server, and changes by somebody else. Over TCP, so that nothing is ever cut."""
import random
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28}
NXDOMAIN = 3
IN, NONE = 1, 254  # classes; NONE in an update: this record goes (RFC 2136 section 2.5.4)
STRANGER = "127.0.0.99"  # who may change zones of bind.py without a key


class Reply:
    """rcode; authoritative: the AA bit; records: (type, RDATA) of the answer section."""

    def __init__(self, message):
        _id, flags, questions, answers, _, _ = struct.unpack_from(">6H", message)
        self.rcode, self.authoritative = flags & 15, bool(flags & 0x400)
        self.records = []
        at = 12
        for _ in range(questions):
            at = _after_name(message, at) + 4
        for _ in range(answers):
            at = _after_name(message, at)
            kind, _, _, length = struct.unpack_from(">HHIH", message, at)
            at += 10
            self.records.append((kind, message[at:at + length]))
            at += length


def _after_name(message, at):
    while True:
        length = message[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if length == 0:
            return at


def _wire_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def receive(connection, length):
    """So many bytes."""
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise ConnectionError("the server has closed the connection")
        data += more
    return data


def _exchange(server, message, timeout, source=None):
    with socket.create_connection((server, 53), timeout, source and (source, 0)) as connection:
        connection.sendall(struct.pack(">H", len(message)) + message)
        return Reply(receive(connection, struct.unpack(">H", receive(connection, 2))[0]))


def ask(server, name, kind="TXT", recursive=False, timeout=5):
    """server: its address. Raises OSError when there is no answer."""
    head = struct.pack(">6H", random.getrandbits(16), 0x100 if recursive else 0, 1, 0, 0, 0)
    return _exchange(server, head + _wire_name(name) + struct.pack(">2H", TYPES[kind], IN), timeout)


def update(server, zone, name, text, remove=False):
    """Adds or removes a TXT value, as STRANGER and not signed (RFC 2136)."""
    head = struct.pack(">6H", random.getrandbits(16), 5 << 11, 1, 0, 1, 0)
    data = bytes([len(text)]) + text.encode()
    of, ttl = (NONE, 0) if remove else (IN, 60)
    record = _wire_name(name) + struct.pack(">HHIH", TYPES["TXT"], of, ttl, len(data))
    message = head + _wire_name(zone) + struct.pack(">2H", TYPES["SOA"], IN) + record + data
    reply = _exchange(server, message, 5, STRANGER)
    assert reply.rcode == 0, f"{server} answers rcode {reply.rcode} to an update of {name}"


def _strings(data):
    text = b""
    while data:
        text += data[1:1 + data[0]]
        data = data[1 + data[0]:]
    return text.decode()


def values(server, name, recursive=False):
    """The TXT values of a name, sorted."""
    reply = ask(server, name, "TXT", recursive)
    assert reply.rcode in (0, NXDOMAIN), f"{server} answers rcode {reply.rcode} for {name}"
    return sorted(_strings(data) for kind, data in reply.records if kind == TYPES["TXT"])


def serial(server, zone):
    """Of the zone's SOA; None where the server does not serve it."""
    reply = ask(server, zone, "SOA")
    found = [data for kind, data in reply.records if kind == TYPES["SOA"]]
    return struct.unpack(">I", found[0][-20:-16])[0] if found and reply.authoritative else None
