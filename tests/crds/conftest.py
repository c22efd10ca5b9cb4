# SPDX-License-Identifier: Apache-2.0
"""The CRDs on a real API server, the one of KUBECONFIG, under an API group of their own: neither certroll nor
another run of these tests on the same server is disturbed."""
import os
import re
import subprocess
import uuid

import pytest
import yaml

from crdserver import ROOT, Api, delete_crds, run, wait_served


@pytest.fixture(scope="session", autouse=True)
def discovery_cache(tmp_path_factory):
    """Nobody else's kubectl shall remember our groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECACHEDIR", str(tmp_path_factory.mktemp("kubectl")))
        yield


@pytest.fixture(scope="session")
def proxy():
    if not os.environ.get("KUBECONFIG"):
        pytest.fail('these tests need an API server: hack/cluster up --no-node && eval "$(hack/cluster env)"')
    with subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        yield "http://" + re.search(r"127\.0\.0\.1:\d+", process.stdout.readline()).group()
        process.terminate()


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """The CRDs of a group that nothing else on the server uses."""
    folder = tmp_path_factory.mktemp("crds")
    group = f"g{uuid.uuid4().hex[:8]}.example.org"
    run(ROOT / "hack/render-crds", "--group", group, "--out", folder)
    crds = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]
    return group, folder, crds


@pytest.fixture(scope="session")
def api(proxy, rendered):
    group, folder, crds = rendered
    try:
        run("kubectl", "apply", "-f", folder)
        names = [f"crd/{crd['metadata']['name']}" for crd in crds]
        run("kubectl", "wait", "--timeout=60s", "--for=condition=Established", *names)
        server = Api(proxy, group)
        wait_served(server, [crd["spec"]["names"]["kind"] for crd in crds])
        yield server
    finally:
        delete_crds("-f", folder)
