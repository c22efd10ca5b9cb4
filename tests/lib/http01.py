# SPDX-License-Identifier: Apache-2.0
"""Where no pods run, this is ingress controller and solver in one. It serves what the controller has made and nothing
else: an Ingress rule for the host and the exact path, or an HTTPRoute of a Gateway that there is; its Service, a Pod that the Service selects, and the thumbprint
in that Pod's arguments; or, behind a Service without selector, the endpoints of its EndpointSlices, each in turn. It listens on the port that Pebble validates on, and on port 80, where self-checks go; names
under .localhost are loopback for everyone without DNS (RFC 6761)."""
import contextlib
import http.client
import http.server
import socket
import threading

from .api import ApiError

PREFIX = "/.well-known/acme-challenge/"


class Responder:
    def __init__(self, api, ports, address="127.0.0.1"):
        self.api = api
        self.ports = ports
        self.address = address
        self.deaf = set()    # ports that answer nothing useful
        self.classes = None  # the Ingress classes that are served, None for all
        self.unserved = set()  # namespaces whose Ingresses are not
        self.hits = 0        # requests that found an Ingress rule
        self.hosts = set()   # what was asked for
        self.webroot = None  # a folder whose files are served, too: for other ACME clients
        self.servers = [self._server(port) for port in ports]

    def _server(self, port):
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers.get("Host", "").split(":")[0]
                responder.hosts.add(host)
                text = None if port in responder.deaf else responder.answer(host, self.path)
                status = 404 if text is None else 200
                body = (text or "nothing here\n").encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in responder.address else socket.AF_INET

            def handle_error(self, *_):
                pass  # the one who asked may have been killed

        server = Server((self.address, port), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def answer(self, host, path):
        """The body for a request, or None."""
        if not path.startswith(PREFIX):
            return None
        if self.webroot and (file := self.webroot / path[1:]).is_file():
            return file.read_text()
        for namespace, service in (*self._backends(host, path), *self._gateway_backends(host, path)):
            self.hits += 1
            for address in self._endpoints(namespace, service):
                return self._ask(self._routed(address), host, path)
            thumbprint = self._thumbprint(namespace, service)
            if thumbprint:
                return f"{path[len(PREFIX):]}.{thumbprint}"
        return None

    def _backends(self, host, path):
        for ingress in self.api.list("Ingress"):
            if self.classes is not None and ingress["spec"].get("ingressClassName") not in self.classes:
                continue
            if ingress["metadata"]["namespace"] in self.unserved:
                continue
            for rule in ingress["spec"].get("rules") or []:
                for row in rule.get("http", {}).get("paths", []):
                    fits = path == row["path"] if row["pathType"] == "Exact" else path.startswith(row["path"])
                    hosts = (None, host, "*." + host.partition(".")[2])
                    if rule.get("host") in hosts and fits and row["pathType"] in ("Exact", "Prefix"):
                        yield ingress["metadata"]["namespace"], row["backend"]["service"]["name"]

    def _list(self, kind):
        """Nothing where the cluster does not know the kind."""
        try:
            return self.api.list(kind)
        except ApiError as error:
            if error.status != 404:
                raise
            return []

    def _gateway_backends(self, host, path):
        for route in self._list("HTTPRoute"):
            home, spec = route["metadata"]["namespace"], route["spec"]
            if host not in spec.get("hostnames", [host]) or not any(self._is_there(home, r) for r in spec["parentRefs"]):
                continue
            for rule in spec["rules"]:
                if {"type": "Exact", "value": path} not in [match["path"] for match in rule["matches"]]:
                    continue
                for backend in rule["backendRefs"]:
                    namespace = backend.get("namespace", home)
                    if namespace == home or self._is_granted(home, namespace, backend["name"]):
                        yield namespace, backend["name"]

    def _is_there(self, home, parent):
        """A Gateway, or a ListenerSet of one."""
        found = self.api.get(parent["kind"], parent.get("namespace", home), parent["name"])
        if found is None or parent["kind"] == "Gateway":
            return found is not None
        return self._is_there(found["metadata"]["namespace"], {"kind": "Gateway", **found["spec"]["parentRef"]})

    def _is_granted(self, home, namespace, service):
        """May HTTPRoutes of one namespace lead to the Service of another?"""
        wanted = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": home}
        return any(wanted in grant["spec"]["from"] and
                   {"group": "", "kind": "Service", "name": service} in grant["spec"]["to"]
                   for grant in self._list("ReferenceGrant") if grant["metadata"]["namespace"] == namespace)

    def _endpoints(self, namespace, service):
        """Those of a Service without selector, another one first each time."""
        found = [(e["addresses"][0], s["ports"][0]["port"])
                 for s in self.api.list("EndpointSlice", namespace, f"kubernetes.io/service-name={service}")
                 for e in s.get("endpoints") or []]
        return found[self.hits % len(found):] + found[:self.hits % len(found)] if found else []

    def _routed(self, address):
        """What kube-proxy makes of the cluster IP of a Service: one of its endpoints."""
        for service in self.api.list("Service"):
            if service["spec"].get("clusterIP") == address[0]:
                behind = self._endpoints(service["metadata"]["namespace"], service["metadata"]["name"])
                return behind[0] if behind else address
        return address

    @staticmethod
    def _ask(address, host, path):
        connection = http.client.HTTPConnection(*address, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()

    def _thumbprint(self, namespace, service_name):
        service = self.api.get("Service", namespace, service_name)
        if service is None:
            return None
        selector = ",".join(f"{k}={v}" for k, v in service["spec"].get("selector", {}).items())
        for pod in self.api.list("Pod", namespace, selector):
            arguments = pod["spec"]["containers"][0]["args"]
            if not pod["metadata"].get("deletionTimestamp") and "--thumbprint" in arguments:
                return arguments[arguments.index("--thumbprint") + 1]
        return None

    @contextlib.contextmanager
    def away(self):
        """Leaves its ports to another one meanwhile."""
        self.close()
        try:
            yield
        finally:
            self.servers = [self._server(port) for port in self.ports]

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
