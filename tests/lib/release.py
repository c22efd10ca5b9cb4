# SPDX-License-Identifier: Apache-2.0
"""certroll as the Helm chart installs it."""
import os
import pathlib
import re
import signal
import subprocess

import yaml

from .cluster import ROOT
from .wait import wait_for

LEASE = "certroll-controller"
PROGRAM = "certroll"


class Release:
    """The release `certroll` in a namespace. image: repository:tag, already where nodes find it."""

    def __init__(self, api, image, namespace="certroll"):
        self.api, self.namespace = api, namespace
        repository, _, tag = image.rpartition(":")
        self.image = {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
        self.user = f"system:serviceaccount:{namespace}:certroll"

    # ---- helm

    def helm(self, *arguments, values=None):
        """Its output; values go in on stdin."""
        done = subprocess.run(["helm", "--kubeconfig", self.api.kubeconfig, "--namespace", self.namespace, *arguments],
                              input=yaml.safe_dump(values or {}), timeout=200, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def install(self, **values):
        """Installs or upgrades it, with these values and the chart's own, and waits until it leads."""
        self.helm("upgrade", "--install", "certroll", str(ROOT / "charts/certroll"), "--reset-values", "--wait",
                  "--timeout", "2m", "--values", "-", values={"image": self.image, **values})
        self.wait_leader()

    def uninstall(self):
        self.helm("uninstall", "certroll", "--wait")
        wait_for("certroll's pods to end", lambda: not self.pods(), 40)

    # ---- pods and the lease

    def deployment(self):
        return self.api.get("Deployment", self.namespace, "certroll")

    def pods(self):
        """Names of all of its pods, those that are ending too."""
        selector = "app.kubernetes.io/name=certroll,app.kubernetes.io/instance=certroll"
        return sorted(p["metadata"]["name"] for p in self.api.list("Pod", self.namespace, selector))

    def lease(self):
        found = self.api.get("Lease", self.namespace, LEASE)
        return found["spec"] if found else {}

    def leader(self):
        """The name of the pod that holds the lease, if it is still one of ours."""
        holder = self.lease().get("holderIdentity", "").rpartition("_")[0]
        return holder if holder in self.pods() else ""

    def wait_leader(self, other_than=(), timeout=30):
        return wait_for(f"a leader other than {list(other_than)}",
                        lambda: (found := self.leader()) not in other_than and found, timeout, self.logs)

    def scale(self, replicas):
        """Waits until so many run, and one of them leads."""
        self.api.patch("Deployment", self.namespace, "certroll", {"spec": {"replicas": replicas}})
        wait_for(f"{replicas} pods of certroll", lambda: self._are_ready(replicas), 60, self.logs)
        if replicas:
            self.wait_leader()

    def _are_ready(self, replicas):
        status = self.deployment()["status"]
        return len(self.pods()) == replicas and status.get("readyReplicas", 0) == replicas

    def restart(self):
        """A fresh process in a fresh pod."""
        self.scale(0)
        self.scale(1)

    def logs(self, lines=60):
        """Of all pods, as far as they can be had: for failures."""
        told = []
        for pod in self.pods():
            status, text = self.api.request("GET", self.api.path("Pod", self.namespace, pod, f"log?tailLines={lines}"))
            told.append(f"--- {pod}\n{text if status == 200 else status}")
        return "\n".join(told)

    # ---- its process, where the node is this machine

    def pid(self, pod):
        """By the cgroup, which carries the pod's uid."""
        uid = self.api.get("Pod", self.namespace, pod)["metadata"]["uid"]
        marks = (uid, uid.replace("-", "_"))
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "comm").read_text().strip() == PROGRAM and \
                        any(m in (folder / "cgroup").read_text() for m in marks):
                    return int(folder.name)
            except OSError:
                continue  # it has just ended
        raise AssertionError(f"no process of pod {pod} on this machine")

    def kill(self, pod):
        """kill -9 of the process."""
        os.kill(self.pid(pod), signal.SIGKILL)

    def memory(self, pod):
        """/proc's VmRSS, RssAnon ... in KiB."""
        text = pathlib.Path(f"/proc/{self.pid(pod)}/status").read_text()
        return {k: int(v) for k, v in re.findall(r"(\w+):\s+(\d+) kB", text)}
