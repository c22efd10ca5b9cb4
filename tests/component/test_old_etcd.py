# SPDX-License-Identifier: Apache-2.0
"""An API server over Debian's etcd 3.4: it answers a streaming list with 200 and then, in the stream, with error 500.
The controller lists and watches instead, for the life of the process."""
import os
import pathlib
import shutil
import subprocess

import pytest

from lib.api import Api
from lib.audit import Audit
from lib.cluster import Cluster, install_crds, service_account
from lib.controller import Controller
from lib.objects import certificate, self_signed

HOME = "certroll"


def unpack_etcd(folder):
    """The program of Debian's package, which is not installed: that would start it."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("this takes etcd from Debian's package etcd-server")
    folder.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(["apt-get", "download", "etcd-server"], cwd=folder, capture_output=True, text=True)
    assert got.returncode == 0, f"apt-get download etcd-server: {got.stderr}"
    package = next(folder.glob("etcd-server_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True)
    package.unlink()


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    """A folder for KUBEBUILDER_ASSETS with etcd 3.4 in it."""
    cache = pathlib.Path(os.environ.get("CERTROLL_CACHE", pathlib.Path.home() / ".cache/certroll")) / "debian-etcd"
    program = cache / "root/usr/bin/etcd"
    if not program.exists():
        unpack_etcd(cache)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if "Version: 3.4." not in version:
        pytest.skip(f"Debian's etcd is another here: {version.splitlines()[0]}")
    folder = tmp_path_factory.mktemp("assets")
    (folder / "etcd").symlink_to(program)
    return folder


@pytest.fixture(scope="module")
def old(assets, folder):
    """A cluster on it: its environment and an administrator."""
    cluster = Cluster(folder.parent.parent / "old-etcd-cluster", 7400)
    try:
        cluster.call("up", "--no-node", KUBEBUILDER_ASSETS=str(assets))
        env = cluster.env()
        api = Api(env["KUBECONFIG"])
        install_crds(api)
        api.namespace(HOME)
        yield env, api
    finally:
        cluster.call("down")


def test_streaming_list_that_fails_in_the_stream_becomes_list_and_watch(old, folder):
    env, api = old
    kubeconfig, user = service_account(api, folder, HOME, "old-etcd")
    audit = Audit(env["AUDIT_LOG"], user)
    ns = api.namespace("old")
    api.create(self_signed(ns))
    api.create(certificate(ns, "before"))
    with Controller(kubeconfig, folder, "old-etcd", HOME) as one:
        api.wait_ready("Certificate", ns, "before")
        api.create(certificate(ns, "after"))  # comes by watch
        api.wait_ready("Certificate", ns, "after")
        asked = [e for e in audit.entries() if e.kind == "certificates" and e.verb in ("list", "watch")]
        assert any("sendInitialEvents" in e.raw["requestURI"] for e in asked), asked
        assert [e for e in asked if e.verb == "list"], asked
        assert len(asked) < 8, f"no storm: {asked}"
        assert "RequestWatchProgress" in one.text() or "event=fallback" in one.text(), one.tail()
