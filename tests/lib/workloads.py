# SPDX-License-Identifier: Apache-2.0
"""Deployments, StatefulSets and DaemonSets that use a certificate's Secret, and their pods."""
from .wait import wait_for

ROLLOUT, MARK = "certroll.dev/rollout", "certroll.dev/certificates"
MOUNT = "/etc/tls"
PROBE = "/.well-known/acme-challenge/certroll-readiness-probe"

# Until nobody sends to a pod that ends: its EndpointSlice and the proxy's rules follow within a second each, and one or
# two seconds later when the slice was changed just before.
DRAIN = {"preStop": {"sleep": {"seconds": 5}}}
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
RESTRICTED_POD = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}

NGINX = """
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
    server {
        %s
        location / { return 200 "ok\\n"; }
    }
}
"""
PLAIN = "listen 8080;"
TLS = f"listen 8443 ssl; ssl_certificate {MOUNT}/tls.crt; ssl_certificate_key {MOUNT}/tls.key;"


def _volume(secret):
    return {"volumes": [{"name": "tls", "secret": {"secretName": secret}}]}, _mount()


def _projected(secret):
    return {"volumes": [{"name": "tls", "projected": {"sources": [{"secret": {"name": secret}}]}}]}, _mount()


def _env(secret):
    source = {"secretKeyRef": {"name": secret, "key": "tls.crt"}}
    return {}, {"env": [{"name": "CERTIFICATE", "valueFrom": source}]}


def _env_from(secret):
    return {}, {"envFrom": [{"secretRef": {"name": secret}}]}


def _mount():
    return {"volumeMounts": [{"name": "tls", "mountPath": MOUNT, "readOnly": True}]}


USES = {"volume": _volume, "projected": _projected, "env": _env, "envFrom": _env_from}


def workload(kind, namespace, name, image, secret, uses="volume", rollout=None, replicas=2):
    """Pods of our own image, which run anywhere: a solver, which listens. rollout: the annotation's value."""
    spec, container = USES[uses](secret)
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED,
                 "args": ["solver", "--listen=:8089", "--thumbprint=" + "A" * 43],
                 "readinessProbe": {"httpGet": {"port": 8089, "path": PROBE}, "periodSeconds": 1}, **container}
    return body(kind, namespace, name, {"containers": [container], **spec}, rollout, replicas)


def body(kind, namespace, name, pod_spec, rollout=None, replicas=2):
    labels = {"app": name}
    pod_spec = {"terminationGracePeriodSeconds": 2, "securityContext": RESTRICTED_POD,
                "automountServiceAccountToken": False, **pod_spec}
    made = {"kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": pod_spec}}}
    if kind != "DaemonSet":
        made["spec"]["replicas"] = replicas
    if kind == "StatefulSet":
        made["spec"].update(serviceName=name, podManagementPolicy="Parallel")
    if kind == "Deployment":
        made["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    if rollout is not None:
        made["metadata"]["annotations"] = {ROLLOUT: rollout}
    return made


def nginx(api, namespace, name, image, listen, port, secret=None, rollout=None):
    """Two pods of nginx and their Service; its address. For a roll without failed requests: one pod more than wanted,
    a probe that says when a pod can be asked, and a wait before the end in which proxies forget it."""
    api.apply({"kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
               "data": {"nginx.conf": NGINX % listen}})
    volumes = [{"name": "conf", "configMap": {"name": name}}]
    mounts = [{"name": "conf", "mountPath": "/etc/nginx/nginx.conf", "subPath": "nginx.conf"}]
    if secret:
        volumes.append({"name": "tls", "secret": {"secretName": secret}})
        mounts += _mount()["volumeMounts"]
    container = {"name": "nginx", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED,
                 "volumeMounts": mounts, "lifecycle": DRAIN,
                 "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}}
    api.apply(body("Deployment", namespace, name, {
        "terminationGracePeriodSeconds": 10, "containers": [container], "volumes": volumes}, rollout))
    return service(api, namespace, name, {"web": port})


def service(api, namespace, name, ports):
    """A Service for the pods of a workload; its address."""
    made = api.apply({"kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": {
        "selector": {"app": name}, "ports": [{"name": n, "port": p} for n, p in ports.items()]}})
    return made["spec"]["clusterIP"]


class State:
    """A workload and its living pods at one time."""

    def __init__(self, api, kind, namespace, name):
        self.object = api.get(kind, namespace, name)
        pods = api.list("Pod", namespace, f"app={name}")
        self.pods = {p["metadata"]["uid"]: p for p in pods if not p["metadata"].get("deletionTimestamp")}
        self.ending = len(pods) - len(self.pods)

    @property
    def restarts(self):
        return sum(c["restartCount"] for p in self.pods.values() for c in p["status"].get("containerStatuses", []))

    @property
    def template(self):
        return self.object["spec"]["template"]

    @property
    def fingerprint(self):
        """What the pods were last rolled for, or None."""
        return (self.template["metadata"].get("annotations") or {}).get(MARK)

    @property
    def addresses(self):
        return [p["status"]["podIP"] for p in self.pods.values()]

    @property
    def settled(self):
        """All pods wanted are there, of the present template, ready, and no other is left."""
        status = self.object.get("status", {})
        daemon = "desiredNumberScheduled" in status
        wanted = status["desiredNumberScheduled"] if daemon else self.object["spec"].get("replicas")
        updated = status.get("updatedNumberScheduled" if daemon else "updatedReplicas", 0)
        ready = status.get("numberReady" if daemon else "readyReplicas", 0)
        seen = status.get("observedGeneration") == self.object["metadata"]["generation"]
        return seen and wanted == updated == ready == len(self.pods) and not self.ending

    def same_pods(self, other):
        """No pod was replaced, none restarted, and the template is as it was."""
        return (set(self.pods), self.restarts, self.template) == (set(other.pods), other.restarts, other.template)


def settled(api, kind, namespace, name, timeout=60):
    """The state once its rollout is over."""
    found = []

    def look():
        found[:] = [State(api, kind, namespace, name)]
        return found[0].settled

    wait_for(f"{kind} {namespace}/{name} to be rolled out", look, timeout, lambda: api.describe(namespace))
    return found[0]
