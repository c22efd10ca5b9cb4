# SPDX-License-Identifier: Apache-2.0
"""The chart's ValidatingAdmissionPolicies on a real API server: who a request is from, and who approves it."""
import time
import uuid

import pytest
import yaml

from crdserver import ROOT
from test_rules import SPECS, YES, conditions

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
RBAC = "/apis/rbac.authorization.k8s.io/v1/clusterrole"


def delete(api, path):
    api.request("DELETE", path)


def allow(api, user, *rules):
    """A ClusterRole of the user's own; its name."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    meta = {"metadata": {"name": name}}
    assert api.request("POST", f"{RBAC}s", {**meta, "rules": list(rules)})[0] == 201
    binding = {**meta, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
               "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}
    assert api.request("POST", f"{RBAC}bindings", binding)[0] == 201
    return name


def wait_allowed(api, user, **what):
    """Until the API server's authorizer has seen what allow() wrote: it watches roles and bindings like anybody else."""
    review = {"spec": {"user": user, "resourceAttributes": {"namespace": "default", "group": api.group, **what}}}
    deadline = time.monotonic() + 30
    while not api.request("POST", REVIEWS, review)[1]["status"]["allowed"]:
        assert time.monotonic() < deadline, f"{user} is not allowed to {what}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def people(api):
    """user(): a name that may write CertificateRequests and their status, and approve for these signers."""
    made = []

    def user(*signers):
        name = f"user-{uuid.uuid4().hex[:8]}"
        of = {"apiGroups": [api.group]}
        rules = [{**of, "resources": ["certificaterequests", "certificaterequests/status"],
                  "verbs": ["create", "update"]}]
        if signers:
            rules.append({**of, "resources": ["signers"], "verbs": ["approve"],
                          "resourceNames": [s.replace("@G@", api.group) for s in signers]})
        made.append(allow(api, name, *rules))
        wait_allowed(api, name, verb="create", resource="certificaterequests")
        return name
    yield user
    for name in made:
        delete(api, f"{RBAC}bindings/{name}")
        delete(api, f"{RBAC}s/{name}")


@pytest.fixture(scope="module", autouse=True)
def policies(api, people):
    """In force for the group of these tests; it takes the API server a moment to see them."""
    text = (ROOT / "charts/certroll/files/admission.yaml").read_text().replace("@G@", api.group)
    names = []
    for word, spec in yaml.safe_load(text).items():
        name = f"{word}.{api.group}"
        names.append(name)
        assert api.request("POST", POLICIES, {"metadata": {"name": name}, "spec": spec})[0] == 201
        binding = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
        assert api.request("POST", f"{POLICIES[:-8]}policybindings", binding)[0] == 201
    nobody = people()
    made = request(api, nobody)[1]
    deadline = time.monotonic() + 30
    while request(api, nobody, username="x")[0] == 201 or judge(api, nobody, made, "Denied", True)[0] == 200:
        assert time.monotonic() < deadline, "the policies are not in force"
        time.sleep(0.2)
    yield
    for name in names:
        delete(api, f"{POLICIES[:-8]}policybindings/{name}")
        delete(api, f"{POLICIES}/{name}")


def request(api, user, headers=None, **spec):
    """What making a CertificateRequest is answered with."""
    body = api.object("CertificateRequest", {**SPECS["CertificateRequest"], **spec})
    return api.request("POST", api.collection("CertificateRequest"), body,
                       headers={"Impersonate-User": user, **(headers or {})})


def judge(api, user, made, condition, dry_run=False):
    """What adding the condition to its status is answered with."""
    path = f"{api.collection('CertificateRequest')}/{made['metadata']['name']}/status{'?dryRun=All' if dry_run else ''}"
    have = made.get("status", {}).get("conditions", [])
    body = {**made, "status": {"conditions": have + conditions(**{condition: YES})["conditions"]}}
    return api.request("PUT", path, body, headers={"Impersonate-User": user})


# ---- who a request is from

AUTHENTICATED = "system:authenticated"
GROUPS = {"Impersonate-Group": "team"}
EXTRA = {"Impersonate-Extra-scopes": "some"}


