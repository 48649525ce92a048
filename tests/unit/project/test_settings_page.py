"""config/README.md: made from the settings' descriptions, with all keys and headings."""

import importlib.util
import re

from snakemake_run import ROOT

_spec = importlib.util.spec_from_file_location("settings_page", ROOT / "docs" / "settings.py")
page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(page)
TEXT = page.TO.read_text("utf-8")


def test_the_page_is_as_the_settings_say():
    assert page.made() == TEXT, "make schema"


def test_each_section_that_a_file_may_have_is_on_the_page_with_all_its_keys():
    rows = set(re.findall(r"^\| `(\w+)`(?: ○)? \| ", TEXT, re.M))
    for name, section in page.SECTIONS.items():
        keys = {key for key, value in section.get("properties", {}).items() if "const" not in value}
        assert keys <= rows, name
        if keys:
            table = page.table_of(name)
            assert name == "Line" or table in TEXT, name
            assert all(row.split(" | ")[-1].strip(" |") for row in table.splitlines()[2:]), name


def test_the_contents_lead_to_each_heading_once():
    plain = re.sub(r"^```.*?^```", "", TEXT, flags=re.M | re.S)
    headings = [page.anchor(heading) for heading in re.findall(r"^##+ (.+)$", plain, re.M)]
    assert len(headings) == len(set(headings)) > 40
    listed = re.findall(r"^ *- \[.+?\]\(#(\S+)\)$", TEXT, re.M)
    assert listed == headings
    links = set(re.findall(r"\]\(#([\w-]+)\)", plain))
    assert links <= {*headings, "configuration"}


def test_what_may_stand_under_a_key_is_said_in_words():
    said = {
        (section, key): page.kind_of(page.SECTIONS[section]["properties"][key])
        for section, key in (
            ("Training", "optimizer"), ("Training", "patience"), ("Experiment", "seeds"),
            ("Experiment", "generators"), ("Experiment", "source"), ("Model", "subset"),
        )
    }  # fmt: skip
    assert said["Training", "patience"] == "whole number or null"
    assert "`adamw_8bit`" in said["Training", "optimizer"]
    assert said["Experiment", "generators"] == "name → keys of its own"
    assert said["Model", "subset"] == "keys of its own or null"
