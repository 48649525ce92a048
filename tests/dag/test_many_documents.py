"""Planning with many documents: number of jobs, amount of reading, changes that are found."""

import json

import yaml

from snakemake_run import planned, snakemake

YEARS = range(2011, 2025)
STUDY = {
    "source": {"kind": "files", "path": "papers.jsonl"},
    "splits": {"train": {"from": 2011, "to": 2021}, "test": {"from": 2022, "to": 2024}},
    "generators": {s: {"backend": "rules", "style": s} for s in ("extractive", "cloze")},
    "bases": {"own": {"path": "base"}},
    "models": {name: {"base": "own", "method": name} for name in ("baseline", "full", "lora")},
    "seeds": [1, 2],
}
HOW = ("--config", "experiments=study.yaml")


def write(folder, count, **changes):
    """So many papers; one has changes."""
    (folder / "base").mkdir(exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    rows = [
        {"title": f"T{n}", "paper_url": f"https://a.example/{n}", "year": YEARS[n % 14]}
        | {"abstract": f"We measure {n}."}
        for n in range(count)
    ]
    rows[count // 2] |= changes
    (folder / "papers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows[count // 2]["year"]


def test_2000_documents_make_no_job_more_and_a_first_plan_makes_nothing_of_their_rows(tmp_path):
    write(tmp_path, 2000)
    jobs = planned(tmp_path, *HOW)
    assert (jobs["list_documents"], jobs["render_documents"]) == (14, 14)
    assert (jobs["keep_apart"], jobs["synthesize_here"], jobs["train"]) == (2, 4, 4)
    assert (jobs["answer"], sum(jobs.values())) == (10, 85)
    assert not [*tmp_path.glob(".snakemake/papertune-*")]


def test_a_first_plan_tells_of_a_column_that_is_missing(tmp_path):
    write(tmp_path, 1)
    (tmp_path / "papers.csv").write_text(
        "titlle,paper_url,year,abstract\nT,https://a.example,2011,x\n"
    )
    source = {"source": {"kind": "files", "path": "papers.csv"}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY | source))
    run = snakemake(tmp_path, "--dry-run", *HOW, check=False)
    assert run.returncode and "title" in run.stdout and "titlle" in run.stdout


def test_a_table_is_read_once_and_a_changed_row_is_seen(tmp_path):
    write(tmp_path, 2000)
    wanted = (*HOW, "--", *(f"results/study/listings/{year}.jsonl" for year in (2017, 2024)))
    snakemake(tmp_path, *wanted)

    def kept():
        return {path: path.stat() for path in tmp_path.glob(".snakemake/papertune-*/*/*")}

    before = kept()
    assert before and planned(tmp_path, *wanted) == {}
    assert kept() == before, "it was read once"
    assert write(tmp_path, 2000, abstract="We measure it anew.") == 2017
    assert planned(tmp_path, *wanted) == {"list_documents": 1}
    assert planned(tmp_path, *wanted[:-2], wanted[-1]) == {}, "of the other year nothing changed"
