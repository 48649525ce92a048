"""Promise: only what depends on a change is made again, and a dry-run says so truly."""

import re

import pytest

from end_to_end.conftest import FilesStudy, row
from papertune.demo.papers import papers
from snakemake_run import job_counts

pytestmark = pytest.mark.slow

# what shows numbers and labels; everything before it costs something
SHOWING = {
    *("count_stages", "write_tables", "write_cost", "draw_figures", "write_page", "compare", "all")
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


def new_row(year: int) -> dict:
    return row(papers(year, 9, 1)[-1])


def add(study: FilesStudy, year: int) -> None:
    rows = study.rows()
    rows.setdefault(year, []).append(new_row(year))
    study.write(rows)


def test_nothing_changed_nothing_to_do(either_study):
    assert plan(either_study) == {}


def test_a_document_of_a_test_year_trains_nothing(either_study):
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
            new = re.search(
                r"asked (\d+) questions", either_study.log(f"answers/{model}/{test_set}")
            )
            assert 1 <= int(new[1]) <= 3, "only the new document's questions are answered"
    assert plan(either_study) == {}


def test_a_document_of_a_training_year_is_asked_about_alone(either_study):
    add(either_study, 2020)
    jobs = plan(either_study)
    assert jobs["train"] == jobs["pretrain_base"] == 1
    assert jobs["synthesize_here"] == 2  # train and validation of the generator that trains
    either_study.run("--until", "synthesize_here")
    assert (
        asked(either_study, "extractive", "train") + asked(either_study, "extractive", "validation")
        == 1
    )


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


def test_a_removed_test_document_is_gone_and_nothing_is_asked(study):
    rows = study.rows()
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


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(compute={"threads": 1, "memory_mb": 3000}),
        lambda v: v["answering"].update(batch_size=7),
        lambda v: (
            v["fetching"].update(delay=3) if "fetching" in v else v.update(fetching={"delay": 3})
        ),
    ],
)
def test_resources_batch_sizes_and_manners_rerun_nothing(study, change):
    study.change(change)
    assert plan(study) == {}


def test_the_answer_prompt_trains_and_answers_anew_but_asks_no_generator(study):
    prompt = study.folder / "prompt.txt"
    prompt.write_text("$instruction\n$context\nQ: $question\nA:\n")
    study.change(lambda values: values.update(prompt="prompt.txt"))
    jobs = plan(study)
    assert jobs["train"] == 1 and jobs["answer"] == 4
    assert not {"synthesize_here", "pretrain_base", *COLLECTING} & set(jobs)


def test_a_learning_rate_trains_the_model_that_has_it(study):
    study.change(lambda v: v["models"]["lora"]["training"].update(learning_rate=0.02))
    jobs = plan(study)
    assert jobs["train"] == 1
    assert jobs["answer"] == jobs["score"] == 2
    assert not {"synthesize_here", "pretrain_base", *COLLECTING} & set(jobs)


def test_a_metric_scores_anew_and_answers_nothing(study):
    study.change(lambda values: values["metrics"].append("rouge_l"))
    jobs = plan(study)
    assert jobs["score"] == 4
    assert set(jobs) <= {"score", *SHOWING}


def test_a_generators_setting_asks_that_generator_only(study):
    study.change(lambda values: values["generators"]["cloze"].update(pairs=2))
    jobs = plan(study)
    assert jobs["synthesize_here"] == 1  # cloze writes a test set only
    assert not {"train", "pretrain_base", *COLLECTING} & set(jobs)
    assert jobs["answer"] == 2
