# SPDX-License-Identifier: Apache-2.0
"""The test cluster itself is under test here: beside any other, in a state folder, a network and ports of its own."""
import os
import pathlib
import shlex
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Cluster:
    """hack/cluster on one state folder."""

    def __init__(self, folder):
        self.folder = folder
        self.environ = {k: v for k, v in os.environ.items() if k not in ("KUBECONFIG", "KUBEBUILDER_ASSETS")}
        self.environ.update(
            CERTROLL_CLUSTER_DIR=str(folder), CERTROLL_NODE_INDEX="9", CERTROLL_PORT_OFFSET="900",
            CERTROLL_EXTERNAL_CLUSTER="0")

    def call(self, *arguments, timeout=580, **more):
        """Run a command whatever comes of it."""
        return subprocess.run(
            [ROOT / "hack/cluster", *arguments], env={**self.environ, **more}, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)

    def must(self, *arguments, **more):
        """Run a command that has to work."""
        done = self.call(*arguments, **more)
        assert done.returncode == 0, f"hack/cluster {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def env(self):
        """What `env` prints, as a shell would read it."""
        words = shlex.split(self.must("env"))
        return dict(word.split("=", 1) for word in words if "=" in word)

    def kubectl(self, *arguments, text=None):
        """The pinned kubectl on this cluster."""
        done = subprocess.run(
            [self.folder / "bin/kubectl", *arguments], env={**os.environ, "KUBECONFIG": self.env()["KUBECONFIG"]},
            input=text, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def pid(self, name):
        """The recorded pid of a component."""
        return int((self.folder / "run" / f"{name}.pid").read_text().split()[0])


def poll(seconds, what, probe):
    """The probe's first true answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


def needs_root():
    """A node cannot be had without root, and a silent pass would say nothing."""
    if os.geteuid() != 0:
        pytest.skip("a node needs root")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster that is down, and down again afterwards."""
    made = Cluster(tmp_path_factory.mktemp("c"))
    yield made
    made.call("down")
