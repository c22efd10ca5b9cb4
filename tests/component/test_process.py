# SPDX-License-Identifier: Apache-2.0
"""The process: signals, exit codes, flags and the configuration file."""
import os
import signal
import subprocess
import time

import pytest

from lib.controller import binary
from lib.objects import acme, certificate, self_signed
from lib.ports import free_port
from lib.wait import stays, wait_for

HOME, LEASE = "certroll", "certroll-controller"


def run(*arguments, **environ):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environ})


@pytest.fixture
def leader(api, make_controller):
    """A controller that has the lease."""
    api.delete("Lease", HOME, LEASE)
    one = make_controller("process").start()
    wait_for("the lease", lambda: holder(api), show=one.tail)
    wait_for("it to lead", lambda: "leading" in one.text(), show=one.tail)
    return one


def holder(api):
    lease = api.get("Lease", HOME, LEASE)
    return lease and lease["spec"].get("holderIdentity")


# ---- signals

def test_sigterm_ends_it_within_10_s_with_0_and_releases_the_lease(api, leader):
    assert holder(api)
    started = time.monotonic()
    leader.signal(signal.SIGTERM)
    assert leader.wait(10) == 0
    assert time.monotonic() - started < 10
    assert holder(api) == ""
    leader.check_log()


def test_sigint_is_sigterm(leader):
    leader.signal(signal.SIGINT)
    assert leader.wait(10) == 0


def test_sigterm_in_the_middle_of_work_loses_nothing(api, ns, leader, make_controller):
    api.create(self_signed(ns))
    for i in range(30):
        api.create(certificate(ns, f"n{i}"))
    leader.signal(signal.SIGTERM)
    assert leader.wait(10) == 0
    leader.check_log()
    second = make_controller("process-second").start()
    for i in range(30):
        api.wait_ready("Certificate", ns, f"n{i}", 30)
    second.stop()


def test_second_sigterm_ends_it_at_once(api, ns, pebble, ca, leader):
    """A CA that does not answer keeps a worker busy: one SIGTERM waits for it, two do not."""
    held = []

    def before(_):
        held.append(1)
        wait_for("the end of the controller", lambda: not leader.running(), 30)

    ca.before = before
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    wait_for("a call to the CA", lambda: held, show=leader.tail)
    leader.signal(signal.SIGTERM)
    wait_for("the first signal to be taken", lambda: 'msg=stopping' in leader.text())
    stays("waiting for the call", leader.running, 0.5)
    started = time.monotonic()
    leader.signal(signal.SIGTERM)
    assert leader.wait(5) == 0
    assert time.monotonic() - started < 2


def test_sigterm_cuts_a_call_that_hangs(api, ns, pebble, ca, leader):
    held = []

    def before(_):
        held.append(1)
        wait_for("the end of the controller", lambda: not leader.running(), 30)

    ca.before = before
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    wait_for("a call to the CA", lambda: held, show=leader.tail)
    leader.signal(signal.SIGTERM)
    assert leader.wait(10) == 0, "within 10 s even so"
    assert holder(api) == "", "and with the lease released"


def test_sighup_does_nothing(api, ns, leader):
    leader.signal(signal.SIGHUP)
    api.create(self_signed(ns))
    api.create(certificate(ns, "web"))
    api.wait_ready("Certificate", ns, "web")
    assert leader.running()


# ---- its own server

def test_probes_and_metrics(api, ns, leader):
    assert leader.get("/livez") == (200, "ok\n")
    assert leader.get("/readyz") == (200, "ok\n")
    assert leader.get("/nothing")[0] == 404
    api.create(self_signed(ns))
    api.create(certificate(ns, "web"))
    api.wait_ready("Certificate", ns, "web")
    wait_for("the metric", lambda: leader.metric("certroll_certificate_ready_status", namespace=ns, name="web") == 1)
    assert leader.metric("certroll_certificate_not_after_timestamp_seconds", namespace=ns) > time.time()
    assert leader.reconciles("certificate") >= 1
    status, text = leader.get("/metrics")
    assert status == 200 and text.count("# TYPE ") >= 5 and "certroll_events_dropped_total " in text


def test_a_solver_lives_on_when_it_has_looked_at_its_memory():
    """What is unused goes back to the system every 30 s, in a process without reconcilers, too."""
    one = subprocess.Popen([binary(), "solver", f"--listen=127.0.0.1:{free_port()}", "--thumbprint=" + "A" * 43],
                           stdin=subprocess.DEVNULL)
    try:
        stays("the solver to run", lambda: one.poll() is None, 31)
    finally:
        one.terminate()
        assert one.wait(timeout=10) == 0


