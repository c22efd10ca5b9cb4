# SPDX-License-Identifier: Apache-2.0
"""Processes that are servers, and what a test wants of one that is an ACME CA."""
import base64
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

from lib.cluster import ROOT
from lib.wait import wait_for


def build_tool(name):
    """The folder of a pinned tool of hack/tools, built now if it is not in the cache."""
    command = [ROOT / "hack/build-tools", name]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800)
    assert done.returncode == 0, f"hack/build-tools {name}: {done.stdout}"
    return pathlib.Path(subprocess.check_output([ROOT / "hack/build-tools", "--dir", name], text=True).strip())


class Server:
    """One process with a folder of its own. A subclass says its command() and environ(); is_ready() when it serves."""

    def __init__(self, folder, name):
        self.name = name
        self.folder = pathlib.Path(folder) / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def environ(self):
        return {}

    def is_ready(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd=self.folder,
                                            env={**os.environ, **self.environ()})
        try:
            wait_for(f"{self.name} to serve", self._serves, 60, self.tail)
        except BaseException:
            self.stop()
            raise
        return self

    def _serves(self):
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}\n{self.tail()}"
        return self.is_ready()

    def stop(self):
        """By its pid; what does not go within 5 s is killed."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def tail(self, lines=30):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.log}\n" + "\n".join(text.splitlines()[-lines:])

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class AcmeServer(Server):
    """directory: the ACME URL; ca_file: what verifies its TLS; bundle(): the same for an Issuer's caBundle; root():
    the root of what it issues. What a CA can is said by the attributes below."""

    algorithms = ("ES256", "ES384", "RS256")  # of account keys
    refused = None  # a name that its policy refuses
    refusal = None  # what it says then, when not the name
    eab = None      # (kid, MAC key in base64url), when it wants one
    email = None    # an address, when it wants one
    path = "/directory"

    def __init__(self, folder, name, port, ca_file, host="127.0.0.1"):
        super().__init__(folder, name)
        self.port = port
        self.url = f"https://{host}:{port}"
        self.ca_file = pathlib.Path(ca_file)
        self.context = ssl.create_default_context(cafile=str(ca_file))

    @property
    def directory(self):
        return self.url + self.path

    def bundle(self):
        return base64.b64encode(self.ca_file.read_bytes()).decode()

    def root(self):
        raise NotImplementedError

    def forget(self):
        """Loses every account and order, as after a disaster."""
        raise NotImplementedError

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.directory, context=self.context, timeout=5) as answer:
                return answer.status == 200
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError) or isinstance(error.reason, ssl.SSLCertVerificationError):
                raise
            return False
        except OSError:  # a start that takes its time
            return False
