# SPDX-License-Identifier: Apache-2.0
"""Clients of what uses a certificate: they see what is served."""
import contextlib
import http.client
import imaplib
import smtplib
import socket
import ssl
import threading
import time

from .tls import Leaf


class NamedContext(ssl.SSLContext):
    """Connects to addresses and verifies a name."""

    def __new__(cls, name, roots):
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.name = name
        context.load_verify_locations(cadata=roots)
        return context

    def __init__(self, name, roots):
        pass

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, suppress_ragged_eofs=True,
                    server_hostname=None, session=None):
        return super().wrap_socket(sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, self.name, session)


def serial_of(connection):
    """What the peer of a TLS socket presented."""
    return Leaf(ssl.DER_cert_to_PEM_cert(connection.getpeercert(True))).serial


def tls_serial(address, port, context):
    """The serial number served there; the handshake verifies chain and name."""
    with socket.create_connection((address, port), timeout=5) as plain, context.wrap_socket(plain) as connection:
        return serial_of(connection)


def smtp_serial(address, port, context):
    """By STARTTLS."""
    with smtplib.SMTP(address, port, "client.test", timeout=10) as mail:
        mail.starttls(context=context)
        return serial_of(mail.sock)


def imaps_serial(address, port, context):
    with imaplib.IMAP4_SSL(address, port, ssl_context=context, timeout=10) as mail:
        return serial_of(mail.socket())


class Traffic:
    """A context in which a client asks again and again, each time over a new connection: served counts the answers by
    serial number ("" without TLS), failed has the others."""

    def __init__(self, address, port, host, path="/", context=None):
        self.target = (address, port)
        self.host, self.path, self.context = host, path, context
        self.served, self.failed = {}, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _ask(self):
        connection = http.client.HTTPSConnection(*self.target, timeout=5, context=self.context) if self.context \
            else http.client.HTTPConnection(*self.target, timeout=5)
        with contextlib.closing(connection):
            connection.connect()
            serial = connection.sock.getpeercert()["serialNumber"] if self.context else ""
            connection.request("GET", self.path, headers={"Host": self.host, "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(f"status {answer.status}")
        return serial

    def _run(self):
        while not self.stopping.is_set():
            try:
                serial = self._ask()
                self.served[serial] = self.served.get(serial, 0) + 1
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{time.strftime('%X')} {error!r}")
            self.stopping.wait(0.01)

    @property
    def total(self):
        return sum(self.served.values())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(15)