# ---- flags

@pytest.mark.parametrize("arguments, words", [
    (["controller", "--no-such-flag"], "--no-such-flag"),
    (["controller", "--workers=many"], "--workers"),
    (["controller", "--workers=0"], "--workers"),
    (["controller", "--workers"], "--workers"),
    (["controller", "--leader-elect=perhaps"], "--leader-elect"),
    (["controller", "--solver-linger=soon"], "--solver-linger"),
    (["controller", "--failure-backoff-min=2h", "--failure-backoff-max=1h"], "--failure-backoff-max"),
    (["controller", "--api-group=nodots"], "--api-group"),
    (["controller", "--log-level=loud"], "--log-level"),
    (["controller", "--feature-gates=DNSAccount01=true,DNSPersist1=true"], "DNSPersist1"),
    (["controller", "--feature-gates=DNSAccount01"], "write DNSAccount01=true or DNSAccount01=false"),
    (["controller", "stray"], "stray"),
    (["solver"], "--thumbprint"),
    (["no-such-command"], "no-such-command"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_usage_is_one_line_and_exit_2(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1 and words in done.stderr, done.stderr
    assert done.stdout == ""


def test_help():
    for arguments, word in ((["--help"], "controller"), (["--help"], "revoke"), (["-h"], "preflight"),
                            (["controller", "--help"], "--solver-linger"), (["solver", "--help"], "--thumbprint")):
        done = run(*arguments)
        assert done.returncode == 0 and word in done.stdout and done.stderr == ""
        assert max(map(len, done.stdout.splitlines())) <= 120


def test_unreadable_kubeconfig_is_one_line_and_exit_1(tmp_path):
    done = run("controller", f"--kubeconfig={tmp_path}/none")
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1 and f"{tmp_path}/none" in done.stderr


def test_api_server_without_address_is_one_line_and_exit_1(tmp_path):
    file = tmp_path / "config"
    file.write_text("""current-context: c
contexts: [{name: c, context: {cluster: c, user: c}}]
clusters: [{name: c, cluster: {server: "https://no..name:6443"}}]
users: [{name: c, user: {token: t}}]
""")
    done = run("controller", f"--kubeconfig={file}")
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1 and "no..name" in done.stderr


def test_port_in_use_is_one_line_and_exit_1(account, leader):
    done = run("controller", f"--kubeconfig={account[0]}", f"--listen=127.0.0.1:{leader.port}")
    assert done.returncode == 1, done
    lines = done.stderr.splitlines()
    assert "--listen" in lines[-1] and str(leader.port) in lines[-1], done.stderr


def test_cas_that_cannot_be_read_are_one_line_and_exit_1(account, tmp_path):
    done = run("controller", f"--kubeconfig={account[0]}", SSL_CERT_FILE=f"{tmp_path}/none.pem")
    assert done.returncode == 1, done
    assert "SSL_CERT_FILE" in done.stderr and f"{tmp_path}/none.pem" in done.stderr.splitlines()[-1]


# ---- the configuration file

def test_configuration_file(api, ns, tmp_path, make_controller):
    file = tmp_path / "config.yaml"
    file.write_text("workers: 2\nleader-elect: false\nlog-format: json\nsolver-linger: 30s\n")
    one = make_controller(config=str(file)).start()
    assert '"msg":"caches synced"' in one.text()
    assert "lease" not in one.text()
    api.create(self_signed(ns))
    api.create(certificate(ns, "web"))
    api.wait_ready("Certificate", ns, "web")
    one.stop()


def test_the_command_line_wins_over_the_file(tmp_path, make_controller):
    file = tmp_path / "config.yaml"
    file.write_text("leader-elect: false\nlog-format: json\n")
    one = make_controller(config=str(file), log_format="logfmt").start()
    assert 'msg="caches synced"' in one.text()
    one.stop()


@pytest.mark.parametrize("text, words", [
    ("no-such-setting: 1\n", "no-such-setting"),
    ("workers: many\n", "workers"),
    ("workers: [1, 2]\n", "workers"),
    ("workers: {\n", "config.yaml"),
    ("- workers\n", "config.yaml"),
])
def test_bad_configuration_file_is_one_line_and_exit_2(tmp_path, text, words):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    done = run("controller", f"--config={file}")
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1 and words in done.stderr and str(file) in done.stderr, done.stderr
