"""Ratings as a metric: models against their baselines, on texts that are still there."""

import json
from pathlib import Path

import pytest

from papertune.answering.probes import gather_probes, read_probes
from papertune.records import Answer, Rejection, read_records, write_records
from papertune.scores.matrix import find_cell, read_matrix
from papertune.scores.rated import Agreement, Rated, rate_probes
from papertune.scores.rows import read_rows
from papertune.scores.scoring import score_answers
from papertune.study import settings
from papertune.study.design import Design
from papertune.study.probes import PROBES

MODELS, METRICS = ("base", "tuned"), ["token_f1", "length_ratio", "repetition"]


class Study:
    """Answers of two models to some probes, rated by the words in them."""

    def __init__(self, folder: Path, probes: int, seeds: int = 2) -> None:
        self.folder, self.seeds = folder, seeds
        given = {
            f"p{n}": settings.Probe(prompt=f"What is {n}?", reference=f"good {n}" if n % 2 else "")
            for n in range(probes)
        }
        self.probes = folder / "probes.parquet"
        gather_probes(given, instruction="", picked={}, output=self.probes)
        self.asked = read_probes({PROBES: self.probes})
        self.answers: dict[tuple[str, int, str], Path] = {}
        for model in MODELS:
            for seed in range(seeds if model == "tuned" else 1):
                self.write(model, seed)

    def text(self, model: str, seed: int, place: int) -> str:
        good = model == "tuned" and place != 3
        return f"good {place}, says seed {seed * (place % 3)}" if good else "no idea"

    def write(self, model: str, seed: int) -> None:
        every = [
            Answer(pair, one.pair.document, 0, one.pair.question, one.pair.answer,
                   self.text(model, seed, place), 1.0, 2, 3, False)
            for place, (pair, one) in enumerate(self.asked.items())
        ]  # fmt: skip
        path = self.answers[model, seed, PROBES] = self.folder / f"{model}-{seed}.jsonl"
        write_records(path, every)
        score_answers(path, path.with_suffix(".scores"), METRICS, {}, self.folder)

    def rated_by(self, rater: str, *, harsh: int = 0, fooled: str = "-") -> Path:
        """A file of all texts that there are; who is ``fooled`` by some gives these 5."""
        marks = {}
        for path in self.answers.values():
            for one in read_records(path, Answer):
                key = self.asked[one.pair].text_id(one.text)
                marks[key] = 5 if fooled in one.text else (4 if "good" in one.text else 2) - harsh
        path = self.folder / f"ratings-{rater}.json"
        said = {"papertune": "ratings", "experiment": "mine", "rater": rater, "ratings": marks}
        path.write_text(json.dumps(said))
        return path

    def rate(self, *files: Path) -> None:
        design = Design(
            METRICS, {"tuned": "base"}, ["tuned"], {"tuned": ["rules"]},
            settings.Comparison(metric="token_f1"), {},
        )  # fmt: skip
        scores = {cell: path.with_suffix(".scores") for cell, path in self.answers.items()}
        rate_probes(
            self.answers, scores, asked={PROBES: self.probes}, files=files, design=design,
            metrics=METRICS, experiment="mine", folder=self.folder,
            rejected=self.folder / "rejected.jsonl",
        )  # fmt: skip

    def cell(self, model: str):
        cells = read_matrix(self.folder / "matrix.csv")
        return find_cell(cells, model=model, test_set=PROBES, metric="rating")

    def agreement(self) -> dict[str, Agreement]:
        return {one.metric: one for one in read_rows(self.folder / "agreement.csv", Agreement)}


def test_a_model_is_held_against_its_baseline_over_probes_and_seeds(tmp_path):
    study = Study(tmp_path, probes=12)
    study.rate(study.rated_by("ann"), study.rated_by("bob", harsh=1))
    base, tuned = study.cell("base"), study.cell("tuned")
    assert base.mean == pytest.approx(1.5) and tuned.mean == pytest.approx(1.5 + 2 * 11 / 12)
    assert tuned.difference == pytest.approx(2 * 11 / 12) and tuned.better()
    assert (tuned.questions, tuned.seeds, tuned.unclaimed) == (12, 2, "")
    rated = read_rows(tmp_path / "texts.csv", Rated)
    assert {one.raters for one in rated} == {2} and {one.mean for one in rated} == {1.5, 3.5}


def test_of_few_probes_nothing_is_claimed(tmp_path):
    study = Study(tmp_path, probes=4)
    study.rate(study.rated_by("ann"))
    tuned = study.cell("tuned")
    assert tuned.difference > 1 and tuned.better() is None and tuned.unclaimed == "few documents"


def test_raters_are_held_against_each_other_and_against_metrics(tmp_path):
    study = Study(tmp_path, probes=12)
    study.rate(study.rated_by("ann"), study.rated_by("bob"))
    found = study.agreement()
    texts = len(read_rows(tmp_path / "texts.csv", Rated))
    assert (found[""].value, found[""].texts, found[""].raters) == (1, texts, 2)
    study.rate(study.rated_by("ann", fooled="good 5"), study.rated_by("bob"))
    found = study.agreement()
    assert 0.5 < found[""].value < 1
    # where there is no reference nothing was right or wrong
    with_reference = found["token_f1"]
    assert (with_reference.probes, found["repetition"].probes) == (6, 12)
    assert with_reference.low < with_reference.value <= with_reference.high
    assert found["repetition"].value is None  # nobody repeats anything


def test_a_rating_stays_with_its_text_and_that_of_one_that_is_gone_is_left_out(tmp_path):
    study = Study(tmp_path, probes=12)
    file = study.rated_by("ann")
    study.text = lambda model, seed, place: (
        "other" if place == 1 else Study.text(study, model, seed, place)
    )
    study.write("tuned", 0)
    study.rate(file)
    [left] = read_records(tmp_path / "rejected.jsonl", Rejection)
    assert left.reason == "text_is_gone"
    assert study.cell("tuned").questions == 11  # one of its seeds has no rating of that probe


def test_a_seed_that_came_after_the_raters_takes_no_rating_away(tmp_path):
    study = Study(tmp_path, probes=12)
    file = study.rated_by("ann")
    study.text = lambda model, seed, place: f"seed {seed}"
    study.write("tuned", 2)
    study.rate(file)
    assert (study.cell("tuned").questions, study.cell("tuned").seeds) == (12, 2)


def test_before_anybody_rated_there_are_empty_tables(tmp_path):
    study = Study(tmp_path, probes=2)
    study.rate()
    assert not read_matrix(tmp_path / "matrix.csv") and not study.agreement()
    assert not read_rows(tmp_path / "texts.csv", Rated)
