# SPDX-License-Identifier: Apache-2.0
"""What a server with the CRDs shows: conditions, `kubectl explain`, columns, selectors, categories."""
import pytest

from crdserver import ROOT, run
from test_rules import FULL, SPECS

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

# Columns of `kubectl get`, and those that -o wide adds.
COLUMNS = {
    "Certificate": (["Name", "Ready", "Secret", "Age"], ["Issuer", "Renewal", "Not After", "Status"]),
    "CertificateRequest": (["Name", "Approved", "Denied", "Ready", "Issuer", "Requester", "Age"], ["Status"]),
    "Issuer": (["Name", "Ready", "Age"], ["Status"]),
    "ClusterIssuer": (["Name", "Ready", "Age"], ["Status"]),
    "Order": (["Name", "State", "Age"], ["Issuer", "Reason"]),
    "Challenge": (["Name", "State", "Domain", "Age"], ["Reason"]),
}


def test_the_committed_files_apply(proxy):
    """`kubectl apply -f crds/` works as it stands, without the rest of the folder."""
    answer = run("kubectl", "apply", "--dry-run=server", "-f", ROOT / "crds").splitlines()
    assert len(answer) == len(SPECS), answer


def test_the_server_has_no_complaint(api, rendered):
    for crd in rendered[2]:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}"
        conditions = api.request("GET", path)[1]["status"]["conditions"]
        assert {c["type"]: c["status"] for c in conditions} == {"NamesAccepted": "True", "Established": "True"}


@pytest.fixture
def explain(tmp_path):
    """`kubectl explain`, which shall ask the server, not what kubectl remembers of it."""
    def run_it(*arguments):
        return run("kubectl", "explain", "--cache-dir", tmp_path, *arguments)
    return run_it


@pytest.mark.parametrize("kind", SPECS)
def test_explain(api, explain, kind):
    plural = f"{kind.lower()}s.{api.group_of(kind)}"
    text = explain(plural, "--recursive")
    for field in SPECS[kind]:
        assert f"{field}\t" in text
    assert "<no description>" not in explain(f"{plural}.spec")


def test_explain_names_the_group(api, explain):
    text = explain(f"certificates.{api.group}.spec.issuerRef.group")
    assert f"{api.group} by default" in " ".join(text.split())


@pytest.mark.parametrize("kind", SPECS)
def test_columns(api, kind):
    columns = api.request("GET", api.collection(kind), accept=TABLE)[1]["columnDefinitions"]
    normal, wide = COLUMNS[kind]
    assert [c["name"] for c in columns if c["priority"] == 0] == normal
    assert [c["name"] for c in columns if c["priority"] > 0] == wide


def test_columns_show_the_status(api):
    _, made = api.create("Certificate", SPECS["Certificate"])
    api.update("Certificate", {**made, "status": FULL["Certificate"]}, "/status")
    table = api.request("GET", f"{api.collection('Certificate')}/{made['metadata']['name']}", accept=TABLE)[1]
    cells = dict(zip((c["name"] for c in table["columnDefinitions"]), table["rows"][0]["cells"]))
    assert (cells["Ready"], cells["Secret"], cells["Issuer"]) == ("True", "www-tls", "ca")
    assert (cells["Renewal"], cells["Not After"]) == ("2027-01-20T00:00:00Z", "2027-02-19T00:00:00Z")


@pytest.mark.parametrize("kind", ["Certificate", "CertificateRequest", "Order", "Challenge"])
def test_field_selectors(api, kind):
    ref = {"name": f"only-{kind.lower()}", "kind": "ClusterIssuer", "group": api.group}
    _, made = api.create(kind, {**SPECS[kind], "issuerRef": ref})
    for field, value in ref.items():
        for wanted, expected in ((value, [made["metadata"]["name"]]), ("other", [])):
            selector = f"spec.issuerRef.{field}={wanted},metadata.name={made['metadata']['name']}"
            code, answer = api.request("GET", f"{api.collection(kind)}?fieldSelector={selector}")
            assert code == 200, answer
            assert [o["metadata"]["name"] for o in answer["items"]] == expected


def test_names(api, rendered):
    names = {crd["spec"]["names"]["kind"]: crd["spec"]["names"] for crd in rendered[2]}
    assert {kind: n.get("shortNames", []) for kind, n in names.items()} == {
        "Certificate": ["cert", "certs"], "CertificateRequest": ["cr", "crs"], "Issuer": ["iss"],
        "ClusterIssuer": ["ciss"], "Order": [], "Challenge": []}
    acme = f"acme.{api.group}"
    for category, group, kinds in (
            ("certroll", api.group, ["certificaterequests", "certificates", "clusterissuers", "issuers"]),
            ("certroll", acme, ["challenges", "orders"]),
            ("certroll-acme", acme, ["challenges", "orders"])):
        listed = run("kubectl", "api-resources", f"--categories={category}", f"--api-group={group}", "-o", "name")
        assert sorted(listed.split()) == [f"{kind}.{group}" for kind in kinds]


def test_status_is_a_subresource(api):
    """Whoever may write the spec does not thereby write the status, nor the other way round."""
    for kind in SPECS:
        _, made = api.create(kind, SPECS[kind])
        _, answer = api.update(kind, {**made, "status": FULL.get(kind, {"conditions": []})})
        assert "status" not in answer
        code, answer = api.update(kind, {**answer, "spec": {**SPECS[kind], "duration": "24h"},
                                         "status": FULL.get(kind, {"conditions": []})}, "/status")
        assert code == 200 and answer["spec"] == SPECS[kind] and "status" in answer
