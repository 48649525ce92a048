"""The environments of --sdm conda and the pinned requirements say the same."""

import re
from pathlib import Path

import pytest
import yaml

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


def test_every_environment_is_used_and_constraints_pin_every_requirement():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == {path.stem for path in ENVIRONMENTS}

    def canonical(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    constraints = {canonical(name): version for name, version in pins("constraints").items()}
    for name, version in (pins("torch") | pins("run") | pins("test")).items():
        assert constraints.get(canonical(name)) == version, name
