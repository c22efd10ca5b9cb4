# SPDX-License-Identifier: Apache-2.0
"""Last of all: was certroll ever refused something in the whole run, and what was it given that it never used?"""
import pytest

from lib.cluster import rules


@pytest.fixture
def all_of_it(certroll, whole_audit):
    if whole_audit is None:
        pytest.skip("needs the API server's audit log (AUDIT_LOG)")
    return whole_audit


def is_ending(entry):
    """Nobody can create in a namespace that is being deleted: that is no matter of rights."""
    return "because it is being terminated" in (entry.raw.get("responseStatus") or {}).get("message", "")


def refused_while_installed(audit):
    """helm uninstall takes the roles away while the pod still ends: what it may still ask is refused then. Its lease
    runs out by itself."""
    refused, installed = audit.refused(), True
    by_id = {e.raw["auditID"]: e for e in refused}
    for entry in audit.entries(user=""):
        if entry.kind == "clusterrolebindings" and entry.name == "certroll-controller" and entry.code < 300:
            installed = entry.verb != "delete"
        elif not installed:
            by_id.pop(entry.raw["auditID"], None)
    return [e for e in by_id.values() if (e.verb, e.kind) != ("update", "leases")]


def is_explained(verb, kind):
    """What is asked for in another way than it is granted, or where the API server is older."""
    if verb == "list":
        return True  # servers without streaming lists
    return (verb, kind) in {("create", "ingresses"), ("create", "configmaps"), ("create", "httproutes"),
                            ("create", "referencegrants"), ("create", "endpointslices"),  # by apply
                            ("create", "leases")}  # by the first run of all


def test_rbac_refused_nothing(all_of_it):
    refused = [e for e in refused_while_installed(all_of_it) if not is_ending(e)]
    assert not refused, sorted({f"{e.verb} {e.kind}: {e.raw['responseStatus'].get('message')}" for e in refused})


def test_what_was_given_and_not_used(all_of_it, record_property):
    """Only told: a run need not come by everything."""
    used = {(e.verb, (e.raw["objectRef"].get("apiGroup") or ""), e.kind) for e in all_of_it.entries()
            if "objectRef" in e.raw}
    given = {(verb, group, resource)
             for role in ("controller", "gateway", "gateway-grants", "endpoint-slices", "leader-election", "responder", "state",
                          "dns01-tokens")
             for rule in rules(role)
             for verb in rule["verbs"] for group in rule["apiGroups"] for resource in rule["resources"]
             if not resource.endswith("/finalizers")}
    spare = sorted(" ".join(filter(None, row)) for row in given - used if not is_explained(row[0], row[2]))
    record_property("not_used", "; ".join(spare))
    print("given and not used:", *spare, sep="\n  ")
    assert used & given
