# SPDX-License-Identifier: Apache-2.0
"""The Helm chart as `helm template` renders it."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/certroll"


def find_helm():
    """HELM, helm of PATH, or what hack/build-tools made."""
    built = subprocess.run([ROOT / "hack/build-tools", "--dir", "helm"], check=True, stdout=subprocess.PIPE, text=True)
    for path in (os.environ.get("HELM"), shutil.which("helm"), f"{built.stdout.strip()}/helm"):
        if path and os.access(path, os.X_OK):
            return path
    return None


class Chart:
    """The objects that the chart makes of some values."""

    def __init__(self, objects):
        self.objects = objects

    def all(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def one(self, kind, name=None):
        [found] = [o for o in self.all(kind) if name in (None, o["metadata"]["name"])]
        return found

    @property
    def pod(self):
        return self.one("Deployment")["spec"]["template"]

    @property
    def container(self):
        [container] = self.pod["spec"]["containers"]
        return container


@pytest.fixture(scope="session")
def helm():
    """helm with these arguments; the answer of `subprocess.run`."""
    path = find_helm()
    if path is None:
        pytest.skip("no helm: hack/build-tools helm")

    def run(*arguments, values=None, **options):
        return subprocess.run([path, *map(str, arguments)], input=yaml.safe_dump(values or {}), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    return run


@pytest.fixture(scope="session")
def template(helm):
    """`helm template` of the chart with these values, as helm's answer."""
    def run(values=None, release="certroll", kube_version="1.34.0"):
        return helm("template", release, CHART, "--namespace", "certroll-system", "--kube-version", kube_version,
                    "--values", "-", values=values)
    return run


@pytest.fixture(scope="session")
def render(template):
    """A Chart of these values; nobody may change it."""
    charts = {}

    def run(values=None, release="certroll"):
        key = (json.dumps(values or {}, sort_keys=True), release)
        if key not in charts:
            answer = template(values, release)
            assert answer.returncode == 0, answer.stderr
            charts[key] = Chart([o for o in yaml.load_all(answer.stdout, yaml.CSafeLoader) if o])
        return charts[key]
    return run


@pytest.fixture(scope="session")
def default(render):
    return render()
