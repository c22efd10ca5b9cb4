# SPDX-License-Identifier: Apache-2.0
"""A TLS server between the controller and the API server or the CA. It shows each request to hooks, which can let it
pass, answer in the server's place, change the answer, or cut it off: crash points and faults, to the request. The host
that the controller named is passed on, so that an ACME server's URLs lead through here and signatures stay whole."""
import http.client
import http.server
import os
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from .ports import free_port

DROPPED = {"connection", "transfer-encoding", "content-length"}


class Cut(Exception):
    """Raised by a hook: the connection is closed without an answer."""


class Reset(Cut):
    """The same, and the peer is told so by a TCP reset."""


class Seen:
    """A request and the monotonic time when it came; when the server has answered, its status and headers."""

    def __init__(self, method, path, body):
        self.method, self.path, self.body = method, path, body
        self.at = time.monotonic()
        self.status = 0
        self.headers = {}

    def __repr__(self):
        return f"{self.method} {self.path} -> {self.status}"


class Answer:
    """What is sent to the controller. length: a Content-Length that is not the body's; the connection is closed after
    it. pace: seconds to wait before each byte of the body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.length = None
        self.pace = 0


class Proxy:
    """upstream: an https URL, of that CA, or an http URL. before(seen) runs before a request is passed on, and may return (status, bytes), (status, bytes, headers) or an
    Answer to answer it itself; after(seen) runs when the server has answered and the controller does not know yet;
    change(seen, answer) then may change that answer. Each may raise Cut."""

    def __init__(self, upstream, ca_file, certificate, key):
        url = urllib.parse.urlsplit(upstream)
        self.upstream = (url.hostname, url.port)
        self.client = ssl.create_default_context(cafile=str(ca_file)) if url.scheme == "https" else None
        self.before = self.after = lambda seen: None
        self.change = lambda seen, answer: None
        self.requests = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                proxy.handle(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a controller that was killed leaves broken connections

        self.server = Server(("127.0.0.1", free_port()), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(certificate), str(key))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def posts(self, word):
        """The POSTs to a path with this word, in order."""
        return [r for r in self.requests if r.method == "POST" and f"/{word}" in r.path]

    def handle(self, handler):
        """One request, on the thread of its connection."""
        length = int(handler.headers.get("Content-Length") or 0)
        seen = Seen(handler.command, handler.path, handler.rfile.read(length))
        self.requests.append(seen)
        try:
            made = self.before(seen)
            if made is not None:
                if not isinstance(made, Answer):
                    made = Answer(made[0], {"Content-Type": "application/json", **dict(*made[2:])}, made[1])
                seen.status = made.status
                self._reply(handler, made)
                return
            self._pass(handler, seen)
        except (Cut, OSError, http.client.HTTPException) as error:
            handler.close_connection = True
            if isinstance(error, Reset):
                self._reset(handler.connection)

    def _pass(self, handler, seen):
        connection = http.client.HTTPSConnection(*self.upstream, context=self.client, timeout=700) if self.client else \
            http.client.HTTPConnection(*self.upstream, timeout=700)
        try:
            connection.request(seen.method, seen.path, seen.body or None,
                               {k: v for k, v in handler.headers.items() if k.lower() not in DROPPED})
            answer = connection.getresponse()
            seen.status, seen.headers = answer.status, dict(answer.getheaders())
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in DROPPED}
            if "watch=" in seen.path:
                self._stream(handler, answer, headers)
                return
            made = Answer(answer.status, headers, answer.read())
            self.after(seen)
            self.change(seen, made)
            self._reply(handler, made)
        finally:
            connection.close()

    @staticmethod
    def _reply(handler, answer):
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if answer.pace:
            for at in range(len(answer.body)):
                time.sleep(answer.pace)
                handler.wfile.write(answer.body[at:at + 1])
        else:
            handler.wfile.write(answer.body)
        if answer.length is not None:
            handler.close_connection = True

    @staticmethod
    def _reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())

    @staticmethod
    def _stream(handler, answer, headers):
        """A watch: what comes goes out, chunk by chunk."""
        handler.send_response_only(answer.status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while data := answer.read1(65536):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()
