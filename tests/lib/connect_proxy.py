# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy for CONNECT (RFC 9110 section 9.3.6), as companies put before their clusters."""
import base64
import http.server
import socket
import threading

from lib.ports import free_port
from lib.wait import readable


class ConnectProxy:
    """Lets connections through to whatever is named, or to names[host]; asked: each "host:port" that it was asked for.
    status: another answer than 200. user: "name:password" that it wants to see."""

    def __init__(self, user=None):
        self.user, self.status, self.asked, self.names = user, 200, [], {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self):
                proxy.connect(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{user + '@' if user else ''}{self.address}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _refusal(self, handler):
        wanted = self.user and "Basic " + base64.b64encode(self.user.encode()).decode()
        return 407 if wanted and handler.headers.get("Proxy-Authorization") != wanted else self.status

    def connect(self, handler):
        self.asked.append(handler.path)
        handler.close_connection = True
        if (status := self._refusal(handler)) != 200:
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        host, _, port = handler.path.rpartition(":")
        with socket.create_connection((self.names.get(host, host.strip("[]")), int(port)), 5) as server:
            handler.send_response(200)
            handler.end_headers()
            self._carry(handler.connection, server)

    @staticmethod
    def _carry(client, server):
        """Bytes both ways until one side ends."""
        other = {client: server, server: client}
        while True:
            for ready in readable([client, server], 60):
                data = ready.recv(65536)
                if not data:
                    return
                other[ready].sendall(data)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
