# SPDX-License-Identifier: Apache-2.0
"""A name server that no real one is: it answers what a real server answers, or what a test makes of that, byte by byte."""
import contextlib
import socket
import struct
import threading

from lib.wait import readable

from .named import on_loopback, own_address
from .query import TYPES, receive

UPDATE, RESPONSE, TC, AA = 5, 0x8000, 0x0200, 0x0400
SERVFAIL, REFUSED, NOTZONE = 2, 5, 10
PATIENCE = 5  # s that the real server has


class Asked:
    """One message that came: raw; by tcp or not; is_update; the name and type (a number) of its first question."""

    def __init__(self, raw, tcp):
        self.raw, self.tcp = raw, tcp
        self.is_update = (raw[2] >> 3) & 15 == UPDATE
        labels, at = [], 12
        while raw[at]:
            labels.append(raw[at + 1:at + 1 + raw[at]].decode("ascii", "replace").lower())
            at += 1 + raw[at]
        self.name, self.end = ".".join(labels), at + 5
        self.type = struct.unpack_from(">H", raw, at + 1)[0]

    def answer(self, flags):
        """Id and question, and nothing more."""
        return self.raw[:2] + struct.pack(">5H", RESPONSE | (self.raw[2] & 0x78) << 8 | flags, 1, 0, 0, 0) \
            + self.raw[12:self.end]


# ---- which

def updates(asked):
    return asked.is_update


def place(asked):
    """The look for where the value of a challenge goes: no resolver asks that, but certroll."""
    return asked.type == TYPES["SOA"] and asked.name.startswith("_acme-challenge.") and not asked.is_update


def values_of_challenges(asked):
    """What certroll and CAs ask."""
    return asked.type == TYPES["TXT"] and asked.name.startswith("_acme-challenge.") and not asked.is_update


# ---- rules: of what was asked and the real server's answer to what is answered; None is silence

def says(rcode):
    """That code and nothing else, also to updates, which are not done."""
    return lambda asked, pass_on: asked.answer(rcode)


def silent(asked, pass_on):
    """Neither heard nor done."""
    return None


def truncated(asked, pass_on):
    """Over UDP; what comes by TCP is whole."""
    return pass_on() if asked.tcp else asked.answer(AA | TC)


def no_authority(asked, pass_on):
    reply = bytearray(pass_on())
    reply[2] &= ~(AA >> 8)
    return bytes(reply)


def unsigned(asked, pass_on):
    """Done, but the answer's TSIG record is missing."""
    pass_on()
    return asked.answer(0)


def badly_signed(asked, pass_on):
    """The last byte of the MAC is another: original id, error and the length of nothing come after it."""
    reply = bytearray(pass_on())
    reply[-7] ^= 1
    return bytes(reply)


class Front:
    """Before the server at an address. rules: (which, rule), the first whose which(asked) is true; forges: before each
    answer over UDP come forgeries that refuse the same; tcp: whether it listens there; v6: whether its address is an IPv6
    one. asked: all that came."""

    def __init__(self, behind, *rules, forges=False, tcp=True, v6=False):
        self.address, self.behind = own_address(v6), behind
        self.family = socket.AF_INET6 if v6 else socket.AF_INET
        self.rules, self.forges, self.asked = list(rules), forges, []
        self.has_tcp, self.ended = tcp, threading.Event()

    def __enter__(self):
        on_loopback("replace", self.address)
        self.udp = socket.socket(self.family, socket.SOCK_DGRAM)
        self.udp.bind((self.address, 53))
        self.strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for one, address in zip(self.strangers, ("127.0.0.1", self.address if self.family == socket.AF_INET else "")):
            one.bind((address, 0))
        self.listener = None
        if self.has_tcp:
            self.listen()
        self.threads = [threading.Thread(target=self._run, daemon=True)]
        self.threads[0].start()
        return self

    def listen(self):
        """By TCP, too, from now on."""
        self.listener = socket.create_server((self.address, 53), family=self.family)

    def mend(self):
        """From now on it is as good as the server behind it."""
        self.rules, self.forges = [], False
        if self.listener is None:
            self.listen()

    def __exit__(self, *_):
        self.ended.set()
        self.threads[0].join(10)
        for one in (self.udp, self.listener, *self.strangers):
            if one is not None:
                one.close()
        on_loopback("del", self.address)

    def updates(self):
        return [one for one in self.asked if one.is_update]

    # ---- at work

    def _run(self):
        while not self.ended.is_set():
            doors = [one for one in (self.udp, self.listener) if one is not None]
            for door in readable(doors, 0.05):
                threading.Thread(target=self._datagram if door is self.udp else self._connection,
                                 args=door.recvfrom(4096) if door is self.udp else door.accept(), daemon=True).start()

    def _datagram(self, raw, sender):
        with contextlib.suppress(OSError):  # the real server, or the test, is over
            reply = self._reply(raw, False)
            if self.forges:
                self._forge(Asked(raw, False), sender)
            if reply is not None:
                self.udp.sendto(reply, sender)

    def _connection(self, connection, _sender):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            while True:
                raw = receive(connection, struct.unpack(">H", receive(connection, 2))[0])
                reply = self._reply(raw, True)
                if reply is not None:
                    connection.sendall(struct.pack(">H", len(reply)) + reply)

    def _reply(self, raw, tcp):
        asked = Asked(raw, tcp)
        self.asked.append(asked)
        rule = next((rule for which, rule in self.rules if which(asked)), lambda _, pass_on: pass_on())
        return rule(asked, lambda: self._pass_on(raw))

    def _pass_on(self, raw):
        with socket.create_connection((self.behind, 53), PATIENCE) as connection:
            connection.sendall(struct.pack(">H", len(raw)) + raw)
            return receive(connection, struct.unpack(">H", receive(connection, 2))[0])

    def _forge(self, asked, sender):
        """Each would be believed by who does not look at one thing: the source, the id, the question. Over another question
        BIND as a resolver gives up, so that is for what certroll alone sends."""
        whole = asked.answer(REFUSED)
        for stranger in self.strangers:
            stranger.sendto(whole, sender)
        other_id = bytes([whole[0] ^ 1]) + whole[1:]
        other_name = whole[:13] + bytes([whole[13] ^ 1]) + whole[14:]
        other_type = whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]
        for forgery in (other_id, *((other_name, other_type) if updates(asked) or place(asked) else ())):
            self.udp.sendto(forgery, sender)
