# SPDX-License-Identifier: Apache-2.0
"""What the CRDs must hold that no API server checks."""
import re
import subprocess

import pytest
import yaml

from crdserver import ROOT

CRDS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))}


def schema(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def walk(node, path=""):
    """(path, schema) of every node below and at node."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in node:
        yield from walk(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from walk(node["additionalProperties"], f"{path}{{}}")


each_crd = pytest.mark.parametrize("crd", CRDS.values(), ids=CRDS)


def test_rendered_files_are_fresh():
    subprocess.run([ROOT / "hack/render-crds", "--check"], check=True)


def test_every_kind_is_there():
    names = {crd["spec"]["names"]["kind"]: (crd["spec"]["group"], crd["spec"]["scope"]) for crd in CRDS.values()}
    assert names == {
        "Certificate": ("certroll.dev", "Namespaced"),
        "CertificateRequest": ("certroll.dev", "Namespaced"),
        "Issuer": ("certroll.dev", "Namespaced"),
        "ClusterIssuer": ("certroll.dev", "Cluster"),
        "Order": ("acme.certroll.dev", "Namespaced"),
        "Challenge": ("acme.certroll.dev", "Namespaced"),
    }


@each_crd
def test_one_version_with_status(crd):
    [version] = crd["spec"]["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    assert version["subresources"] == {"status": {}}
    assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"


@each_crd
def test_issuer_references_are_selectable(crd):
    fields = [field["jsonPath"] for field in crd["spec"]["versions"][0].get("selectableFields", [])]
    has_ref = "issuerRef" in schema(crd)["properties"]["spec"]["properties"]
    assert fields == ([f".spec.issuerRef.{name}" for name in ("group", "kind", "name")] if has_ref else [])


@each_crd
def test_described(crd):
    """`kubectl explain` has a sentence for every field; for the values of a map the map says what they are."""
    missing = [path for path, node in walk(schema(crd))
               if "{}" not in path and not re.fullmatch(r"(?s).{5,}\.", node.get("description", ""))]
    assert missing == []


@each_crd
def test_bounded(crd):
    """Whatever a user can make big has a maximum."""
    def bounded(node):
        if node.get("type") == "string":
            return "maxLength" in node or "enum" in node or node.get("format") == "date-time"
        if node.get("type") == "array":
            return "maxItems" in node
        return "additionalProperties" not in node or "maxProperties" in node
    assert [path for path, node in walk(schema(crd)) if not bounded(node)] == []


@each_crd
def test_no_defaults(crd):
    """Defaults are the controller's: cert-manager's CRDs have none either."""
    assert [path for path, node in walk(schema(crd)) if "default" in node] == []


@each_crd
def test_lists_say_how_they_merge(crd):
    assert [path for path, node in walk(schema(crd)) if node.get("type") == "array" and "{}" not in path
            and node.get("x-kubernetes-list-type") not in ("atomic", "map")] == []


def test_issuer_and_cluster_issuer_are_the_same():
    issuer, cluster_issuer = (schema(CRDS[name])["properties"] for name in ("issuers", "clusterissuers"))
    assert issuer == cluster_issuer


def test_challenges_have_the_issuers_solver():
    [solver] = [node for path, node in walk(schema(CRDS["challenges"])) if path == ".spec.solver"]
    [item] = [node for path, node in walk(schema(CRDS["issuers"])) if path == ".spec.acme.solvers[]"]
    assert {**solver, "description": ""} == {**item, "description": ""}


def test_another_group(tmp_path):
    subprocess.run([ROOT / "hack/render-crds", "--group", "cert-manager.io", "--out", tmp_path], check=True)
    for name, crd in CRDS.items():
        text = (tmp_path / f"{name}.yaml").read_text()
        # What is left of our own domain: annotations under certroll.dev/ are ours in every group.
        assert re.findall(r"certroll\.dev(?!/)", text) == []
        other = yaml.safe_load(text)
        assert other["spec"]["group"] == crd["spec"]["group"].replace("certroll.dev", "cert-manager.io")
    roles = list(yaml.safe_load_all((tmp_path / "rbac/clusterroles.yaml").read_text()))
    assert "certroll-controller" in [role["metadata"]["name"] for role in roles]
    assert "certroll.dev" not in str(roles)
