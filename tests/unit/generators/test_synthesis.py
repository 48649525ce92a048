"""Synthesis as a stage: whom it asks, what it keeps, and how it reports the rest."""

import json
import tracemalloc
from dataclasses import replace

import pytest

from papertune.errors import GeneratorError
from papertune.generators import asking, backends
from papertune.generators.asking import Writer
from papertune.generators.choosing import sentence_of
from papertune.generators.synthesis import describe_dataset, synthesize
from papertune.identity import fingerprint
from papertune.leakage.pairs import TrainedPairs
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Document, Rejection, read_records, write_records
from papertune.study import versions
from papertune.study.settings import (
    RulesGenerator,
    SourceGenerator,
    Splits,
    TransformersGenerator,
)  # fmt: skip
from papertune.study.splits import SplitOf
from tiny_models import make_model

SPLITS = Splits(train={"from": 2000, "to": 2009}, test={"from": 2010, "to": 2012}, validation=0.3)
RULES = RulesGenerator(backend="rules", style="cloze", pairs=2)


def document(number, year=2010, text=None):
    return Document(
        id=fingerprint(number),
        title=f"Tern {number}",
        url=f"https://example.org/{number}",
        year=year,
        text=text
        or f"We present Tern{number}, a prefetcher for graph workloads. It predicts misses of the "
        f"shared cache with a small table. Tern{number} reduces energy by {number + 3} percent on "
        "the Aurora suite. The hardware costs little area and needs no change of programs.",
    )


@pytest.fixture
def study(tmp_path):
    def run(documents, *, generator=RULES, split="test", name="g", **more):
        files = []
        for year in sorted({item.year for item in documents}):
            files.append(tmp_path / f"{year}.jsonl")
            write_records(files[-1], [item for item in documents if item.year == year])
        counts = synthesize(
            Writer(name=name, generator=generator, instruction="r"),
            documents=files,
            mine=SplitOf.of(split, SPLITS),
            output=tmp_path / "pairs.parquet",
            rejected=tmp_path / "rejected.jsonl",
            store=tmp_path / "store",
            **more,
        )
        pairs = list(read_pairs(tmp_path / "pairs.parquet"))
        return counts, pairs, list(read_records(tmp_path / "rejected.jsonl", Rejection))

    run.folder = tmp_path
    return run


def test_each_document_of_the_years_is_in_one_split(study):
    documents = [document(n, 1999 + n % 15) for n in range(150)]
    found = {
        split: {pair.document for pair in study(documents, split=split)[1]}
        for split in ("train", "validation", "test")
    }
    years = {item.id: item.year for item in documents if 2000 <= item.year <= 2012}
    assert sum(map(len, found.values())) == len(years)
    assert set.union(*found.values()) == {*years}
    assert found["test"] == {key for key, year in years.items() if year >= 2010}
    assert 0.2 < len(found["validation"]) / 100 < 0.4


def test_pairs_of_the_source_are_taken_as_they_are(study):
    asked = [replace(document(n), question=f"Who? {n}", text="I cannot say.") for n in range(3)]
    human = SourceGenerator(backend="source")
    counts, pairs, rejected = study([*asked, document(3)], generator=human)
    assert {(pair.question, pair.answer) for pair in pairs} == {
        (item.question, item.text) for item in asked
    }
    assert {pair.context for pair in pairs} == {""}  # it would be the answer
    assert [(item.key, item.detail) for item in rejected] == [
        (document(3).id, "the document has no question")
    ]
    again, _, _ = study([replace(asked[0], question="Why?"), *asked[1:]], generator=human)
    assert (counts.asked, again.asked) == (4, 1)


def test_a_conversation_is_a_pair_for_each_turn_with_what_was_said_before(study):
    first = replace(document(1), question="Who was it?", text="A miller.")
    talk = replace(first, turns=[["When?", "In 1887."], ["Why?", "For the trout."]])
    alone = replace(document(2), question="Which?", text="None.")
    _, pairs, _ = study([talk, alone], generator=SourceGenerator(backend="source"))
    of = [pair for pair in pairs if pair.document == talk.id]
    said = [["Who was it?", "A miller."], *talk.turns]
    assert [[pair.question, pair.answer] for pair in of] == said
    assert [pair.before for pair in of] == [said[:0], said[:1], said[:2]]
    assert {pair.conversation for pair in of} == {of[0].id}
    # what is said twice is two pairs
    twice = replace(first, turns=[["When?", "In 1887."]] * 2)
    _, pairs, _ = study([twice, alone], generator=SourceGenerator(backend="source"))
    assert len({pair.id for pair in pairs}) == 4
    # one more turn is another document to ask about
    longer = replace(talk, turns=[*talk.turns, ["And then?", "Supper."]])
    counts, pairs, _ = study([longer, alone], generator=SourceGenerator(backend="source"))
    assert counts.asked == 1 and len(pairs) == 5


