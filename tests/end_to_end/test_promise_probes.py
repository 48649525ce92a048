"""Promise: probes are answered once, only new ones are asked, and ratings ask and train nothing."""

import csv
import json
import re
from pathlib import Path

import pytest

from end_to_end.conftest import FilesStudy
from papertune.records import Answer, read_records
from snakemake_run import job_counts, snakemake

pytestmark = pytest.mark.slow

PROBES = {
    "mine": {"prompt": "What is the kingfisher?"},
    "about": {"prompt": "What is it?", "context": "Tern is a cache.", "reference": "a cache"},
    "known": {"from": "train", "pick": 2},
    "tested": {"from": "test", "pick": 1},
}


def answers(study: FilesStudy, name: str) -> list[Answer]:
    found = sorted((study.folder / "results/mine/answers").glob(f"*/*/{name}.jsonl"))
    assert len(found) == 2  # the baseline and one model
    return [one for path in found for one in read_records(path, Answer)]


def ratings(study: FilesStudy, rater: str, experiment: str = "mine") -> Path:
    """A file as the page for raters saves it."""
    page = (study.folder / "results/mine/rate.html").read_text()
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    marks = {key: 3 for item in json.loads(data)["items"] for key, _ in item["texts"]}
    path = study.folder / f"ratings/{rater}.json"
    path.parent.mkdir(exist_ok=True)
    said = {"papertune": "ratings", "experiment": experiment, "rater": rater, "ratings": marks}
    path.write_text(json.dumps(said))
    return path


def test_probes_are_asked_once_and_rated_without_asking_or_training_anything(study):
    study.change(lambda values: values.update(probes=PROBES, ratings="ratings/*.json"))
    said = study.run()
    assert "train" not in job_counts(said)
    assert len(answers(study, "probes")) == 2 * 4 and len(answers(study, "probes-closed")) == 2
    tables = study.folder / "results/mine/tables"
    with (tables / "probes.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 2 * 5
    assert "probes" not in (tables / "matrix.csv").read_text()
    # somebody rates, and somebody sends a file of another study
    ratings(study, "ann")
    ratings(study, "bob", experiment="yours")
    said = study.run()
    made = ("all", "rate_probes", "write_probes", "write_ratings", "write_page")
    assert job_counts(said) == dict.fromkeys(made, 1)
    page = (study.folder / "results/mine/report.html").read_text()
    assert "ratings/bob.json" in page and "few probes" in page
    with (tables / "ratings.csv").open(newline="") as stream:
        assert {row["Rating"] for row in csv.DictReader(stream)} == {"3"}
    # one more probe: it alone is asked
    more = PROBES | {"new": {"prompt": "And this?", "context": "A gull.", "label": "New"}}
    study.change(lambda values: values.update(probes=more))
    said = study.run()
    assert not {"train", "synthesize", "synthesize_here", "compare"} & {*job_counts(said)}
    assert "asked 1 questions, 4 from the store" in study.log("answers/lora/seed-1/probes")
    page = (study.folder / "results/mine/report.html").read_text()
    assert "0 of" not in page.partition('id="probes"')[2].partition("</section>")[0]
    # whatever was asked is kept, in whatever form it was
    kept = sorted((study.folder / "store/answer").iterdir())
    snakemake(study.folder, "prune", "--config", "experiments=mine", "yes=true")
    assert sorted((study.folder / "store/answer").iterdir()) == kept and len(kept) == 4
