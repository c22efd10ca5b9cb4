# SPDX-License-Identifier: Apache-2.0
"""A webhook made for cert-manager: a server on the library that vendors use, behind the API server's aggregation. What
its chart would do is done here by hand: Service, APIService with the CA, serving certificate."""
import base64

from lib.api import condition
from lib.ca.server import Server, build_tool
from lib.ports import free_port

SERVICE = "dns-webhook"


class Webhook(Server):
    """group: its API group; its solver is "powerdns". It acts as the administrator. address: where the API server finds it."""

    def __init__(self, folder, api, authority, namespace, group, address="127.0.0.1"):
        super().__init__(folder, f"webhook-{group}")
        self.api, self.authority, self.namespace, self.group = api, authority, namespace, group
        self.address, self.port = address, free_port()

    def command(self):
        certificate, key = self.authority.service(f"{SERVICE}.{self.namespace}.svc")
        config = self.api.kubeconfig
        return [build_tool("dns-webhook") / "dns-webhook", f"--kubeconfig={config}",
                f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}",
                f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", f"--bind-address={self.address}",
                f"--secure-port={self.port}", "--enable-priority-and-fairness=false"]

    def environ(self):
        return {"GROUP_NAME": self.group}

    def trust(self, root):
        """The API server believes certificates of that root, a file."""
        self.api.patch("APIService", None, f"v1alpha1.{self.group}", {"spec": {"caBundle": self._bundle(root)}})

    @staticmethod
    def _bundle(root):
        return base64.b64encode(root.read_bytes()).decode()

    def start(self):
        self.api.create({"kind": "Service", "metadata": {"name": SERVICE, "namespace": self.namespace},
                         "spec": {"type": "ExternalName", "externalName": self.address}})
        self.api.create({"kind": "APIService", "metadata": {"name": f"v1alpha1.{self.group}"}, "spec": {
            "group": self.group, "version": "v1alpha1", "groupPriorityMinimum": 1000, "versionPriority": 15,
            "service": {"name": SERVICE, "namespace": self.namespace, "port": self.port},
            "caBundle": self._bundle(self.authority.root)}})
        return super().start()

    def is_ready(self):
        found = self.api.get("APIService", None, f"v1alpha1.{self.group}")
        return condition(found, "Available").get("status") == "True"

    def stop(self):
        super().stop()
        self.api.delete("APIService", None, f"v1alpha1.{self.group}")
        self.api.delete("Service", self.namespace, SERVICE)

    # ---- for users

    def allow(self, user_namespace, account):
        """Lets a ServiceAccount call it: what the chart's dns01.webhookGroups does."""
        name = f"call-{self.group}"
        self.api.apply({"kind": "ClusterRole", "metadata": {"name": name}, "rules": [
            {"apiGroups": [self.group], "resources": ["*"], "verbs": ["create"]}]})
        self.api.apply({"kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": user_namespace}]})

    def solver(self, powerdns, secret="powerdns", **more):
        """The dns01 of a solver."""
        config = {"url": powerdns.url, "apiKeySecretRef": {"name": secret, "key": "key"}}
        return {"webhook": {"groupName": self.group, "solverName": "powerdns", "config": config}, **more}