def test_only_new_and_changed_documents_are_asked_about_read_and_checked(study, monkeypatch):
    checked = []
    real = asking.judge
    monkeypatch.setattr(asking, "judge", lambda *of: checked.append(of[2].id) or real(*of))
    documents = [document(n) for n in range(5)]
    counts, *first = study(documents)
    assert (counts.asked, counts.from_store) == (5, 0)
    counts, *again = study(documents)
    assert (counts.asked, counts.from_store, again) == (0, 5, first)
    changed = document(2, text=document(7).text)
    documents[2] = changed
    counts, pairs, _ = study([*documents, document(9)])
    assert (counts.asked, counts.from_store) == (2, 4)
    assert any("Tern7" in pair.context for pair in pairs)
    assert {*checked[5:]} == {changed.id, document(9).id} and len(checked) == 7


def test_pairs_are_in_order_whatever_that_of_the_input_and_say_what_made_them(study):
    documents = [document(n, 2010 + n % 3) for n in range(12)]
    _, pairs, _ = study(documents)
    assert study(documents[::-1])[1] == pairs
    assert [(p.year, p.document) for p in pairs] == sorted((p.year, p.document) for p in pairs)
    made = {"backend": "rules", "style": "cloze", "version": versions.SYNTHESIZE}
    texts = {item.id: item.text for item in documents}
    for pair in pairs:
        assert pair.context == texts[pair.document]
        assert (pair.generator, pair.instruction, pair.provenance) == ("g", "r", made)


@pytest.mark.parametrize("reading", [True, False])
def test_what_trains_is_not_tested_with(study, reading, tmp_path):
    """Not asked about where the document left; no pair where an equal one trains.

    About another text an equal pair is another one, if every model is trained with the text.
    """
    documents = [document(n) for n in range(4)]
    _, every, _ = study(documents)
    gone, whole = (documents[n].id for n in (0, 1))
    own = [p for p in every if p.document == whole]
    same = {(p.question, p.answer) for p in own}  # documents here have a sentence in common
    again = [replace(p, question=p.question.upper(), answer=f"{p.answer} ") for p in own]
    write_pairs(tmp_path / "train.parquet", again)
    trained = TrainedPairs([tmp_path / "train.parquet"], reading=reading)
    counts, pairs, rejected = study(documents, taken_out=[gone], trained=trained)
    assert (counts.documents, counts.asked) == (3, 0)
    others = [p for p in every if p.document not in (gone, whole)]
    assert any((p.question, p.answer) in same for p in others)
    left = [p for p in others if reading or (p.question, p.answer) not in same]
    assert [p.id for p in pairs] == [p.id for p in left] != []
    reasons = [(one.key, one.reason) for one in rejected]
    assert reasons.count((whole, "trained_on")) == len(own) == 2
    assert (whole, "no_pairs") in reasons and gone not in dict(reasons)
    with pytest.raises(GeneratorError, match=r"all its documents \(4\) are in the training data"):
        study(documents, taken_out=[one.id for one in documents])


@pytest.mark.parametrize("by_year", [True, False])
def test_the_card_says_how_documents_were_split_and_what_was_taken_out(study, by_year):
    study([document(n) for n in range(3)])
    reasons = ("trained_on", "no_pairs", "trained_on")
    rejected = [Rejection("synthesize", f"{n}", reason) for n, reason in enumerate(reasons)]
    write_records(study.folder / "test.jsonl", [Rejection("split", "x", "near_copy")])
    write_records(study.folder / "pairs.jsonl", rejected)
    card = study.folder / "README.md"
    describe_dataset(
        splits=[study.folder / "pairs.parquet"],
        taken_out=[study.folder / "test.jsonl"],
        rejected=[study.folder / "pairs.jsonl"],
        output=card,
        title="",
        name="n",
        by_year=by_year,
        generator={},
    )
    said = " ".join(card.read_text().split())
    assert ("split by the year of" in said) == by_year == ("a hash of" not in said)
    assert "1 left the split test; 2 pairs for testing were not taken" in said


@pytest.mark.parametrize(
    ("questions", "language"),
    [
        (["What does the cache of the design save?"], True),
        (["缓存节省了多少能量?"], False),
        (["Kuinka paljon energiaa välimuisti säästää kokeessa?"], False),
        (["What does the cache of the design save?"] * 20 + ["缓存节省了多少能量?"] * 20, False),
    ],
)
def test_the_card_names_a_language_that_is_known(study, questions, language):
    _, [pair, *_], _ = study([document(1)])
    several = questions * 20
    write_pairs(study.folder / "pairs.parquet", [replace(pair, question=q) for q in several])
    files = {"splits": [study.folder / "pairs.parquet"], "taken_out": [], "rejected": []}
    output = study.folder / "README.md"
    describe_dataset(**files, output=output, title="", name="n", by_year=True, generator={})
    card = output.read_text()
    assert ("language:\n- en\n" in card) == language == ("\nlanguage:" in card)
    assert card.startswith("---\npretty_name") and "\nsize_categories:\n- n<1K\n" in card


