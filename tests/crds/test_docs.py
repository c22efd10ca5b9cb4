# SPDX-License-Identifier: Apache-2.0
"""What controller/dns01/providers/README.md shows to users and newcomers: its manifests are accepted as they are, its errors
are those of the code, and what it says to copy is as small as it says."""
import re

import pytest
import yaml

from crdserver import ROOT

DNS01 = ROOT / "controller/dns01"
PAGE = (DNS01 / "providers/README.md").read_text()
COMMON = {"challengeType", "cnameStrategy", "selfCheck"}
ACME = {"server": "https://acme.example.com/directory", "privateKeySecretRef": {"name": "account"}}
# Said before a provider is asked: the Issuer or the name itself is wrong, and the message says what to write.
NOT_A_PROVIDERS = {"InvalidSolver", "InvalidName"}


def sections():
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def solvers(text):
    """Items of spec.acme.solvers in the manifests; other YAML (a server's configuration) is not ours."""
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        shown = yaml.safe_load(block)
        yield from shown.get("solvers", []) if isinstance(shown, dict) else shown


MANIFESTS = [(name, solver) for name, text in sections().items() for solver in solvers(text)]


@pytest.mark.parametrize("solver", [solver for _, solver in MANIFESTS], ids=[name for name, _ in MANIFESTS])
def test_a_manifest_is_accepted_as_it_is(api, solver):
    spec = {"acme": {**ACME, "solvers": [solver]}}
    code, answer = api.create("Issuer", spec, dry_run=True)
    assert code == 201, answer
    assert answer["spec"] == spec, "a field is unknown to the schema"


def test_each_provider_has_a_manifest(rendered):
    [crd] = [c for c in rendered[2] if c["spec"]["names"]["kind"] == "Issuer"]
    solver = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for step in ("spec", "acme", "solvers"):
        solver = solver["properties"][step]
    providers = set(solver["items"]["properties"]["dns01"]["properties"]) - COMMON
    assert {member for _, s in MANIFESTS for member in s.get("dns01", {})} - COMMON == providers


def code_of(*folders):
    return "\n".join(path.read_text() for folder in folders for path in sorted(folder.glob("*.[ch]")))


def test_each_error_of_the_page_is_one_of_the_code():
    """A reason, or the words that a message begins with."""
    code = code_of(DNS01, DNS01 / "providers", ROOT / "controller/net")
    tables = PAGE[PAGE.index("## Errors that all have"):]
    shown = {text for row in re.findall(r"^\| (`[^|]*) \|", tables, re.MULTILINE) for text in re.findall("`(.+?)`", row)}
    assert len(shown) > 40, shown
    beginnings = {text: text.split(": ")[0].replace("example.com", "...").strip(". ") for text in shown}
    words = {text: begin.split(" ")[0] if re.match(r"[A-Z]\w*[a-z]", begin) else begin.replace("...", "%s")
             for text, begin in beginnings.items()}
    assert sorted(text for text, word in words.items() if f'"{word}' not in code) == []


def test_each_error_of_the_code_is_on_the_page():
    said = set(re.findall(r'err_new\(\s*ERR_(?!BUG)\w+,\s*"(\w+)"', code_of(DNS01, DNS01 / "providers"))) - NOT_A_PROVIDERS
    assert len(said) > 10, said
    assert sorted(reason for reason in said if f"`{reason}" not in PAGE) == []


def test_what_is_to_be_copied_is_small():
    """The walk-through promises a provider and a fixture of at most so many lines each."""
    most, *files = re.search(r"at most (\d+) lines: `(\S+\.c)` is the one to copy from, with its\s+fixture `(\S+\.c)`",
                             PAGE).groups()
    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in files}
    assert all(length <= int(most) for length in lengths.values()), lengths


def test_sections_say_what_the_credential_needs():
    lacking = [name for name, text in sections().items() if list(solvers(text)) and "**Permissions" not in text]
    assert lacking == []
