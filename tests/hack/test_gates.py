# SPDX-License-Identifier: Apache-2.0
"""Each gate passes what is right and names what is wrong."""
import pytest

from conftest import ROOT

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def passes(result):
    code, out = result
    assert code == 0, out
    assert out.strip().splitlines()[-1].startswith("ok "), out


def finds(result, *words):
    code, out = result
    assert code == 1, out
    for word in words:
        assert word in out, out


@pytest.mark.parametrize("gate", ["layers", "headers", "size", "banned", "format", "generated", "spelling", "shell", "tidy",
                                  "chart", "acme-matrix"])
def test_an_empty_tree_passes(tree, gate):
    tree.take(".clang-tidy", ".clang-format", ".codespellrc")
    passes(tree.gate(gate))


# ---- layers
@pytest.mark.parametrize("file, header", [
    ("json/a.c", "base/err.h"),
    ("kube/a.c", "net/http.h"),
    ("kube/a.c", "metrics/metrics.h"),
    ("net/a.c", "net/internal.h"),
    ("issuers/a.c", "acme/order.h"),
    ("issuers/a.c", "kube/client.h"),
    ("reconcilers/a.c", "acme/order.h"),
    ("dns01/engine.c", "kube/client.h"),
    ("dns01/engine.c", "dns01/providers/x.h"),
    ("dns01/providers/x.c", "dns01/provider.h"),
    ("dns01/providers/x.c", "net/http.h"),
    ("main.c", "reconcilers/certificate.h"),
    ("issuers/a.c", "issuers_registry.inc"),
])
def test_layers_let_pass(tree, file, header):
    tree.write(f"controller/{file}", f'#include "{header}"\n#include <stdio.h>\n')
    passes(tree.gate("layers"))


@pytest.mark.parametrize("file, header, word", [
    ("base/a.c", "json/json.h", "base must not include json"),
    ("net/a.h", "pki/key.h", "net must not include pki"),
    ("acme/a.c", "kube/client.h", "acme must not include kube"),
    ("kube/a.c", "acme/order.h", "kube must not include acme"),
    ("http01/a.c", "acme/order.h", "http01 must not include acme"),
    ("dns01/a.c", "acme/order.h", "dns01 must not include acme"),
    ("dns01/providers/x.c", "kube/client.h", "dns01/providers must not include kube"),
    ("dns01/providers/x.c", "dns01/zone.h", "dns01/providers must not include dns01"),
    ("dns01/provider.h", "kube/client.h", "dns01/providers must not include kube"),
    ("metrics/a.c", "json/json.h", "metrics must not include json"),
    ("outputs/a.c", "issuers/issuer.h", "outputs must not include issuers"),
    ("rollout/a.c", "reconcilers/x.h", "rollout must not include reconcilers"),
    ("reconcilers/a.c", "cli/x.h", "reconcilers must not include cli"),
    ("base/a.c", "err.h", "by its room"),
    ("cellar/a.c", "base/err.h", "room cellar is not in the table"),
    ("base/a.c", "cellar/a.h", "is in no room"),
])
def test_layers_catch(tree, file, header, word):
    tree.write(f"controller/{file}", f'\n  #  include "{header}"\n')
    finds(tree.gate("layers"), f"controller/{file}:2: ", word)


# ---- headers
def test_a_header_that_needs_another_is_caught(tree):
    tree.write("controller/base/good.h", "#include <stddef.h>\nsize_t good(void);\n")
    tree.write("controller/base/bad.h", "size_t bad(void);\n")
    code, out = tree.gate("headers")
    finds((code, out), "controller/base/bad.h: does not compile alone")
    assert "good.h" not in out


# ---- size
def function(body, parameters="void", name="f"):
    return f"int {name}({parameters})\n{{\n{body}    return 0;\n}}\n"


def test_sizes_at_the_limit_pass(tree):
    six = ", ".join(f"int {c}" for c in "abcdef")
    tree.write("controller/base/a.c", function("    g();\n" * 56, six))
    passes(tree.gate("size"))


@pytest.mark.parametrize("text, word", [
    (function("    g();\n" * 57), "f: 61 lines, at most 60"),
    (function("", ", ".join(f"int {c}" for c in "abcdefg")), "f: 7 parameters, at most 6"),
    (function("", "int a,\n      int b, void (*c)(int, int),\n  int d, int e, int f, int g"), "f: 7 parameters"),
    (function("    if (a) g();\n" * 15), "f: complexity 16, at most 15"),
    ("int a;\n" * 601, "601 lines, at most 600"),
], ids=["lines", "parameters", "parameters-over-lines", "complexity", "file"])
def test_sizes_over_the_limit_are_caught(tree, text, word):
    tree.write("controller/base/a.c", text)
    finds(tree.gate("size"), "controller/base/a.c", word)