def test_every_document_is_in_the_pairs_or_in_the_rejections(study):
    documents = [*(document(n) for n in range(4)), document(8, text="Short."), document(1)]
    counts, pairs, rejected = study(documents)
    assert counts.documents == 5
    lost = {item.key for item in rejected if item.reason == "no_pairs"}
    assert lost == {document(8).id}
    assert lost | {pair.document for pair in pairs} == {item.id for item in documents}
    assert [item.key for item in rejected if item.reason == "repeated_document"] == [document(1).id]
    assert sum(counts.rejected.values()) == len(rejected)


def test_zero_is_an_error_and_leaves_no_file(study):
    with pytest.raises(GeneratorError, match="not one pair from 2 documents"):
        study([document(1, text="Short."), document(2, text="Too.")])
    assert not (study.folder / "pairs.parquet").exists()
    assert not (study.folder / "rejected.jsonl").exists()
    with pytest.raises(GeneratorError, match="no document is in the split"):
        study([document(1, 2010)], split="train")


def test_a_killed_run_keeps_its_batches(study, monkeypatch):
    monkeypatch.setattr(backends, "BATCH", 3)
    real, seen = backends.pairs_about, []

    def dies_at_the_eighth(item, style, count):
        seen.append(item.id)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return real(item, style, count)

    monkeypatch.setattr(backends, "pairs_about", dies_at_the_eighth)
    documents = [document(n) for n in range(10)]
    with pytest.raises(KeyboardInterrupt):
        study(documents)
    assert not (study.folder / "pairs.parquet").exists()
    counts, pairs, _ = study(documents)
    assert (counts.asked, counts.from_store) == (4, 6)
    assert len({pair.document for pair in pairs}) == 10


def test_memory_does_not_grow_with_the_texts(study):
    def peak(count):
        year = study.folder / "2010.jsonl"
        write_records(
            year, (document(n, text=document(n).text + "x" * 20_000) for n in range(count))
        )
        tracemalloc.start()
        names = ("output", "rejected", "store")
        paths = {name: study.folder / f"{name}-{count}" for name in names}
        mine = SplitOf.of("test", SPLITS)
        synthesize(Writer(name="g", generator=RULES), documents=[year], mine=mine, **paths)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small = peak(100)
    assert peak(500) < small + 400 * 5_000  # the texts of 400 more documents are 8 MB


def test_candidates_are_about_sentences_and_stand_in_the_store_with_what_the_prompt_began(
    tmp_path,
):
    """A model of random weights: the prompt itself asks, and it goes on with anything."""
    folder = make_model(tmp_path / "model")
    writer = TransformersGenerator(
        backend="transformers", model="m", prompt="p", candidates=3, pairs=2, attempts=1,
        decoding={"max_new_tokens": 3, "stop": ["energy"]},
    )  # fmt: skip
    prompt = "--- user\n$sentence\n--- assistant\nWhat does the paper say about the Aurora suite?"
    given = {"name": "g", "generator": writer, "prompt": prompt, "folder": folder}
    documents = [document(n) for n in range(2)]
    write_records(tmp_path / "2010.jsonl", documents)
    files = {name: tmp_path / f"{name}.out" for name in ("output", "rejected")}
    how = {"documents": [tmp_path / "2010.jsonl"], "mine": SplitOf.of("test", SPLITS), **files}
    assert synthesize(Writer(**given), store=tmp_path / "store", **how).requests == 6
    [raw] = tmp_path.glob("store/synthesize/*/*.jsonl")
    lines = [json.loads(line) for line in raw.read_text().splitlines()]
    assert len(lines) == 6 and len({line["key"] for line in lines}) == 6
    assert all(line["value"]["text"].startswith("What does the paper say") for line in lines)
    pairs = list(read_pairs(files["output"]))
    kept = {(one.document, one.answer) for one in pairs}
    told = {sentence_of(one.text, number) for one in documents for number in (1, 2, 3)}
    assert kept and all(answer in told for _, answer in kept)
    assert all(one.provenance["of"] == 3 and one.provenance["grade"] >= 0.3 for one in pairs)
    rejected = list(read_records(files["rejected"], Rejection))
    assert len(pairs) + len(rejected) == 6
    # more candidates are the further ones alone, and what was judged is judged again with them
    more = writer.model_copy(update={"candidates": 4})
    counts = synthesize(Writer(**{**given, "generator": more}), store=tmp_path / "store", **how)
    assert counts.requests == 2 and len(list(tmp_path.glob("store/synthesize/*"))) == 1
    assert sum(path.read_text().count("\n") for path in raw.parent.glob("*.jsonl")) == 8
