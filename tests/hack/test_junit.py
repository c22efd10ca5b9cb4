# SPDX-License-Identifier: Apache-2.0
"""Counting: nothing that went wrong is ever lost from the last line."""
import pytest

from conftest import ROOT

JUNIT = ROOT / "hack/junit"

# As cmocka 1.1 writes it, with its own way of putting text into CDATA.
PASSED = '<testcase name="a" time="0.000" >\n</testcase>'
FAILED = '<testcase name="b" time="0.000" >\n<failure><![CDATA[1 != 2\nx.c:3: error]]></failure>\n</testcase>'
SKIPPED = '<testcase name="c" time="0.000" >\n<skipped/>\n</testcase>'


def group(*cases):
    return '<?xml version="1.0" encoding="UTF-8" ?>\n<testsuites>\n<testsuite name="tests">\n' + "\n".join(cases) + \
        "\n</testsuite>\n</testsuites>\n"


def binary(tree, name, code, *xml, log=""):
    tree.write(f"raw/{name}.run", f"{code} 0.10\n")
    tree.write(f"raw/{name}.log", log)
    for i, text in enumerate(xml):
        tree.write(f"raw/{name}.g{i}.xml", text)


def total(tree, suite="unit-asan"):
    assert tree.run(JUNIT, "cmocka", suite, "raw", f"{suite}.xml") == (0, "")
    code, out = tree.run(JUNIT, "sum", f"{suite}.xml")
    return code, out, out.splitlines()[-1]


def test_counts(tree):
    binary(tree, "unit/base/test_a", 0, group(PASSED, SKIPPED), group(PASSED, PASSED))
    binary(tree, "unit/base/test_b", 1, group(PASSED, FAILED))
    code, out, last = total(tree)
    assert (code, last) == (1, "4 passed, 1 failed, 1 skipped")
    assert "FAILED unit-asan: unit/base/test_b b" in out and "1 != 2" in out


def test_of_a_traceback_the_places_are_shown(tree):
    lines = ["def test_b():", *[f"    word_{n}()" for n in range(20)], '>   ask("b")', "test_b.py:22: ", "def ask(name):",
             ">   raise OSError(name)", "lib/ask.py:3: OSError"]
    binary(tree, "test_b", 1, group(FAILED.replace("1 != 2\nx.c:3: error", "\n".join(lines))))
    code, out, _ = total(tree)
    assert code == 1 and "word_" not in out
    assert all(word in out for word in ['>   ask("b")', "test_b.py:22:", ">   raise OSError(name)", "lib/ask.py:3: OSError"])


def test_two_groups_in_one_file(tree):
    binary(tree, "test_a", 0, group(PASSED) + group(PASSED))
    assert total(tree)[2] == "2 passed, 0 failed"


@pytest.mark.parametrize("code, xml, words", [
    (139, [], "test_a was killed by signal 11"),
    (1, [], "test_a exited with 1"),
    (124, [], "took too long"),
    (127, [], "exited with 127"),
    (1, [group(PASSED)], "test_a exited with 1"),
    (0, [], "ran no test"),
])
def test_a_bad_end_is_a_failure_by_name(tree, code, xml, words):
    binary(tree, "test_a", code, *xml, log="==1==ERROR: AddressSanitizer\x1b[1m\n")
    result, out, last = total(tree)
    assert result == 1 and words in out and "AddressSanitizer" in out
    assert last == f"{len(xml)} passed, 1 failed"


def test_broken_xml_is_a_failure(tree):
    binary(tree, "test_a", 0, group(PASSED)[:90])
    assert total(tree)[2] == "0 passed, 1 failed"


def test_a_simulator_without_cmocka_counts_once(tree):
    binary(tree, "sim/certroll-sim", 0)
    assert total(tree, "sim")[2] == "1 passed, 0 failed"


def test_a_pytest_that_fails_twice_counts_once(tree):
    tree.write("e2e.xml", '<testsuites><testsuite><testcase classname="t" name="a"><failure message="m"/></testcase>'
                          '<testcase classname="t" name="a"><error message="teardown"/></testcase>'
                          '<testcase classname="t" name="b"/></testsuite></testsuites>')
    assert tree.run(JUNIT, "sum", "e2e.xml")[1].splitlines()[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize("code, last", [(0, "0 passed, 0 failed"), (5, "0 passed, 0 failed"), (2, "0 passed, 1 failed"),
                                        (124, "0 passed, 1 failed")])
def test_a_pytest_without_results(tree, code, last):
    tree.write("log", "boom\n")
    tree.run(JUNIT, "finish", "e2e", code, "log", "e2e.xml")
    assert tree.run(JUNIT, "sum", "e2e.xml")[1].splitlines()[-1] == last


def test_a_skipped_suite_is_seen(tree):
    tree.run(JUNIT, "skip", "e2e", "no kernel", "e2e.xml")
    assert tree.run(JUNIT, "sum", "e2e.xml") == (0, "e2e: 0 passed, 0 failed, 1 skipped\n0 passed, 0 failed, 1 skipped\n")


def test_no_reports_are_no_success(tree):
    assert tree.run(JUNIT, "sum")[0] == 1


# ---- .ci/run
def ci(tree, check, test):
    tree.take(".ci/run")
    tree.write("Makefile", f"check:\n\t@{check}\ntest:\n\t@{test}\n")
    code, out = tree.run(".ci/run")
    return code, out.splitlines()[-1]


@pytest.mark.parametrize("check, test, code, last", [
    ("echo 3 passed, 0 failed", "echo 5 passed, 0 failed", 0, "8 passed, 0 failed"),
    ("echo 3 passed, 0 failed, 1 skipped", "echo 5 passed, 0 failed, 2 skipped", 0, "8 passed, 0 failed, 3 skipped"),
    ("echo 3 passed, 1 failed; false", "echo 5 passed, 0 failed", 1, "8 passed, 1 failed"),
    ("echo 3 passed, 0 failed", "echo 5 passed, 2 failed; false", 1, "8 passed, 2 failed"),
    ("echo 3 passed, 0 failed", "echo 5 passed, 0 failed; false", 1, "8 passed, 1 failed"),
    ("echo no result", "echo 5 passed, 0 failed", 1, "5 passed, 1 failed"),
    ("echo 1 passed, 0 failed; echo 3 passed, 0 failed", "true", 1, "3 passed, 1 failed"),
])
def test_ci_run_sums_and_stops_at_nothing(tree, check, test, code, last):
    assert ci(tree, check, test) == (code, last)
