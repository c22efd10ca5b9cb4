# SPDX-License-Identifier: Apache-2.0
"""`hack/cluster down` leaves the machine as `up` found it."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import needs_root, poll

# What programs of a node write by fixed names, were they not kept from it.
FIXED_NAMES = [
    "/etc/cni", "/etc/haproxy", "/opt/cni", "/opt/containerd", "/run/containerd", "/run/flannel", "/run/haproxy",
    "/run/netns", "/run/docker", "/usr/libexec/kubernetes", "/var/lib/cni", "/var/lib/containerd",
    "/var/lib/docker", "/var/lib/haproxy", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods",
]
SYSCTLS = [
    "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "vm/overcommit_memory", "vm/panic_on_oom",
    "net/netfilter/nf_conntrack_max",
]


def output(*command):
    """Lines of a command's output; none if there is no such command."""
    if not shutil.which(command[0]):
        return set()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return {line.strip() for line in done.stdout.splitlines()}


def interfaces():
    """Names of the interfaces of this network namespace."""
    return set(os.listdir("/sys/class/net"))


def mounts():
    """Mount points with what is mounted there."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return {" ".join(line.split()[3:5]) for line in lines}


def rules(program):
    """Rules and chains; no counters, no dates."""
    return {line.split(" [")[0] for line in output(program) if not line.startswith("#")}


def cgroups():
    """Every cgroup that carries our name."""
    return output("find", "/sys/fs/cgroup", "-type", "d", "-name", "certroll*")


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def processes(folder):
    """Processes that are a cluster's by what they are called with, where they are or what they are in.

    Others work on this machine too, so a process is not ours by being new. A zombie has ended; its
    parent, which is no longer ours, has yet to notice.
    """
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        proc = pathlib.Path("/proc", pid)
        try:
            stat = (proc / "stat").read_text()
            if stat.rsplit(")", 1)[1].split()[0] == "Z" or int(pid) == os.getpid():
                continue
            ours = str(folder) in (proc / "cmdline").read_bytes().decode(errors="replace")
            ours = ours or "certroll-" in (proc / "cgroup").read_text()
            ours = ours or os.readlink(proc / "cwd").startswith(str(folder))
            # Kernel threads and containers of others have namespaces of their own, too, but had them before.
            ours = ours or namespace(pid, "net") != namespace("self", "net")
        except (OSError, IndexError):
            continue  # it has just ended
        if ours:
            found.add(f"{pid} {stat.split()[1]}")
    return found


def fixed_files():
    """All files under the fixed names."""
    found = set()
    for name in FIXED_NAMES:
        for folder, folders, files in os.walk(name):
            found.update(os.path.join(folder, entry) for entry in [".", *folders, *files])
    return found


def sysctls():
    found = set()
    for name in SYSCTLS:
        path = pathlib.Path("/proc/sys", name)
        found.add(f"{name} {path.read_text().strip() if path.exists() else '-'}")
    return found


def snapshot(folder):
    """Everything of the machine that a node touches, by kind."""
    return {
        "processes": processes(folder),
        "mounts": mounts(),
        "interfaces": interfaces(),
        "routes": output("ip", "route", "show", "table", "all"),
        "iptables": rules("iptables-save"),
        "ip6tables": rules("ip6tables-save"),
        "nftables": output("nft", "list", "tables"),
        "cgroups": cgroups(),
        "files": fixed_files(),
        "sysctls": sysctls(),
    }


def assert_same(before, after):
    left = {kind: sorted(after[kind] - before[kind]) for kind in before if after[kind] - before[kind]}
    lost = {kind: sorted(before[kind] - after[kind]) for kind in before
            if kind not in ("processes", "cgroups") and before[kind] - after[kind]}
    assert not left, f"left behind: {left}"
    assert not lost, f"taken away: {lost}"


POD = """
apiVersion: v1
kind: Pod
metadata: {name: left, namespace: default}
spec:
  volumes: [{name: memory, emptyDir: {medium: Memory}}]
  containers:
  - name: sleeper
    image: certroll-test/busybox:dev
    command: [sleep, "1000000"]
    ports: [{containerPort: 8080, hostPort: 8080}]
    volumeMounts: [{name: memory, mountPath: /memory}]
"""


def node_with_a_pod(cluster):
    """A node in use: a pod that ignores being asked to go, with a mount and a host port."""
    cluster.must("up")
    poll(20, "the account of the pod", lambda: "default" in cluster.kubectl("get", "sa", "-n", "default"))
    cluster.kubectl("apply", "-f", "-", text=POD)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/left", "--timeout=60s")


def test_node(cluster):
    needs_root()
    before = snapshot(cluster.folder)
    node_with_a_pod(cluster)
    running = snapshot(cluster.folder)
    # The oracle can see: a node is more than a few processes, an interface and cgroups.
    assert len(running["processes"]) > len(before["processes"]) + 12
    assert running["interfaces"] - before["interfaces"] == {"certroll9"}
    assert running["cgroups"] > before["cgroups"]
    # And all of the rest is invisible even while it runs.
    for kind in ("mounts", "iptables", "ip6tables", "nftables", "files", "sysctls"):
        assert running[kind] == before[kind], kind
    cluster.must("down")
    assert_same(before, snapshot(cluster.folder))
    assert not (cluster.folder / "run").exists()
    assert cluster.call("status").returncode == 1


@pytest.mark.parametrize("victims", [["namespaces"], ["containerd", "kubelet"], ["etcd", "kube-apiserver"]])
def test_node_after_a_crash(cluster, victims):
    needs_root()
    before = snapshot(cluster.folder)
    node_with_a_pod(cluster)
    for name in victims:
        os.kill(cluster.pid(name), signal.SIGKILL)
    cluster.must("down")
    assert_same(before, snapshot(cluster.folder))


def test_no_node(cluster):
    before = snapshot(cluster.folder)
    cluster.must("up", "--no-node")
    assert len(snapshot(cluster.folder)["processes"]) >= len(before["processes"]) + 5
    cluster.must("down")
    assert_same(before, snapshot(cluster.folder))
    cluster.must("down")  # twice is harmless


def test_a_recycled_pid_is_left_alone(cluster):
    """A record whose process has ended, and whose number another process has now."""
    cluster.must("up", "--no-node")
    pebble = cluster.pid("pebble")
    os.kill(pebble, signal.SIGKILL)
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        record = cluster.folder / "run/pebble.pid"
        _, started, boot = record.read_text().split()
        record.write_text(f"{bystander.pid} {started} {boot}\n")
        cluster.must("down")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
