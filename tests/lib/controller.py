# SPDX-License-Identifier: Apache-2.0
"""One certroll controller process."""
import http.client
import os
import pathlib
import re
import signal
import subprocess

from .ports import free_port
from .wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def binary():
    """CERTROLL_BIN picks the program (hack/run-tests: the sanitized one), build/certroll else."""
    return os.environ.get("CERTROLL_BIN") or str(ROOT / "build/certroll")


class Controller:
    """`certroll controller`; flags as keywords: workers=4 is --workers=4, namespace="a" is --namespace=a. home: the
    namespace that its pod would be in. Its output goes to folder/name.log, several lives of one name into one file."""

    def __init__(self, kubeconfig, folder, name="certroll", home="certroll", **flags):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.port = free_port()
        flags = {"kubeconfig": kubeconfig, "listen": f"127.0.0.1:{self.port}", "log-level": "debug", **flags}
        self.command = [binary(), "controller"]
        self.command += [f"--{k.replace('_', '-')}={v}" for k, v in flags.items() if v is not None]
        self.environ = {k: v for k, v in os.environ.items()
                        if not k.startswith(("KUBE", "POD_")) and not k.upper().endswith("_PROXY")}
        self.environ.update(POD_NAMESPACE=home, POD_NAME=name)
        self.process = None

    # ---- life

    def start(self, ready=True):
        """Starts it; ready: waits until /readyz says so."""
        assert not self.running(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environ)
        if ready:
            wait_for(f"{self.name} to be ready", self.is_ready, 30, self.tail)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def is_ready(self):
        assert self.running(), f"{self.name} ended with {self.process.returncode}\n{self.tail()}"
        return self.get("/readyz")[0] == 200

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=15):
        """Its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s\n{self.tail()}") from None

    def kill(self):
        """kill -9."""
        if self.running():
            self.signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self):
        """SIGTERM; it must end well, and with nothing for a sanitizer to say."""
        if self.process is None:
            return
        if self.running():
            self.signal(signal.SIGTERM)
        code = self.wait()
        assert code in (0, -signal.SIGKILL), f"{self.name} ended with {code}\n{self.tail()}"
        self.check_log()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()

    # ---- looking at it

    def get(self, path):
        """Status and text of its own HTTP server; 0 when nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def metric(self, name, /, **labels):
        """The sum of the samples with these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if not found or found[1] != name:
                continue
            have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            if all(have.get(k) == str(v) for k, v in labels.items()):
                total += float(found[3])
        return total

    def reconciles(self, controller=None):
        """How often a reconcile has run."""
        labels = {"controller": controller} if controller else {}
        return self.metric("certroll_reconcile_duration_seconds_count", **labels)

    def memory(self):
        """/proc's VmRSS, RssAnon ... in KiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return {k: int(v) for k, v in re.findall(r"(\w+):\s+(\d+) kB", text)}

    def threads(self):
        """How many it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=40):
        return f"--- {self.log}\n" + "\n".join(self.text().splitlines()[-lines:])

    def check_log(self):
        found = SANITIZER.search(self.text())
        assert not found, f"{self.name}: {self.text()[found.start():found.start() + 3000]}"
