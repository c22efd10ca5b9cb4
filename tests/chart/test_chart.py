# SPDX-License-Identifier: Apache-2.0
"""What the chart installs, and what it makes of its values."""
import json
import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/certroll"
CRDS = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]

# Every value set to something else than its default.
EVERYTHING = yaml.safe_load((ROOT / "tests/chart/values/everything.yaml").read_text())

READ = {"get", "list", "watch"}
CONTROLLER = {
    ("@G@", "certificates"): READ,
    ("@G@", "certificaterequests"): READ | {"create", "delete"},
    ("@G@", "issuers"): READ,
    ("@G@", "clusterissuers"): READ,
    ("acme.@G@", "orders"): READ | {"create", "patch"},
    ("acme.@G@", "challenges"): READ | {"create", "delete", "patch"},
    **{("@G@", f"{kind}/{part}"): {"update"} for part in ("status", "finalizers")
       for kind in ("certificates", "certificaterequests", "issuers", "clusterissuers")},
    ("acme.@G@", "orders/status"): {"update"},
    ("acme.@G@", "orders/finalizers"): {"update"},
    ("acme.@G@", "challenges/status"): {"update"},
    ("", "secrets"): READ | {"create", "patch", "delete"},
    ("apps", "deployments"): READ | {"patch"},
    ("apps", "statefulsets"): READ | {"patch"},
    ("apps", "daemonsets"): READ | {"patch"},
    ("", "pods"): {"get", "list", "create", "delete"},
    ("", "services"): {"get", "list", "create", "delete"},
    ("networking.k8s.io", "ingresses"): {"get", "list", "create", "patch", "delete"},
    ("gateway.networking.k8s.io", "httproutes"): {"list"},
    ("gateway.networking.k8s.io", "gateways"): {"list"},
    ("gateway.networking.k8s.io", "listenersets"): {"list"},
    ("", "namespaces"): {"get"},
    ("events.k8s.io", "events"): {"create", "patch"},
    ("@G@", "signers"): {"approve"},
}
VIEW = {(group, kind): READ for group, kind in (
    ("@G@", "certificates"), ("@G@", "certificaterequests"), ("@G@", "issuers"), ("acme.@G@", "orders"),
    ("acme.@G@", "challenges"))}
EDIT = {("@G@", kind): {"create", "update", "patch", "delete", "deletecollection"}
        for kind in ("certificates", "certificaterequests", "issuers")}
ROLES = {
    "controller": CONTROLLER, "view": VIEW, "edit": EDIT,
    "cluster-view": {("@G@", "clusterissuers"): READ},
}


def grants(role):
    """(group, resource) -> verbs of a role."""
    found = {}
    for rule in role["rules"]:
        assert set(rule) - {"resourceNames"} == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def flags(container):
    """The controller's flags -> values."""
    assert container["args"][0] == "controller"
    return dict(argument[2:].split("=", 1) for argument in container["args"][1:])


# --- the whole ------------------------------------------------------------------------------------

def test_lint(helm):
    answer = helm("lint", "--strict", CHART)
    assert answer.returncode == 0, answer.stdout


def test_rendered_files_are_fresh():
    subprocess.run([ROOT / "hack/render-crds", "--check"], check=True)


def test_what_is_installed(default):
    objects = [(o["kind"], o["metadata"]["name"]) for o in default.objects]
    assert sorted(o for o in objects if o[0] != "CustomResourceDefinition") == [
        ("ClusterRole", "certroll-cluster-view"),
        ("ClusterRole", "certroll-controller"),
        ("ClusterRole", "certroll-edit"),
        ("ClusterRole", "certroll-view"),
        ("ClusterRoleBinding", "certroll-controller"),
        ("Deployment", "certroll"),
        ("PodDisruptionBudget", "certroll"),
        ("Role", "certroll-leader-election"),
        ("Role", "certroll-responder"),
        ("Role", "certroll-state"),
        ("RoleBinding", "certroll-leader-election"),
        ("RoleBinding", "certroll-responder"),
        ("RoleBinding", "certroll-state"),
        ("Service", "certroll-http01"),
        ("Service", "certroll-metrics"),
        ("ServiceAccount", "certroll"),
        ("ValidatingAdmissionPolicy", "certroll-approval"),
        ("ValidatingAdmissionPolicy", "certroll-requester"),
        ("ValidatingAdmissionPolicyBinding", "certroll-approval"),
        ("ValidatingAdmissionPolicyBinding", "certroll-requester"),
    ]