@pytest.mark.parametrize("headers, spec, allowed", [
    ({}, {}, True),
    ({}, {"username": "", "uid": "", "groups": [], "extra": {}}, True),
    ({}, {"username": "@me@"}, True),
    ({}, {"username": "somebody"}, False),
    ({}, {"uid": "1"}, False),
    ({"Impersonate-Uid": "1"}, {"uid": "1"}, True),
    ({"Impersonate-Uid": "2"}, {"uid": "1"}, False),
    (GROUPS, {"groups": [AUTHENTICATED, "team"]}, True),
    (GROUPS, {"groups": ["team"]}, False),
    (GROUPS, {"groups": ["team", "system:masters"]}, False),
    ({}, {"groups": ["system:masters"]}, False),
    (EXTRA, {"extra": {"scopes": ["some"]}}, True),
    (EXTRA, {"extra": {"scopes": ["all"]}}, False),
    ({}, {"extra": {"scopes": ["all"]}}, False),
], ids=str)
def test_a_requester_is_named_truly_or_not_at_all(api, people, headers, spec, allowed):
    me = people()
    code, answer = request(api, me, headers, **{k: me if v == "@me@" else v for k, v in spec.items()})
    assert code == (201 if allowed else 403), answer
    assert allowed or f"leave spec.{list(spec)[0]} out" in answer["message"] or "leave spec.username" in answer["message"]


# ---- who approves

@pytest.mark.parametrize("ref, signers, allowed", [
    ({"name": "ca"}, [], False),
    ({"name": "ca"}, ["issuers.@G@/default.ca"], True),
    ({"name": "ca"}, ["issuers.@G@/*"], True),
    ({"name": "ca", "kind": "Issuer", "group": "@G@"}, ["issuers.@G@/default.ca"], True),
    ({"name": "ca"}, ["issuers.@G@/default.other", "issuers.@G@/shop.ca", "clusterissuers.@G@/*"], False),
    ({"name": "ca", "kind": "ClusterIssuer"}, ["clusterissuers.@G@/ca"], True),
    ({"name": "ca", "kind": "ClusterIssuer"}, ["issuers.@G@/*", "clusterissuers.@G@/default.ca"], False),
    ({"name": "ca", "kind": "Vault", "group": "x.org"}, ["vaults.x.org/default.ca"], True),
    ({"name": "ca", "kind": "Vault", "group": "x.org"}, ["issuers.@G@/*"], False),
], ids=str)
@pytest.mark.parametrize("condition", ["Approved", "Denied"])
def test_who_may_approve(api, people, ref, signers, allowed, condition):
    me = people(*signers)
    spec = {"issuerRef": {k: v.replace("@G@", api.group) for k, v in ref.items()}}
    code, made = request(api, me, **spec)
    assert code == 201, made
    code, answer = judge(api, me, made, condition)
    assert code == (200 if allowed else 403), answer
    assert allowed or f"verb approve on signers.{api.group}" in answer["message"]


def test_everybody_else_writes_the_rest_of_the_status(api, people):
    """An issuer answers what somebody else has approved, and takes nothing back."""
    issuer, approver = people(), people("issuers.@G@/*")
    _, made = request(api, issuer, issuerRef={"name": "ca"})
    code, ready = judge(api, issuer, made, "Ready")
    assert code == 200, ready
    code, approved = judge(api, approver, ready, "Approved")
    assert code == 200, approved
    [kept] = [c for c in approved["status"]["conditions"] if c["type"] == "Approved"]
    path = f"{api.collection('CertificateRequest')}/{made['metadata']['name']}/status"
    code, answer = api.request("PUT", path, {**approved, "status": {"conditions": [kept], "certificate": "Yw=="}},
                               headers={"Impersonate-User": issuer})
    assert code == 200, answer
    other = {**kept, "message": "somebody else's words"}
    code, answer = api.request("PUT", path, {**answer, "status": {"conditions": [other]}},
                               headers={"Impersonate-User": issuer})
    assert code in (403, 422), answer
