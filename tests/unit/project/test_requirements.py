"""The environments of --sdm conda and the pinned requirements say the same."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_environment_pins_what_the_requirements_pin(path):
    pinned = pins("torch") | pins("run")
    [packages] = [
        d["pip"] for d in yaml.safe_load(path.read_text())["dependencies"] if isinstance(d, dict)
    ]
    assert packages
    for package in packages:
        name, version = package.split("==")
        assert pinned.get(name) == version, f"{path.name}: {package}"


def test_every_environment_of_a_rule_exists_and_every_one_is_used():
    used = set()
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        used |= set(re.findall(r"envs/(\w+)\.yaml", rules.read_text()))
    assert used == {path.stem for path in (ROOT / "envs").glob("*.yaml")}


def test_constraints_pin_every_requirement():
    constraints = {canonical(name): version for name, version in pins("constraints").items()}
    for name, version in (pins("torch") | pins("run") | pins("test")).items():
        assert constraints.get(canonical(name)) == version, name