def test_names_follow_the_release(render):
    assert render(release="tls").one("Deployment")["metadata"]["name"] == "tls-certroll"
    assert render({"nameOverride": "x"}, release="tls").one("Deployment")["metadata"]["name"] == "tls-x"
    assert render({"fullnameOverride": "x"}).one("ClusterRoleBinding")["metadata"]["name"] == "x-controller"


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_every_object_is_labelled_and_placed(render, values):
    cluster_scoped = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy",
                      "ValidatingAdmissionPolicyBinding"}
    for o in render(values).objects:
        meta = o["metadata"]
        assert meta["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert {"team": "infra"}.items() <= meta["labels"].items() or not values
        namespace = "certroll-system"
        if values:
            namespace = next((ns for word, ns in (("leader-election", "leases"), ("-prepare", "shop"))
                              if word in meta["name"]), namespace)
        assert meta.get("namespace") == (None if o["kind"] in cluster_scoped else namespace)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_selectors_find_the_pods(render, values):
    chart = render({**values, "networkPolicy": {"enabled": True}})
    labels = chart.pod["metadata"]["labels"].items()
    selectors = [chart.one("Deployment")["spec"]["selector"]["matchLabels"],
                 *(service["spec"]["selector"] for service in chart.all("Service")),
                 chart.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                 chart.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]]
    for selector in selectors:
        assert selector and selector.items() <= labels
        assert "team" not in selector, "a selector cannot be changed later: nothing of the user's is in it"


def test_another_group_leaves_no_trace_of_the_default(render):
    text = yaml.safe_dump(render({"apiGroup": "cert-manager.io"}).objects)
    assert re.findall(r"certroll\.dev(?!/)", text) == []


def test_old_servers_are_refused(template):
    assert "incompatible with Kubernetes" in template(kube_version="1.30.9").stderr
    assert template(kube_version="1.31.0-eks-1").returncode == 0


# --- CRDs -----------------------------------------------------------------------------------------

def without_helm(crd):
    return {**crd, "metadata": {"name": crd["metadata"]["name"]}}


def by_name(crds):
    return {crd["metadata"]["name"]: crd for crd in crds}


def test_crds_are_those_of_the_repository(default):
    assert by_name(map(without_helm, default.all("CustomResourceDefinition"))) == by_name(CRDS)


def test_crds_of_another_group(render, tmp_path):
    subprocess.run([ROOT / "hack/render-crds", "--group", "x.example.org", "--out", tmp_path], check=True)
    expected = by_name(yaml.safe_load(path.read_text()) for path in tmp_path.glob("*.yaml"))
    chart = render({"apiGroup": "x.example.org"})
    assert by_name(map(without_helm, chart.all("CustomResourceDefinition"))) == expected


@pytest.mark.parametrize("keep", [True, False])
def test_crds_are_kept(render, keep):
    for crd in render({"crds": {"keep": keep}}).all("CustomResourceDefinition"):
        assert crd["metadata"].get("annotations", {}) == ({"helm.sh/resource-policy": "keep"} if keep else {})


def test_crds_can_be_left_out(render):
    assert render({"crds": {"enabled": False}}).all("CustomResourceDefinition") == []


# --- roles ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("group", ["certroll.dev", "cert-manager.io"])
@pytest.mark.parametrize("name", ROLES)
def test_cluster_roles(render, name, group):
    """Exactly this and nothing more."""
    role = render({"apiGroup": group}).one("ClusterRole", f"certroll-{name}")
    assert grants(role) == {(of.replace("@G@", group), what): verbs for (of, what), verbs in ROLES[name].items()}


def test_every_kind_is_in_the_roles(default):
    """A new CRD is watched, its status written, and people may see it."""
    controller = grants(default.one("ClusterRole", "certroll-controller"))
    seen = {**grants(default.one("ClusterRole", "certroll-view")),
            **grants(default.one("ClusterRole", "certroll-cluster-view"))}
    for crd in CRDS:
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        assert READ <= controller[group, plural]
        assert controller[group, f"{plural}/status"] == {"update"}
        assert seen[group, plural] == READ


