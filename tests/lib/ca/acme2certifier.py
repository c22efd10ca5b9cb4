# SPDX-License-Identifier: Apache-2.0
"""acme2certifier: an ACME server in Python that signs with openssl keys. It is run as it comes, by a WSGI server, with
a configuration file; it asks DNS servers on port 53 and validates HTTP-01 on port 80."""
import json

from lib.ports import free_port

from .server import AcmeServer, build_tool

CONFIG = """\
[DEFAULT]
debug: False
dns_server_list: ["{dns}"]

[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_cert: {certificate}
issuing_ca_key: {key}
issuing_ca_crl: {folder}/crl.pem
cert_save_path: {folder}
ca_cert_chain_list: ["{root}"]
cert_validity_days: {days}

[Order]
allowed_domainlist: ["*.localhost"]

[DBhandler]
handler: wsgi
dbfile: {folder}/acme.db

[Challenge]
challenge_validation_timeout: 10
"""
EAB = """
[EABhandler]
eab_handler_module: acme2certifier.eabhandlers.json_handler
key_file: {keys}
"""
MAC_KEY = "d2hhdCBpcyBsb25nIGVub3VnaCBmb3IgSFMyNTYgaGFzIDMyIGJ5dGVz"


class Acme2certifier(AcmeServer):
    """eab: an external account is wanted; days: that its certificates live."""

    algorithms = ("ES256", "RS256")
    refused = "refused.example"
    email = "admin@example.org"  # it registers nobody without

    def __init__(self, folder, authority, names, _http_port=80, name="acme2certifier", *, eab=False, days=30):
        super().__init__(folder, name, free_port(), authority.root)
        self.authority = authority
        self.packages = build_tool("acme2certifier")
        self.eab = ("kid-1", MAC_KEY) if eab else None
        certificate, key = authority.intermediate()
        text = CONFIG.format(dns=names.standard, certificate=certificate, key=key, root=authority.root, days=days,
                             folder=self.folder)
        if eab:
            keys = self.folder / "eab.json"
            keys.write_text(json.dumps({"kid-1": MAC_KEY}))
            text += EAB.format(keys=keys)
        self.config = self.folder / "acme_srv.cfg"
        self.config.write_text(text)

    def command(self):
        certificate, key = self.authority.server()
        return ["/usr/bin/python3", "-s", "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "1",
                "--threads", "8", "--keep-alive", "30", "--certfile", certificate, "--keyfile", key,
                "--no-control-socket", "--access-logfile", "-", "acme2certifier.share.acme2certifier_wsgi:application"]

    def environ(self):
        return {"PYTHONPATH": str(self.packages), "ACME_SRV_CONFIGFILE": str(self.config),
                "ACME2CERTIFIER_BASE_DIR": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def root(self):
        return self.authority.root.read_text()

    def forget(self):
        self.stop()
        (self.folder / "acme.db").unlink()
        self.start()