def test_a_callback_parameter_counts_once(tree):
    tree.write("controller/base/a.c", function("", "int a, int (*b)(int, int, int, int), int c, int d, int e, int f"))
    passes(tree.gate("size"))


def test_a_long_header_is_named_but_passes(tree):
    tree.write("controller/base/a.h", "int a;\n" * 151)
    code, out = tree.gate("size")
    assert code == 0 and "note: controller/base/a.h has 151 lines" in out


def test_a_waiver_needs_a_reason(tree):
    tree.write("controller/base/a.c", function("    g();\n" * 58))
    tree.write("hack/size-waivers.txt", "controller/base/a.c:f  a table of 50 rows\n")
    passes(tree.gate("size"))
    tree.write("hack/size-waivers.txt", "controller/base/a.c:f\n")
    finds(tree.gate("size"), "no reason given")


def test_the_waiver_list_is_short():
    lines = (ROOT / "hack/size-waivers.txt").read_text().splitlines()
    assert sum(not line.startswith("#") for line in lines) <= 3


# ---- banned
@pytest.mark.parametrize("file, line, word", [
    ("kube/a.c", "strcpy(a, b);", "strcpy()"),
    ("base/a.c", "strcat (a, b);", "strcat()"),
    ("kube/a.c", "n = atoi(s);", "atoi()"),
    ("kube/a.c", "p = malloc(3);", "malloc()"),
    ("kube/a.c", "p = strdup(s);", "strdup()"),
    ("kube/a.c", "sleep(1);", "sleep()"),
    ("kube/a.c", "x = strerror(errno);", "strerror()"),
    ("kube/a.c", "json_object_get(o, k);", "JGET"),
    ("kube/a.c", "json_loadb(s, n, 0, NULL);", "json_parse"),
    ("kube/a.c", "#include <openssl/evp.h>", "only pki/"),
    ("kube/a.c", "#include <curl/curl.h>", "only net/"),
    ("net/a.c", "#include <openssl/evp.h>", "only pki/"),
    ("net/a.c", "#include <yaml.h>", "only json/"),
    ("kube/a.c", 'x("\\"/*"); system(s);', "system()"),
    ("kube/a.c", "/* a */ gmtime(&t); /* b", "gmtime()"),
])
def test_banned_names_are_caught(tree, file, line, word):
    tree.write(f"controller/{file}", f"\n{line}\n")
    finds(tree.gate("banned"), f"controller/{file}:2: ", word)


@pytest.mark.parametrize("file, line", [
    ("base/mem.c", "p = malloc(3);"),
    ("base/clock.c", "nanosleep(&t, NULL);"),
    ("json/json.c", "json_object_get(o, k);"),
    ("json/yaml.c", "#include <yaml.h>"),
    ("pki/key.c", "#include <openssl/evp.h>"),
    ("net/http.c", "#include <openssl/ssl.h>"),
    ("net/http.c", "#include <curl/curl.h>"),
    ("kube/a.c", "x_strdup(s); gmtime_r(&t, &tm); json_decref(o); strerror_r(e, b, n);"),
    ("kube/a.c", "o->sleep(1); o.system(s);"),
    ("kube/a.c", 'x("strcpy(a, b)"); // strcpy(a, b)'),
    ("kube/a.c", "/* malloc(3)\n * strcpy(a, b)\n */"),
    ("kube/a.c", "int malloc;"),
])
def test_allowed_names_pass(tree, file, line):
    tree.write(f"controller/{file}", f"{line}\n")
    passes(tree.gate("banned"))


def test_tests_may_sleep_but_not_overflow(tree):
    tree.write("tests/unit/base/test_a.c", "sleep(1);\nmalloc(3);\n")
    passes(tree.gate("banned"))
    tree.write("tests/unit/base/test_a.c", "sprintf(s, x);\n")
    finds(tree.gate("banned"), "sprintf()")


# ---- format, spelling, shell
def test_format(tree):
    tree.take(".clang-format")
    tree.write("controller/base/a.c", SPDX + "int f(void)\n{\n    return 0;\n}\n")
    passes(tree.gate("format"))
    tree.write("controller/base/c.c", "int c;\n")
    tree.write("notes.md", "a \n")
    code, out = tree.gate("format")
    finds((code, out), "controller/base/c.c: no SPDX", "notes.md:1: space at the end")
    assert "a.c" not in out


def test_layout(tree):
    tree.take(".clang-format")
    tree.write("controller/base/b.c", SPDX + "int f(void) {\n  return 0; }\n")
    code, out = tree.gate("format")
    if "layout not checked" in out:
        pytest.skip(out.splitlines()[0])
    finds((code, out), "controller/base/b.c:2: run make format")


