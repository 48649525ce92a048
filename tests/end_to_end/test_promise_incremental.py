"""Promise: only what depends on a change is made again, and a dry run predicts it exactly."""

import re

import pytest

from end_to_end.conftest import FilesStudy, row
from papertune.demo.papers import papers
from papertune.pairfile import read_pairs
from papertune.records import Rejection, read_records
from snakemake_run import job_counts

pytestmark = pytest.mark.slow

# what shows numbers and labels; everything before it costs something
SHOWING = {
    *("count_stages", "write_tables", "write_cost", "write_leakage", "draw_figures", "write_page"),
    *("compare", "all"),
}
COLLECTING = {"list_documents", "fetch_documents", "render_documents", "gather_missing"}


def plan(study: FilesStudy) -> dict[str, int]:
    return job_counts(study.run("--dry-run", "--quiet", "rules"))


def asked(study: FilesStudy, generator: str, split: str) -> int:
    """Documents that a generator was really asked about in its last job."""
    return int(re.search(r"asked (\d+) documents", study.log(f"datasets/{generator}/{split}"))[1])


def weights(study: FilesStudy) -> dict[str, int]:
    """When every model's weights were written, nanoseconds."""
    folder = study.folder / "results/mine"
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*.safetensors")}


def add(study: FilesStudy, year: int) -> None:
    rows = study.rows()
    rows.setdefault(year, []).append(row(papers(year, 9, 1)[-1]))
    study.write(rows)


def test_a_document_of_a_test_year_trains_nothing(either_study):
    assert plan(either_study) == {}, "nothing changed"
    before = weights(either_study)
    add(either_study, 2022)
    jobs = plan(either_study)
    assert not {"train", "pretrain_base"} & set(jobs)
    assert jobs["list_documents"] == jobs["fetch_documents"] == jobs["render_documents"] == 1
    assert jobs["synthesize_here"] == 2  # both generators, test split only
    assert jobs["answer"] == jobs["score"] == 4  # two models, two test sets
    either_study.run()
    assert weights(either_study) == before
    assert asked(either_study, "extractive", "test") == asked(either_study, "cloze", "test") == 1
    for model in ("baseline/seed-0", "lora/seed-1"):
        for test_set in ("extractive", "cloze"):
            said = either_study.log(f"answers/{model}/{test_set}")
            assert re.search("asked [1-3] questions", said), "of the new document alone"
    assert plan(either_study) == {}


def test_a_document_of_a_training_year_is_asked_about_alone(either_study):
    add(either_study, 2020)
    jobs = plan(either_study)
    assert jobs["train"] == jobs["pretrain_base"] == 1
    # train and validation of the generator that trains; both test sets, as a test document may
    # stand in training now
    assert (jobs["keep_apart"], jobs["synthesize_here"]) == (2, 4)
    either_study.run("--", "datasets")
    assert asked(either_study, "extractive", "test") == asked(either_study, "cloze", "test") == 0
    parts = ("train", "validation")
    assert sum(asked(either_study, "extractive", part) for part in parts) == 1


def test_a_test_document_that_comes_to_stand_in_training_leaves_the_test_set(study):
    """Under another id, title and year; its test set is put together again from the store."""
    rows = study.rows()
    twin = {**rows[2022][0], "title": "Another Title", "paper_url": "https://other.example/1"}
    results = study.folder / "results/mine"
    before = {p.document for p in read_pairs(results / "datasets/cloze/test.parquet")}
    rows[2020].append(twin | {"year": 2020})
    study.write(rows)
    study.run("--", "datasets")
    [left] = read_records(results / "rejected/splits/test.jsonl", Rejection)
    assert left.reason == "same_text" and "Another Title" in left.detail
    for generator in ("extractive", "cloze"):
        assert asked(study, generator, "test") == 0
        pairs = read_pairs(results / f"datasets/{generator}/test.parquet")
        assert {pair.document for pair in pairs} == before - {left.key}


def test_a_new_test_year_touches_no_other_year(study):
    rows = study.rows()
    rows[2023] = [row(paper) for paper in papers(2023, 3, 1)]
    study.write(rows)
    study.change(lambda values: values["splits"]["test"].update(to=2023))
    jobs = plan(study)
    assert not {"train", "pretrain_base"} & set(jobs)
    assert jobs["list_documents"] == jobs["fetch_documents"] == jobs["render_documents"] == 1
    study.run()
    assert asked(study, "extractive", "test") == asked(study, "cloze", "test") == 3
    # what is removed is gone, and nothing is asked
    rows[2022].pop()
    study.write(rows)
    assert not {"train", "pretrain_base"} & set(plan(study))
    study.run()
    assert asked(study, "extractive", "test") == asked(study, "cloze", "test") == 0


def test_a_label_changes_what_is_shown_and_nothing_else(study):
    study.change(lambda values: values["models"]["lora"].update(label="adapters"))
    assert set(plan(study)) <= SHOWING - {"compare", "count_stages"}
    study.run()
    assert "adapters" in (study.folder / "results/mine/tables/matrix.txt").read_text()


EXPENSIVE = {"train", "pretrain_base", "synthesize_here", "answer", "score", *COLLECTING}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # resources, batch sizes and manners
        (lambda v: v.update(compute={"threads": 1, "memory_mb": 3000}), {}),
        (lambda v: v["answering"].update(batch_size=7), {}),
        (lambda v: v.setdefault("fetching", {}).update(delay=3), {}),
        # the prompt of answers asks no generator
        (lambda v: v.update(prompt="prompt.txt"), {"train": 1, "answer": 4, "score": 4}),
        # the model that has a learning rate
        (
            lambda v: v["models"]["lora"]["training"].update(learning_rate=0.02),
            {"train": 1, "answer": 2, "score": 2},
        ),
        (lambda v: v["metrics"].append("rouge_l"), {"score": 4}),
        # cloze writes a test set only
        (
            lambda v: v["generators"]["cloze"].update(pairs=2),
            {"synthesize_here": 1, "answer": 2, "score": 2},
        ),
    ],
)
def test_a_setting_makes_again_what_depends_on_it(study, change, expected):
    (study.folder / "prompt.txt").write_text("$instruction\n$context\nQ: $question\nA:\n")
    study.change(change)
    jobs = plan(study)
    assert {rule: count for rule, count in jobs.items() if rule in EXPENSIVE} == expected
    assert expected or jobs == {}
