"""A mistyped command line is answered with the right spelling, without Snakemake's internals."""

import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import small_study, write_study
from papertune.errors import SettingsError
from papertune.study.command_line import refuse_words, unknown_target
from snakemake_run import ROOT, snakemake

MACHINERY = (
    ".smk",
    "Traceback",
    "WorkflowError",
    "Error in",
    "KeyError",
    "site-packages",
    "input fun",
)


def said(folder: Path, *arguments: str) -> str:
    """What a run that cannot be says, without the lines that any run begins with."""
    run = snakemake(folder, *arguments, check=False)
    assert run.returncode not in (0, None), run.stdout
    for word in MACHINERY:
        assert word not in run.stdout, run.stdout
    assert "What to do: " in run.stdout
    return run.stdout


@pytest.fixture
def study(tmp_path: Path) -> str:
    return f"experiments={write_study(tmp_path, small_study())}"


def test_a_mistyped_target_is_told_the_nearest_and_all_there_are(tmp_path, study):
    text = said(tmp_path, "reprot", "--dry-run", "--config", study)
    assert "'reprot' (did you mean 'report'?)" in text
    assert "doctor " in text and "datasets " in text
    text = said(tmp_path, "results/small/reprot.html", "--dry-run", "--config", study)
    assert "results/small/report.html" in text


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("models/lara/seed-1", "models/lora/seed-1"),
        ("scores/nope/seed-1/cloze.jsonl", "scores/lora/seed-1/cloze.jsonl"),
        ("answers/lora/seed-1/clozes.jsonl", "answers/lora/seed-1/cloze.jsonl"),
        ("documents/1950.jsonl", "documents/2019.jsonl"),
    ],
)
def test_a_file_of_what_the_study_does_not_have_is_told_the_nearest(tmp_path, study, path, near):
    text = said(tmp_path, f"results/small/{path}", "--dry-run", "--config", study)
    assert f"(did you mean 'results/small/{near}'?)" in text


def test_a_file_of_another_experiment_is_told_how_to_get_it(tmp_path, study):
    text = said(tmp_path, "results/isca/report.html", "--dry-run", "--config", study)
    assert "this run has only small" in text and "--config experiments=isca" in text


@pytest.mark.parametrize(
    "words", [["experiments:small"], ["experiments", "small"], ["experiments", "=", "small"]]
)
def test_a_pair_that_is_none_is_told_how_one_looks(words):
    with pytest.raises(SettingsError) as error:
        refuse_words(["report", "--config", *words])
    assert error.value.hint.endswith("--config experiments=demo")


@pytest.mark.parametrize("target", ["small", "mine.yaml", "a/mine.yml", "experiments=mine"])
def test_an_experiment_in_the_place_of_a_target_is_told_how_to_choose_it(target):
    error = unknown_target(target, {"report": ""}, [], ["small"])
    assert f"--config experiments={target.removeprefix('experiments=')}" in error.hint


@pytest.mark.parametrize("option", ["--config", "-C"])
def test_a_target_behind_pairs_is_told_where_to_stand(tmp_path, study, option):
    text = said(tmp_path, "--dry-run", option, study, "documents")
    assert f"documents: stands after {option}" in text and "snakemake documents " in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no such file: "),
        ("experiments:\n\t- demo\n", "mine.yaml:2:1: a tab"),
        ("- demo\n", "`experiments: [demo]`"),
        ("", "`experiments: [demo]`"),
        ("experiments: [demo]\nexperiments: [isca]\n", "mine.yaml:2:1: experiments"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path, text, told):
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    assert told in said(tmp_path, "--configfile", str(path), "--dry-run")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("experiments=dmo", "did you mean 'demo'"),
        ("experiments=config/experiments/dmo.yaml", "config/experiments/demo.yaml"),
        ("experiments=smal.yaml", "small.yaml"),
        ("experiments=/nowhere/small.yaml", "/nowhere"),
        ("experiments=results", "folder"),
        ("experiments=papers.csv", ".yaml"),
        ("experiments=", "experiments"),
        ("experimnts=demo", "did you mean 'experiments'"),
    ],
)
def test_an_experiment_that_is_not_there_is_told_the_nearest(tmp_path, study, given, told):
    (tmp_path / "results").mkdir()
    (tmp_path / "papers.csv").write_text("title\n")
    (tmp_path / "config/experiments").mkdir(parents=True)
    (tmp_path / "config/experiments/demo.yaml").write_text("{}")
    assert told in said(tmp_path, "--dry-run", "--config", given)


def test_the_report_has_a_name_and_the_list_says_what_each_is(tmp_path, study):
    run = snakemake(tmp_path, "report", "--dry-run", "--config", study)
    assert "write_page" in run.stdout
    listed = snakemake(tmp_path, "--list", "--config", study).stdout
    assert "report (" in listed and "prune (" in listed


