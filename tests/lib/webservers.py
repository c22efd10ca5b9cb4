# SPDX-License-Identifier: Apache-2.0
"""nginx, Apache and HAProxy from the distribution, as a user would run them, with lines that certroll printed."""
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

from .wait import wait_for

NGINX = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        {listen}
        root {folder}/www;
{lines}
        location / {{ return 404; }}
    }}
}}
"""

APACHE = """ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
{listen}
DocumentRoot {folder}/www
<VirtualHost *>
{lines}
</VirtualHost>
"""

HAPROXY = """defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    {listen}
{lines}
    http-request return status 404
"""


def sections(text):
    """What `kubectl certroll http01` printed: lines by server, without the comments."""
    found = {}
    for part in text.strip().split("\n\n"):
        head, lines = part.split("\n", 1)
        found[head.lstrip("# ").split()[0].rstrip(":").lower()] = lines
    return found


class WebServer:
    """One of them on these addresses ("127.0.0.2:80"), with the printed lines at their place."""

    def __init__(self, kind, folder, addresses, lines):
        self.kind = kind
        self.folder = pathlib.Path(folder)
        self.addresses = addresses
        (self.folder / "www").mkdir(parents=True)
        self.folder.chmod(0o755)
        self.command = getattr(self, "_" + kind)(lines)
        with open(self.folder / "output.log", "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for address in addresses:
            wait_for(f"{kind} on {address}", lambda a=address: self.get("/", a)[0] == 404, 15, self.text)

    def _write(self, name, template, listen, lines, **more):
        path = self.folder / name
        path.write_text(template.format(folder=self.folder, listen="\n    ".join(listen), lines=lines, **more))
        return str(path)

    def _nginx(self, lines):
        path = self._write("nginx.conf", NGINX, [f"listen {a};" for a in self.addresses], lines)
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        return ["nginx", "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", path, *user]

    def _apache(self, lines):
        path = self._write("apache.conf", APACHE, [f"Listen {a}" for a in self.addresses], lines,
                           modules="/usr/lib/apache2/modules")
        return ["apache2", "-DFOREGROUND", "-f", path]

    def _haproxy(self, lines):
        path = self._write("haproxy.cfg", HAPROXY, [f"bind {a}" for a in self.addresses], lines)
        return ["haproxy", "-f", path]

    def get(self, path, address=None, method="GET"):
        """Status and text; 0 when nobody listens."""
        url = f"http://{address or self.addresses[0]}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def text(self):
        return "\n".join(p.read_text(errors="replace") for p in self.folder.glob("*.log"))

    def close(self):
        self.process.terminate()
        self.process.wait(10)
