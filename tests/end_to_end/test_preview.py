"""A preview in an empty folder: its results are in the store, and the run reuses them."""

import re

import pytest

from end_to_end.conftest import new_files_study, small_study, write_study
from papertune.pairfile import read_pairs
from papertune.preview.show import NOT_HERE, preview
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from snakemake_run import ROOT, snakemake

pytestmark = pytest.mark.slow


def asked(text: str) -> dict[str, list[tuple[int, int]]]:
    """Writer/split → documents that were asked about, and those from the store."""
    found: dict[str, list[tuple[int, int]]] = {}
    for what, now, kept in re.findall(r"^(\S+): asked (\d+) documents, (\d+) from", text, re.M):
        found.setdefault(what, []).append((int(now), int(kept)))
    return found


def test_what_a_preview_has_asked_for_is_the_runs(tmp_path):
    path = write_study(tmp_path, small_study())
    config = ("--config", f"experiments={path}")
    shown = snakemake(tmp_path, "preview", *config).stdout
    assert asked(shown) == {"cloze/test": [(5, 0)], "extractive/test": [(5, 0)]}
    assert not (tmp_path / "results").exists(), "nothing is begun"
    assert "next: snakemake --config experiments=small" in shown
    assert asked(snakemake(tmp_path, "preview", *config).stdout)["cloze/test"] == [(0, 5)]

    run = snakemake(tmp_path, "datasets", *config).stderr
    for writer in ("cloze", "extractive"):
        [(_, kept)] = asked(run)[f"{writer}/test"]
        assert kept == 5
        pairs = read_pairs(tmp_path / f"results/small/datasets/{writer}/test.parquet")
        answers = {(pair.question, pair.answer) for pair in pairs}
        part = shown.partition(f"== pairs by {writer}")[2].partition("\n== ")[0]
        told = re.findall(r"^  Q  (.*)\n  A  (.*)$", part, re.M)
        assert len(told) == 5 and answers.issuperset(told)


def test_what_a_file_says_is_no_command_to_the_terminal_and_a_row_without_a_text_is_told(tmp_path):
    study = new_files_study(tmp_path, one_file=False)
    rows = study.rows()
    for item in rows[2021]:
        item["title"] += "\x1b[2J"
    rows[2021][0]["abstract"] = ""
    study.write(rows)
    shown = study.run("--", "preview")
    assert "\x1b" not in shown and "[2J" in shown
    assert "4 of the 5 test documents of 2021" in shown and "without a text: " in shown


def test_on_a_login_node_no_writer_runs_a_model(tmp_path, monkeypatch):
    study = new_files_study(tmp_path, one_file=False)
    prompt = str(ROOT / "workflow/prompts/short.txt")
    local = {"backend": "transformers", "model": "small", "prompt": prompt, "pairs": 1}
    study.change(lambda values: values["generators"].update(cloze=local))
    monkeypatch.chdir(tmp_path)
    layout, lines = Layout("mine", load_experiment(study.file), "resources"), []
    where = {"store": "store", "room": lambda task: None, "threads": 1, "terminal": False}
    preview(layout, say=lines.append, submits=True, **where)
    assert f"none: {NOT_HERE}" in lines and any(line.startswith("  Q  ") for line in lines)