def test_it_is_as_short_where_snakemake_is_started_in_the_repository():
    """There its profile is loaded by itself; by `make` too."""
    command = [sys.executable, "-m", "snakemake", "-n", "--config", "experiments=demo", "report"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert "snakemake report -n --config experiments=demo" in run.stderr


TABLES = [
    ("pairs", "no.csv", "no such file (did you mean 'mine.csv'?)"),
    ("files", "no.csv", "no such file (did you mean 'mine.csv'?)"),
    ("pairs", "mine.csv", "question: 'Q'"),
    ("files", "mine.csv", "no column is title"),
]


@pytest.mark.parametrize(("kind", "path", "told"), TABLES)
def test_a_table_that_cannot_be_read_is_told_in_our_words(tmp_path, kind, path, told):
    (tmp_path / "mine.csv").write_text("frage,antwort\nWarum?,Darum.\n")
    source = {"kind": kind, "path": path}
    if kind == "pairs":
        source["columns"] = {"question": "Q", "answer": "antwort"}
    values = small_study() | {"source": source, "splits": {"test": 0.5}}
    text = said(tmp_path, "--dry-run", "--config", f"experiments={write_study(tmp_path, values)}")
    assert told in text and path in text and f"{place(tmp_path, 'path')}: source.path: " in text


def place(folder: Path, key: str) -> str:
    """File, line and column of the only key of this name in the study's file."""
    lines = (folder / "small.yaml").read_text().splitlines()
    ((line, column),) = [
        (number, text.index(f"{key}:") + 1)
        for number, text in enumerate(lines, 1)
        if text.strip().startswith(f"{key}:")
    ]
    return f"{folder / 'small.yaml'}:{line}:{column}"


BROUGHT = [
    ({"kind": "pdfs", "path": "paper"}, "did you mean 'papers'"),
    ({"kind": "pdfs", "path": "papers"}, "no PDF"),
    ({"kind": "pdfs", "path": "papers/{year}/*.pdf"}, "no PDF"),
    ({"kind": "stack_dump", "path": "Posts.xml", "site": "math"}, "did you mean 'posts.xml'"),
    ({"kind": "stack_dump", "path": "posts.xml", "site": "math"}, "<comments>"),
    ({"kind": "dblp_snapshot", "path": "dblp.xml.gz", "keys": ["conf/pt/"]}, "no such file"),
    ({"kind": "acl_xml", "path": "xml/{year}.pt.xml"}, "no folder xml"),
    ({"kind": "bibtex", "paths": ["mine.bib", "yours.bib"]}, "yours.bib: no such file"),
]


@pytest.mark.parametrize(("source", "told"), BROUGHT)
def test_what_is_brought_is_looked_for_when_a_run_is_planned(tmp_path, source, told):
    (tmp_path / "papers").mkdir()
    (tmp_path / "posts.xml").write_text("<comments></comments>")
    (tmp_path / "mine.bib").write_text("@article{a, title={A study of things}, year={2020}}")
    values = small_study() | {"source": source}
    if source["path" if "path" in source else "kind"] in ("paper", "papers"):
        values["splits"] = {"test": 0.5}
    text = said(tmp_path, "--dry-run", "--config", f"experiments={write_study(tmp_path, values)}")
    assert told in text and place(tmp_path, "paths" if "paths" in source else "path") in text


def test_texts_that_a_base_is_trained_on_are_looked_for_too(tmp_path):
    (tmp_path / "wiki.txt").write_text("Things are things.")
    values = small_study()
    values["bases"]["small"]["pretrain"]["corpus"] = {"files": ["wikj.txt"]}
    text = said(tmp_path, "--dry-run", "--config", f"experiments={write_study(tmp_path, values)}")
    assert "did you mean 'wiki.txt'" in text and place(tmp_path, "files") in text


def test_a_base_that_is_not_there_is_told_what_lies_there(tmp_path):
    (tmp_path / "models/llama").mkdir(parents=True)
    values = small_study() | {"bases": {"small": {"path": "models/lama"}}}
    text = said(tmp_path, "--dry-run", "--config", f"experiments={write_study(tmp_path, values)}")
    assert "did you mean 'llama'" in text and place(tmp_path, "path") in text


MAKES = """
configfile: "config.yaml"


module papertune:
    snakefile:
        "{workflow}"
    config:
        config


use rule * from papertune


rule all_of_it:
    default_target: True
    input:
        rules.all.input,


rule table:
    output:
        "made/papers.csv",
    shell:
        "cp papers.csv {{output}}"


rule texts:
    output:
        "made/wiki.txt",
    shell:
        "echo Things are things. > {{output}}"
"""


def test_what_another_rule_makes_need_not_be_there(tmp_path):
    values = small_study()
    values["source"] = {"kind": "files", "path": "made/papers.csv"}
    values["splits"] = {"test": 0.5}
    values["bases"]["small"]["pretrain"]["corpus"] = {"files": ["made/wiki.txt"]}
    path = write_study(tmp_path, values)
    (tmp_path / "config.yaml").write_text(f"experiments: [{path}]\n")
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(MAKES.format(workflow=ROOT / "workflow/Snakefile"))
    run = snakemake(tmp_path, "--dry-run", snakefile=snakefile)
    assert "table" in run.stdout and "texts" in run.stdout
    text = " ".join(["We study a thing of many, and find that it works as it should."] * 5)
    rows = [f'A study of {n} things,10.1234/{n},"{n}. {text}"\n' for n in range(9)]
    (tmp_path / "papers.csv").write_text("title,doi,abstract\n" + "".join(rows))
    listings = [f"results/small/listings/{part}.jsonl" for part in ("train", "test")]
    snakemake(tmp_path, *listings, snakefile=snakefile)
    again = snakemake(tmp_path, *listings, "--dry-run", snakefile=snakefile)
    assert "Nothing to be done" in again.stdout


def test_the_doctor_ends_with_a_count_and_nothing_of_snakemake(tmp_path):
    values = small_study()
    path = write_study(tmp_path, values)
    run = snakemake(tmp_path, "doctor", "--config", f"experiments={path}")
    assert run.stdout.splitlines()[-1].startswith("Everything is here")
    values["source"] = {"kind": "pdfs", "path": "papers"}
    values["splits"] = {"test": 0.5}
    path = write_study(tmp_path, values)
    run = snakemake(tmp_path, "doctor", "--config", f"experiments={path}", check=False)
    assert run.returncode == 1 and run.stdout.splitlines()[-1].startswith("1 thing must be fixed")
    assert not any(word in run.stdout for word in MACHINERY)