def test_leases_only_in_one_namespace(default, render):
    role = default.one("Role", "certroll-leader-election")
    assert grants(role) == {("coordination.k8s.io", "leases"): {"get", "create", "update"}}
    assert {verb for rule in role["rules"] for verb in rule["verbs"] if "resourceNames" not in rule} == {"create"}
    for chart, namespace in ((default, "certroll-system"), (render(EVERYTHING), "leases")):
        for kind in ("Role", "RoleBinding"):
            [found] = [o for o in chart.all(kind) if "leader-election" in o["metadata"]["name"]]
            assert found["metadata"]["namespace"] == namespace
        assert flags(chart.container)["leader-election-namespace"] == namespace


def test_bindings(render):
    for chart, account in ((render(), "certroll"), (render(EVERYTHING), "operator")):
        assert chart.pod["spec"]["serviceAccountName"] == account
        assert chart.one("ServiceAccount")["metadata"]["name"] == account
        for binding in (chart.one("ClusterRoleBinding"), *chart.all("RoleBinding")):
            assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "certroll-system"}]
            role = binding["roleRef"]
            assert chart.one(role["kind"], role["name"])


@pytest.mark.parametrize("name, into", [("view", {"view", "edit", "admin"}), ("edit", {"edit", "admin"}),
                                        ("cluster-view", {"cluster-reader"}), ("controller", set())])
def test_aggregation(render, name, into):
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    for aggregate in (True, False):
        labels = render({"rbac": {"aggregate": aggregate}}).one("ClusterRole", f"certroll-{name}")["metadata"]["labels"]
        assert {label[len(prefix):] for label in labels if label.startswith(prefix)} == (into if aggregate else set())


