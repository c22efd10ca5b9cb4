# SPDX-License-Identifier: Apache-2.0
"""hack/setup, with a dpkg and an apt that only say what they are asked."""
import time

import pytest

from conftest import ROOT

DPKG = """#!/bin/sh
for p in "$@"; do case $p in -*) ;; *'$'*) ;; missing) ;; removed) echo "removed config-files" ;; *) echo "$p installed" ;; esac; done
exit 1
"""
APT = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *update*) exit 100 ;; esac
"""


@pytest.fixture
def machine(tree):
    tree.take("hack/setup")
    tree.write("bin/dpkg-query", DPKG, 0o755)
    tree.write("bin/apt-get", APT, 0o755)
    tree.write("bin/id", "#!/bin/sh\necho 1000\n", 0o755)
    tree.write("bin/sudo", '#!/bin/sh\ncase "$1" in env) exec "$@" ;; esac\n', 0o755)
    tree.write("hack/packages/a.txt", "# a comment\none\ntwo # why\n\n")
    tree.write("hack/packages/b.txt", "two\nmissing\nremoved\n")

    def setup(*sets):
        code, out = tree.run("hack/setup", *sets, PATH=f"{tree.path}/bin:/usr/bin:/bin", CALLS=f"{tree.path}/calls")
        calls = tree.path / "calls"
        return code, out, calls.read_text() if calls.exists() else ""
    return setup


def test_nothing_is_done_when_all_is_there(machine):
    assert machine("a") == (0, "", "")


def test_only_what_is_missing_is_installed_although_a_source_is_dead(machine):
    code, out, calls = machine("a", "b")
    assert code == 0, out
    assert "some package source could not be read" in out
    assert calls.splitlines()[0].endswith(" update")
    assert calls.splitlines()[1].endswith(" -y missing removed")


def test_a_set_that_is_not_there_yet_is_no_error(machine):
    assert machine("nosuchset")[0] == 0


def test_print(machine):
    assert machine("--print", "a", "b")[1].split() == ["missing", "one", "removed", "two"]


def test_package_lists_are_sorted_and_unique():
    for path in (ROOT / "hack/packages").glob("*.txt"):
        names = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
        names = [name for name in names if name]
        assert names == sorted(set(names)), path


def test_a_second_run_is_quick(tree):
    tree.run(ROOT / "hack/setup", "--print", "build", "check", "test", "cluster")
    started = time.monotonic()
    code, out = tree.run(ROOT / "hack/setup", "build", "check", "test")
    assert code == 0, out
    assert time.monotonic() - started < 1, "a second run of hack/setup costs too much"
