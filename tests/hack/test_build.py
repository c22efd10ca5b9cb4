# SPDX-License-Identifier: Apache-2.0
"""The Makefile and run-tests, on a program of three files."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import ROOT

BASE = '#include "base/add.h"\n\nint add(int a, int b)\n{\n    return a + b;\n}\n'
MAIN = '#include <stdio.h>\n\n#include "base/add.h"\n\nint main(void)\n{\n' \
       '    printf("%s %d\\n", CERTROLL_VERSION, add(1, 2));\n    return 0;\n}\n'
TEST = """#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/add.h"

static void test_one(void **state)
{
    (void)state;
    %s
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
"""


@pytest.fixture
def program(tree):
    tree.take("Makefile", "hack", "tests/suppressions")
    shutil.rmtree(tree.path / "hack/tools", ignore_errors=True)
    tree.write("hack/setup", "#!/bin/sh\n", 0o755)
    tree.write("controller/base/add.h", "int add(int a, int b);\n")
    tree.write("controller/base/add.c", BASE)
    tree.write("controller/main.c", MAIN)
    return tree


def built(tree, *arguments, **variables):
    code, out = tree.run("make", "-j2", *arguments, **variables)
    assert code == 0, out
    return out


def test_build_and_rebuild(program):
    built(program, VERSION="1.2.3")
    assert program.run("build/certroll") == (0, "1.2.3 3\n")
    assert " CC " not in built(program, VERSION="1.2.3")
    out = built(program, VERSION="1.2.4")
    assert "controller/main.c" in out and "add.c" not in out
    out = built(program, VERSION="1.2.4", CFLAGS="-DX")
    assert "controller/main.c" in out and "add.c" in out


def test_a_new_file_and_a_removed_file_need_no_edit(program):
    more = program.write("controller/json/more.c", "int more(void);\nint more(void)\n{\n    return 1;\n}\n")
    built(program)
    assert "more.o" in program.run("ar", "t", "build/libcertroll.a")[1]
    more.unlink()
    built(program)
    assert "more.o" not in program.run("ar", "t", "build/libcertroll.a")[1]


def test_warnings_are_errors_when_asked(program):
    program.write("controller/base/bad.c", "int bad(void)\n{\n    return 1;\n}\n")
    built(program)
    assert program.run("make", WERROR="1")[0] != 0
    assert program.run("make", CI="true")[0] != 0


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_program_is_hardened(program, compiler):
    built(program, CC=compiler)
    out = program.run("readelf", "-dWlh", "build/certroll")[1]
    assert "DYN" in out and "BIND_NOW" in out and "GNU_RELRO" in out
    assert "RWE" not in out


def test_drivers_are_registered(program):
    program.write("controller/issuers/issuer.h", "struct issuer_driver {\n    const char *name;\n};\n")
    for name in ("zeta", "alpha"):
        program.write(f"controller/issuers/{name}.c", '#include "issuers/issuer.h"\n\n#include "issuers_registry.inc"\n\n'
                      f'const struct issuer_driver issuer_driver_{name} = {{\n    .name = "{name}",\n}};\n')
    program.write("controller/main.c", """#include "issuers/issuer.h"

#include <stdio.h>

#include "issuers_registry.inc"

static const struct issuer_driver *const drivers[] = {
#define X(driver) &driver,
#include "issuers_registry.inc"
#undef X
};

int main(void)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        puts(drivers[i]->name);
    return 0;
}
""")
    built(program)
    assert program.run("build/certroll") == (0, "alpha\nzeta\n")
    (program.path / "controller/issuers/alpha.c").unlink()
    built(program)
    assert program.run("build/certroll") == (0, "zeta\n")


def test_a_driver_defined_twice_is_refused(tree):
    for name in "ab":
        tree.write(f"d/{name}.c", "const struct s s_x = {\n};\n")
    code, out = tree.run(ROOT / "hack/gen-registry", "s", "s_", "d")
    assert code == 1 and "defined twice" in out


def test_the_provider_to_copy_from_is_short():
    """What controller/dns01/providers/README.md promises to whoever adds one."""
    assert len((ROOT / "controller/dns01/providers/cloudflare.c").read_text().splitlines()) <= 150


def test_compile_commands(program):
    program.write("tests/unit/base/test_add.c", TEST % "assert_int_equal(add(1, 2), 3);")
    built(program, "compile_commands.json", VERSION='a"b')
    entries = json.loads((program.path / "compile_commands.json").read_text())
    assert [e["file"] for e in entries] == ["controller/base/add.c", "controller/main.c", "tests/unit/base/test_add.c"]
    assert all(e["arguments"][-2:] == ["-c", e["file"]] and "-Icontroller" in e["arguments"] for e in entries)


def test_install(program):
    built(program, "install-strip", f"DESTDIR={program.path}/root", "PREFIX=/usr")
    bin_dir = program.path / "root/usr/bin"
    assert os.access(bin_dir / "certroll", os.X_OK)
    assert os.readlink(bin_dir / "kubectl-certroll") == "certroll"


def test_help_names_the_targets(program):
    out = built(program, "help")
    for target in ("all", "check", "test", "test-unit", "test-e2e", "demo", "demo-down", "install", "clean", "fuzz", "bench"):
        assert f"  {target} " in out


def test_run_tests_counts_all_that_goes_wrong(program):
    bodies = {
        "good": "assert_int_equal(add(1, 2), 3);",
        "bad": "assert_int_equal(add(1, 2), 4);",
        "crash": "abort();",
        "overflow": "char *p = malloc(3);\n    p[add(1, 2)] = 1;\n    free(p);",
        "leak": "assert_non_null(malloc(3));",
        "uncompiled": "this is not C;",
    }
    for name, body in bodies.items():
        program.write(f"tests/unit/base/test_{name}.c", TEST % body)
    code, out = program.run("hack/run-tests", "unit-asan", "sim", "component")
    assert code == 1
    # The leak is found when its test has passed and the program ends.
    assert out.splitlines()[-1] == "2 passed, 5 failed, 2 skipped", out
    for name in bodies:
        assert (f"FAILED unit-asan: unit/base/test_{name} " in out) == (name != "good"), out
    # Mended, it passes, and what did not compile before is not run as it was.
    for name in ("bad", "crash", "overflow", "leak"):
        (program.path / f"tests/unit/base/test_{name}.c").unlink()
    program.write("tests/unit/base/test_uncompiled.c", TEST % bodies["good"])
    code, out = program.run("make", "test-unit", "T=base/test_")
    assert (code, out.splitlines()[-1]) == (0, "4 passed, 0 failed"), out
    program.write("tests/unit/base/test_uncompiled.c", TEST % bodies["uncompiled"])
    code, out = program.run("hack/run-tests", "unit-asan")
    assert (code, out.splitlines()[-1]) == (1, "1 passed, 1 failed"), out


def test_run_tests_runs_pytest_folders(program):
    program.write("tests/component/test_a.py", "import time\n\nimport pytest\n\n\ndef test_good():\n    pass\n\n\n"
                  "@pytest.mark.full\ndef test_long():\n    pass\n\n\ndef test_slow():\n    time.sleep(60)\n")
    program.write("tests/pytest.ini", "[pytest]\nmarkers =\n    full: long\n")
    code, out = program.run("hack/run-tests", "component", T="not slow")
    assert (code, out.splitlines()[-1]) == (0, "1 passed, 0 failed"), out
    code, out = program.run("hack/run-tests", "component", T="not slow", CERTROLL_TEST_FULL="1")
    assert (code, out.splitlines()[-1]) == (0, "2 passed, 0 failed"), out
    soon = subprocess.run(["date", "+%s", "-d", "6 seconds"], stdout=subprocess.PIPE, text=True, check=True).stdout
    code, out = program.run("hack/run-tests", "component", CERTROLL_DEADLINE=soon.strip())
    assert code == 1 and out.splitlines()[-1] == "1 passed, 1 failed", out


def test_every_folder_of_tests_is_run_by_a_goal():
    makefile = (ROOT / "Makefile").read_text()
    known = set(makefile.replace("\n", " ").split())
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders <= known, f"not in SUITES of the Makefile: {folders - known}"