def test_spelling(tree):
    tree.write("notes.md", "This is " + "recie" + "ve.\n")
    finds(tree.gate("spelling"), "notes.md:1")


def test_shell_and_python(tree):
    tree.write("hack/good", "#!/usr/bin/env bash\nset -euo pipefail\necho \"$1\"\n")
    tree.write("tests/good.py", "import os\nprint(os.name)\n")
    passes(tree.gate("shell"))
    tree.write("hack/unquoted", "#!/usr/bin/env bash\nset -euo pipefail\nrm $1\n")
    tree.write("hack/sloppy", "#!/bin/bash\necho a\n")
    tree.write("tests/unused.py", "import os\n")
    tree.write("tests/broken.py", "def\n")
    finds(tree.gate("shell"), "hack/unquoted:3", "hack/sloppy: no set -euo pipefail", "unused.py:1", "broken.py")


# ---- tidy
def test_tidy_finds_and_remembers(tree):
    tree.take(".clang-tidy")
    tree.write("controller/base/a.c", "int a(int x);\nint a(int x)\n{\n    return x;\n}\n")
    passes(tree.gate("tidy"))
    assert len(list((tree.path / "build/tidy-cache").iterdir())) == 1
    passes(tree.gate("tidy"))
    tree.write("controller/base/b.c", "int b(int x);\nint b(int x)\n{\n    int y;\n    return x + y;\n}\n")
    finds(tree.gate("tidy"), "controller/base/b.c:5", "clang-analyzer")
    finds(tree.gate("tidy"), "controller/base/b.c:5")


def test_tidy_knows_that_errors_are_never_null(tree):
    tree.take(".clang-tidy")
    tree.write("controller/base/err.h", "#pragma once\nstruct err;\nstruct err *err_new(int kind, const char *fmt);\n"
                                        "struct err *err_wrap(struct err *e, const char *fmt);\n")
    tree.write("controller/base/a.c", """#include "base/err.h"

static struct err *get(int x, int *ret_n)
{
    if (x < 0)
        return err_new(1, "negative");
    *ret_n = x;
    return 0;
}

struct err *twice(int x, int *ret_n);
struct err *twice(int x, int *ret_n)
{
    int n;
    struct err *e = get(x, &n);
    if (e != 0)
        return err_wrap(e, "twice");
    *ret_n = n + n;
    return 0;
}
""")
    passes(tree.gate("tidy"))


# ---- acme-matrix
MATRIX = """## A suite

| id | scenario | ours |
|---|---|---|
| B-1 | one name | `component/test_a.py::test_one`, `tests/unit/a/test_b.c::two` |
| B-2 | too often | `component/test_a.py::test_one` |
| B-3 | the inside of a CA | no: no client sees it |
"""


def matrix_tree(tree, *changes):
    text = MATRIX
    for old, new in changes:
        text = text.replace(old, new)
    tree.write("tests/acme-matrix.md", text)
    tree.write("tests/component/test_a.py", "class TestA:\n    def test_one(self):\n        pass\n")
    tree.write("tests/unit/a/test_b.c", "cmocka_unit_test(two),\n")
    return tree.gate("acme-matrix")


def test_acme_matrix_passes(tree):
    passes(matrix_tree(tree))


@pytest.mark.parametrize("old, new, words", [
    ("test_one`", "test_ones`", "B-1: there is no test component/test_a.py::test_ones"),
    ("::two", "::tw", "B-1: there is no test tests/unit/a/test_b.c::tw"),
    ("| one name |", "| |", "B-1: a cell is empty"),
    ("| no: no client sees it |", "| |", "B-3: a cell is empty"),
    ("no: no client sees it", "no: no", "B-3: say more"),
    ("| B-3 |", "| B-1 |", "B-1: the id is there twice"),
    ("no: no client sees it", "missing: rate limits", "B-3: there is no test missing:"),
])
def test_acme_matrix_catches(tree, old, new, words):
    finds(matrix_tree(tree, (old, new)), words)


# ---- all of them
def test_check_all_runs_every_gate_and_sums_up(tree):
    tree.write("hack/setup", "#!/bin/sh\n", 0o755)
    tree.take("hack/check-all")
    tree.write("hack/check-good", "#!/bin/sh\necho ok good\n", 0o755)
    tree.write("hack/check-bad", "#!/bin/sh\necho 'a < b & c'\nexit 1\n", 0o755)
    tree.write("hack/check-absent", "#!/bin/sh\necho skipped absent: no tool\nexit 77\n", 0o755)
    code, out = tree.run("hack/check-all")
    assert code == 1
    assert out.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"
    code, out = tree.run(ROOT / "hack/junit", "sum", "build/junit/check.xml")
    assert code == 1 and "a < b & c" in out and out.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"