def test_roles_and_account_of_someone_else(render):
    chart = render({"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "given"}})
    assert not [o for o in chart.objects if "rbac" in o["apiVersion"] or o["kind"] == "ServiceAccount"]
    assert chart.pod["spec"]["serviceAccountName"] == "given"


# --- the pod --------------------------------------------------------------------------------------

def test_pod_security(default):
    """The restricted Pod Security Standard, and a read-only root on top."""
    spec, container = default.pod["spec"], default.container
    assert spec["securityContext"] == {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                                       "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & set(spec)
    assert default.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert spec["automountServiceAccountToken"] is True and spec["enableServiceLinks"] is False


def test_flags(default, render):
    assert flags(default.container) == {
        "api-group": "certroll.dev", "listen": ":9402", "solver-image": "certroll:0.1.0",
        "cluster-resource-namespace": "certroll-system", "leader-elect": "true",
        "leader-election-namespace": "certroll-system", "http01-port": "8089", "http01-service": "certroll-http01",
        "trust-requesters": "true"}
    assert flags(render(EVERYTHING).container) == {
        "api-group": "certs.example.org", "listen": ":9402", "solver-image": "registry.example/certroll:9.9",
        "cluster-resource-namespace": "secrets", "leader-elect": "true", "leader-election-namespace": "leases",
        "http01-port": "8089", "http01-service": flags(render(EVERYTHING).container)["http01-service"],
        "log-level": "debug", "log-format": "json", "config": "/etc/certroll/config.yaml", "external-workers": "32",
        "prepare-namespaces": "shop", "feature-gates": "DNSAccount01=true,DNSPersist01=true"}


def test_further_arguments_come_last(render):
    assert render({"extraArgs": ["--workers=1"], "logLevel": "warn"}).container["args"][-1] == "--workers=1"


def test_image(render):
    digest = "sha256:" + "0" * 64
    container = render({"image": {"repository": "r/c", "tag": "1", "digest": digest}}).container
    assert container["image"] == flags(container)["solver-image"] == f"r/c@{digest}"


def test_ports_and_probes(default):
    container = default.container
    assert container["ports"] == [{"name": "http", "containerPort": 9402, "protocol": "TCP"},
                                  {"name": "http01", "containerPort": 8089, "protocol": "TCP"}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    [port] = default.one("Service", "certroll-metrics")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (9402, "http")


def test_config(default, render):
    assert default.all("ConfigMap") == [] and "volumeMounts" not in default.container
    chart, other = render({"config": {"workers": 4, "solver-linger": "1m"}}), render({"config": {"workers": 5}})
    config = chart.one("ConfigMap")
    assert yaml.safe_load(config["data"]["config.yaml"]) == {"workers": 4, "solver-linger": "1m"}
    [mount], [volume] = chart.container["volumeMounts"], chart.pod["spec"]["volumes"]
    assert f"{mount['mountPath']}/config.yaml" == flags(chart.container)["config"]
    assert mount["readOnly"] and mount["name"] == volume["name"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    hashes = [c.pod["metadata"]["annotations"]["certroll.dev/config-hash"] for c in (chart, other)]
    assert hashes[0] != hashes[1], "a change restarts the pods"


def test_placement_and_metadata(render):
    chart = render(EVERYTHING)
    deployment, pod, container = chart.one("Deployment"), chart.pod, chart.container
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "ssd"}
    for key in ("tolerations", "affinity", "topologySpreadConstraints", "priorityClassName",
                "imagePullSecrets", "terminationGracePeriodSeconds"):
        assert pod["spec"][key] == EVERYTHING[key]
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert {"pod": "label", "team": "infra"}.items() <= pod["metadata"]["labels"].items()
    assert pod["metadata"]["annotations"]["pod"] == "annotation"
    assert deployment["spec"]["replicas"] == 2 and deployment["spec"]["strategy"] == EVERYTHING["strategy"]
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "32Mi"}, "limits": {"memory": "1Gi"}}
    assert container["imagePullPolicy"] == "Never"
    assert EVERYTHING["extraEnv"][0] in container["env"]
    assert [v["name"] for v in pod["spec"]["volumes"]] == [m["name"] for m in container["volumeMounts"]] == ["config", "own-cas"]
    assert EVERYTHING["volumes"][0] in pod["spec"]["volumes"] and EVERYTHING["volumeMounts"][0] in container["volumeMounts"]
    assert container["livenessProbe"]["periodSeconds"] == 21 and container["readinessProbe"]["periodSeconds"] == 22
    assert chart.one("ServiceAccount")["metadata"]["annotations"] == {"a": "sa"}
    [metrics] = [s for s in chart.all("Service") if s["metadata"]["name"].endswith("-metrics")]
    assert metrics["metadata"]["annotations"] == {"prometheus.io/scrape": "true"}


def test_without_leader_election(render, template):
    chart = render({"leaderElection": {"enabled": False}})
    assert flags(chart.container)["leader-elect"] == "false"
    assert chart.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert {role["metadata"]["name"] for role in chart.all("Role")} == {"certroll-state", "certroll-responder"}
    answer = template({"leaderElection": {"enabled": False}, "replicas": 2})
    assert "set leaderElection.enabled to true or replicas to 1" in answer.stderr


@pytest.mark.parametrize("values, expected", [
    ({}, {"maxUnavailable": 1}), ({"maxUnavailable": "50%"}, {"maxUnavailable": "50%"}),
    ({"minAvailable": 2}, {"minAvailable": 2}), ({"minAvailable": 0}, {"minAvailable": 0})])
def test_disruption_budget(render, values, expected):
    spec = render({"podDisruptionBudget": values}).one("PodDisruptionBudget")["spec"]
    assert {key: value for key, value in spec.items() if key != "selector"} == expected


def test_optional_objects(render):
    chart = render({"podDisruptionBudget": {"enabled": False}, "metrics": {"service": {"enabled": False}},
                    "responder": {"enabled": False}})
    assert not chart.all("PodDisruptionBudget") + chart.all("Service") + chart.all("NetworkPolicy")


@pytest.mark.parametrize("group", ["certroll.dev", "cert-manager.io"])
def test_admission_policies(render, group):
    """They bind for good and go by the group; without them there is no right that nobody asks for. What they say is tested
    on an API server: tests/crds."""
    chart = render({"apiGroup": group})
    for name in ("certroll-approval", "certroll-requester"):
        policy = chart.one("ValidatingAdmissionPolicy", name)["spec"]
        [rule] = policy["matchConstraints"]["resourceRules"]
        assert policy["failurePolicy"] == "Fail" and rule["apiGroups"] == [group]
        binding = chart.one("ValidatingAdmissionPolicyBinding", name)["spec"]
        assert binding == {"policyName": name, "validationActions": ["Deny"]}
    [right] = [r for r in chart.one("ClusterRole", "certroll-controller")["rules"] if "signers" in r["resources"]]
    assert right["resourceNames"] == [f"issuers.{group}/*", f"clusterissuers.{group}/*"]
    without = render({"admissionPolicies": {"enabled": False}})
    assert not [o for o in without.objects if "admissionregistration" in o["apiVersion"]]
    assert ("certroll.dev", "signers") not in grants(without.one("ClusterRole", "certroll-controller"))


def test_gateway_api(render):
    """Only whoever asks for it gives rights on routes that others make, too."""
    given = ("gateway.networking.k8s.io", "httproutes"), ("gateway.networking.k8s.io", "referencegrants")
    chart = render({"gatewayAPI": {"enabled": True}})
    assert grants(chart.one("ClusterRole", "certroll-controller")) == {
        **{(group.replace("@G@", "certroll.dev"), kind): verbs for (group, kind), verbs in CONTROLLER.items()},
        given[0]: {"list", "create", "patch", "delete"}, ("gateway.networking.k8s.io", "gateways"): {"list", "get"},
        ("gateway.networking.k8s.io", "listenersets"): {"list", "get"}}
    assert grants(chart.one("Role", "certroll-responder"))[given[1]] == {"list", "create", "patch", "delete"}
    without = render({"gatewayAPI": {"enabled": True}, "responder": {"enabled": False}})
    assert not [role for role in without.all("Role") if given[1] in grants(role)]


def test_endpoint_slices(render):
    """Whoever may write them may lead traffic anywhere: only where asked for, and where somebody answers."""
    slices = ("discovery.k8s.io", "endpointslices")
    asked = {"endpointSlices": {"enabled": True}}
    assert grants(render({"responder": asked}).one("ClusterRole", "certroll-controller"))[slices] == {"create", "patch"}
    for values in ({}, {"responder": {**asked, "enabled": False}}):
        assert slices not in grants(render(values).one("ClusterRole", "certroll-controller"))


def test_responder(default, render):
    """All replicas, leader or not, behind one Service; without it no port, no flag, no right."""
    service = default.one("Service", "certroll-http01")
    assert service["spec"]["type"] == "ClusterIP"
    [port] = service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8089, "http01")
    assert grants(default.one("Role", "certroll-responder")) == {
        ("discovery.k8s.io", "endpointslices"): {"list"}, ("networking.k8s.io", "ingresses"): {"get"},
        ("gateway.networking.k8s.io", "referencegrants"): {"list"}}
    everything = render(EVERYTHING)
    named = flags(everything.container)["http01-service"]
    assert everything.one("Service", named)["spec"]["type"] == "NodePort"
    assert everything.one("Service", named)["metadata"]["annotations"] == {"example.org/lb": "none"}
    off = render({"responder": {"enabled": False}, "networkPolicy": {"enabled": True}})
    assert not {"http01-port", "http01-service"} & set(flags(off.container))
    assert len(off.container["ports"]) == 1 and len(off.all("Service")) == 1
    assert {r["metadata"]["name"] for r in off.all("Role")} == {"certroll-state", "certroll-leader-election"}
    spec = off.one("NetworkPolicy")["spec"]
    assert len(spec["ingress"]) == 1 and len(spec["egress"]) == 2


def test_network_policy(render):
    policy = render({"networkPolicy": {"enabled": True}})
    spec = policy.one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]},
                               {"ports": [{"port": "http01", "protocol": "TCP"}]}]
    replicas = {"podSelector": spec["podSelector"]}
    asked, tcp, dns = spec["egress"]
    assert asked == {"ports": [{"port": 8089, "protocol": "TCP"}], "to": [replicas]}
    assert tcp == {"ports": [{"port": port, "protocol": "TCP"} for port in (80, 443, 6443)]}
    assert dns == {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    spec = render(EVERYTHING).one("NetworkPolicy")["spec"]
    assert spec["ingress"][0]["from"] == [{"podSelector": {}}]
    assert spec["ingress"][1]["from"] == [{"namespaceSelector": {}}, {"podSelector": spec["podSelector"]}]
    assert [port["port"] for port in spec["egress"][1]["ports"]] == [443, 14000]
    assert [port["port"] for port in spec["egress"][2]["ports"]] == [5353, 5353]
    assert spec["egress"][3:] == EVERYTHING["networkPolicy"]["egress"]["extra"]


# --- values ---------------------------------------------------------------------------------------

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def names(schema, prefix=""):
    """The dotted names of the values, down to where users are free to write what they like."""
    for key, child in schema["properties"].items():
        if child.get("properties") and key != "config":
            yield from names(child, f"{prefix}{key}.")
        else:
            yield prefix + key


NAMES = sorted(set(names(json.loads((CHART / "values.schema.json").read_text()))) - {"global"})


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_default_and_is_explained(name):
    value = VALUES
    for key in name.split("."):
        value = value[key]
    readme = (CHART / "README.md").read_text()
    assert f"`{name}`" in readme or f"`{name.split('.')[0]}`" in readme


def test_everything_is_everything():
    assert set(EVERYTHING) == set(VALUES)


@pytest.mark.parametrize("values", [
    {"replicaCount": 2}, {"apiGroup": "certroll"}, {"apiGroup": "Certroll.dev"}, {"apiGroup": "certroll.dev/v1"},
    {"crds": {"install": True}}, {"image": {"pullPolicy": "Sometimes"}}, {"image": {"digest": "abc"}},
    {"image": {"repository": ""}}, {"replicas": -1}, {"replicas": "2"}, {"logLevel": "verbose"}, {"logFormat": "text"},
    {"config": {"Workers": 1}}, {"config": {"workers": [1]}}, {"config": {"api-group": "x.org"}},
    {"config": {"log-level": "debug"}}, {"extraArgs": "--workers=1"}, {"leaderElection": {"enable": True}},
    {"podAnnotations": {"a": 1}}, {"networkPolicy": {"egress": {"ports": [0]}}},
    {"networkPolicy": {"egress": {"ports": ["443"]}}}, {"podDisruptionBudget": {"minAvailable": "half"}},
    {"featureGates": {"Unheard": True}}, {"featureGates": {"DNSAccount01": "yes"}},
    {"rbac": {"secrets": "byName"}}, {"imagePullSecrets": ["registry"]}, {"livenessProbe": {"httpGet": {}}},
    {"volumes": [{"name": "config"}]}, {"volumeMounts": [{"name": "own-cas"}]},
    {"resources": {"request": {}}}, {"terminationGracePeriodSeconds": 0}, {"metrics": {"serviceMonitor": {}}},
], ids=str)
def test_wrong_values_are_refused(template, values):
    answer = template(values)
    assert answer.returncode != 0 and "values don't meet the specifications of the schema" in answer.stderr
    assert list(values)[0] in answer.stderr


def test_values_of_an_umbrella_chart(render):
    assert render({"global": {"anything": 1}}).one("Deployment")


def test_prepare_hooks_have_rights_where_they_are_allowed(render):
    assert not [o for o in render().objects if "prepare" in o["metadata"]["name"]]
    chart = render({"prepare": {"allowedNamespaces": ["a", "b"]}})
    found = sorted((o["kind"], o["metadata"]["namespace"]) for o in chart.objects if "prepare" in o["metadata"]["name"])
    assert found == [("Role", "a"), ("Role", "b"), ("RoleBinding", "a"), ("RoleBinding", "b")]
    assert flags(chart.container)["prepare-namespaces"] == "a,b"


def test_dns_providers_have_the_rights_that_are_asked_for(render):
    def granted(values):
        role = next(o for o in render(values).all("ClusterRole") if o["metadata"]["name"].endswith("-controller"))
        return [(rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in role["rules"]]
    tokens = ([""], ["serviceaccounts/token"], ["create"])
    webhooks = (["acme.example.com", "b.example"], ["*"], ["create"])
    assert tokens not in granted({}) and not [rule for rule in granted({}) if "*" in rule[1]]
    assert tokens in granted({"dns01": {"serviceAccountTokens": True}})
    assert webhooks in granted({"dns01": {"webhookGroups": ["acme.example.com", "b.example"]}})
