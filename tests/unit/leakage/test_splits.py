"""Documents also on the training side leave validation and test: under any id, year or title."""

import random
from dataclasses import replace

import pytest

from papertune.collect.identifiers import located
from papertune.demo.papers import papers
from papertune.leakage import copies
from papertune.leakage.copies import Entry, Training, entries
from papertune.leakage.pairs import left_out
from papertune.leakage.splits import keep_apart
from papertune.leakage.texts import pair_key
from papertune.pairfile import write_pairs
from papertune.records import Document, Pair, Rejection, read_records, write_records
from papertune.sentences import sentences
from papertune.study.settings import Splits
from papertune.study.splits import SplitOf
from papertune.training.corpus import write_corpus

SPLITS = Splits(train={"from": 2000, "to": 2009}, test={"from": 2010, "to": 2019}, validation=0.3)
BY_HASH = Splits(test=0.3, validation=0.3)
OLD, NEW = 2005, 2015
# a venue of texts that are all different: sentences of words that nobody else uses
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za".split()  # noqa: SIM905


def prose(draw: random.Random, count: int = 7) -> str:
    said = []
    for _ in range(count):
        some = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 3))) for _ in range(16)]
        some[draw.randrange(16)] = draw.choice(
            [r"$\alpha \leq \sqrt{T}$", r"Erd\H{o}s", "the", "of"]
        )
        said.append(" ".join(some).capitalize() + ".")
    return " ".join(said)


def document(title, text, year, url="", **more):
    identity, doi, page = located(
        "", url or f"https://venue.example/{title}/{year}".replace(" ", "")
    )
    return Document(identity, title, page, year, text, "listing", doi=doi, **more)


@pytest.fixture
def apart(tmp_path):
    """Who leaves a split, by reason: {id: reason}, and why, in words."""

    def run(documents, split="test", splits=SPLITS, corpus=()):
        path, corpora = tmp_path / "documents.jsonl", tmp_path / "corpus.jsonl"
        write_records(path, documents)
        corpora.write_text("".join(corpus))
        theirs = ("train", "validation") if split == "test" else ("train",)
        output = tmp_path / f"{split}.jsonl"
        keep_apart(
            documents=[path],
            mine=SplitOf.of(split, splits),
            training=[path],
            theirs=[SplitOf.of(one, splits) for one in theirs],
            corpora=[corpora],
            output=output,
        )
        found = list(read_records(output, Rejection))
        assert {one.key for one in found} == left_out(output)
        assert {one.stage for one in found} <= {"split"}
        return {one.key: one.reason for one in found}, [one.detail for one in found]

    return run


TEXT = prose(random.Random(1))
TITLE = "A Prefetcher of Irregular Loads"
SPELLINGS = ["https://doi.org/10.1145/AB.1", "http://dx.doi.org/10.1145/ab.1", "doi:10.1145/ab.1"]
CHINESE = "我们提出一种新的缓存预取方法,它能够在不修改程序的情况下减少共享缓存的缺失。"
HUMAN = {"question": "What do you do about cold feet in a tent at night?"}


@pytest.mark.parametrize(
    ("trains", "tests", "reason"),
    [
        # one paper, its year changed; a DOI in two spellings; an arXiv paper under two addresses
        *(
            (document(TITLE, TEXT, OLD, one), document("x", prose(random.Random(2)), NEW, other), why)
            for one, other, why in [
                (SPELLINGS[0], SPELLINGS[1], "same_document"),
                (SPELLINGS[2], "https://dl.acm.org/doi/abs/10.1145/ab.1", "same_document"),
                ("https://arxiv.org/abs/2401.00001v2", "arxiv.org/pdf/2401.00001", "same_document"),
                ("https://arxiv.org/abs/2401.00001", "https://doi.org/10.1145/z", None),
            ]
        ),
        # a preprint and the publication
        (document(TITLE, TEXT, OLD), document(TITLE, TEXT, NEW), "same_text"),
        (document(TITLE, TEXT, OLD), document("Another", f"<p>{TEXT}</p>", NEW), "same_text"),
        # equal titles with near texts
        (
            document(TITLE, TEXT, OLD),
            document(f"{TITLE} (Extended Version)", f"{TEXT} {prose(random.Random(3), 20)}", NEW),
            "near_copy",
        ),
        (document(TITLE, TEXT, OLD), document(TITLE, prose(random.Random(4)), NEW), None),
        (document("Editorial", "Welcome.", OLD), document("Editorial", "Thank you.", NEW), None),
        (document("Preface", "(No Abstract)", OLD), document("Tern", "(no abstract)", NEW), None),
        (document("Preface", "(No Abstract)", OLD), document("Preface", "(No abstract)", NEW), "same_text"),
        # no blanks between words
        (document("一", CHINESE, OLD), document("二", CHINESE.replace("缓存", "内存", 1), NEW), "near_copy"),
        (document("一", CHINESE, OLD), document("二", CHINESE[::-1], NEW), None),
        # people's own pairs: an answer alone is no sign
        (document("a", "Yes.", OLD, **HUMAN), document("b", "Yes", NEW, **HUMAN), "same_text"),
        (document("a", "Yes.", OLD, question="Is it?"), document("b", "Yes.", NEW, question="Was it?"), None),
        # conversations: all that is said counts, and not how they begin
        (
            document("a", "Yes.", OLD, question="Is it?", turns=[["Why?", TEXT]]),
            document("b", "No.", NEW, question="Was it?", turns=[["Why?", TEXT]]),
            "near_copy",
        ),
        (
            document("a", "Yes.", OLD, **HUMAN, turns=[["Why?", TEXT]]),
            document("b", "Yes.", NEW, **HUMAN, turns=[["Why?", prose(random.Random(5))]]),
            None,
        ),
    ],
)  # fmt: skip
def test_what_trains_under_another_name_is_not_tested_with(apart, trains, tests, reason):
    alone = document("Alone", prose(random.Random(9)), NEW)
    found, said = apart([trains, tests, alone])
    assert found == ({tests.id: reason} if reason else {})
    if reason:
        assert tests.title in said[0] and trains.title in said[0] and str(OLD) in said[0]


def test_where_shares_split_and_within_training(apart):
    texts = [prose(random.Random(n)) for n in range(40)]
    documents = [
        document(f"t{n} {way}", text, 0, f"https://{way}.example/{n}")
        for way in ("one", "other")
        for n, text in enumerate(texts)
    ]
    split = {
        one.id: name
        for name in ("train", "validation", "test")
        for one in documents
        if SplitOf.of(name, BY_HASH)(one)
    }
    twins = {
        a.id: split[b.id] for a, b in zip(documents, documents[40:] + documents[:40], strict=True)
    }
    for name, sources in (("test", ("train", "validation")), ("validation", ("train",))):
        wanted = {one for one, of in split.items() if of == name and twins[one] in sources}
        found, _ = apart(documents, name, BY_HASH)
        assert wanted and found == dict.fromkeys(wanted, "same_text")


def test_what_a_base_has_read_counts_as_training(apart):
    one, other = (document("t", prose(random.Random(n)), NEW) for n in (1, 2))
    other = replace(other, id="0" * 16)
    line = '{"prompt": "Abstract: %s", "completion": "It is."}\n'
    found, _ = apart([one, other], corpus=[line % one.text.replace("\\", "\\\\")])
    assert found == {one.id: "near_copy"}


def test_a_short_pair_that_a_base_read_in_another_experiment_is_not_tested_with(apart, tmp_path):
    said = {"house": "casa", "dog": "perro", "cat": "gato"}
    asked = [
        Document(f"d{question}", question, "u", NEW, answer, question=question)
        for question, answer in said.items()
    ]
    write_pairs(
        tmp_path / "p.parquet",
        [Pair("p", "there", 0, "Translate", "", " Dog", "perro", "people")],
    )
    write_corpus(
        documents=[], pairs=[tmp_path / "p.parquet"], mine=SplitOf.of("train", BY_HASH),
        prompt="$instruction: $question\nAnswer:", output=tmp_path / "c.jsonl",
    )  # fmt: skip
    found, _ = apart(asked, corpus=[(tmp_path / "c.jsonl").read_text()])
    assert found == {"ddog": "same_text"}


def test_a_year_that_changed_is_told_with_what_to_do(apart, caplog):
    before = document(TITLE, TEXT, OLD, SPELLINGS[0])
    found, said = apart([before, replace(before, year=NEW)])
    assert found == {before.id: "same_document"}
    assert "snakemake refresh" in said[0]  # so on the page, too
    assert f"listed for {OLD}, which trains, and for {NEW}" in caplog.text
    assert "snakemake refresh" in caplog.text


def planted(text: str, draw: random.Random) -> dict[str, str]:
    said, others = sentences(text), sentences(prose(draw))
    added = [*said]
    added.insert(draw.randrange(len(said)), others[0])
    fewer = [*said]
    fewer.pop(draw.randrange(len(said)))
    spare = prose(draw).split()
    replaced = [draw.choice(spare) if draw.random() < 0.05 else word for word in text.split()]
    unicode = text.replace(r"$\alpha \leq \sqrt{T}$", "α ≤ √T").replace(r"Erd\H{o}s", "Erdős")
    kinds = {"added": added, "left out": fewer, "replaced": replaced}
    return {kind: " ".join(parts) for kind, parts in kinds.items()} | {"unicode": unicode}


def test_planted_near_copies_are_found_and_different_texts_are_not(tmp_path):
    draw = random.Random(5)
    known = [document(f"t{n}", prose(draw), OLD) for n in range(150)]
    write_records(tmp_path / "known.jsonl", known)
    side = Training(entries(tmp_path / "known.jsonl"))
    for kind in ("added", "left out", "replaced", "unicode"):
        made = [Entry(planted(one.text, draw)[kind], f"{n}", "new") for n, one in enumerate(known)]
        found = list(side.copies(made))
        assert len(found) >= 0.99 * len(made), kind
        assert all(one.original.id == known[int(one.entry.id)].id for one in found)
    others = [Entry(prose(draw), f"{n}", "new") for n in range(300)]
    assert list(side.copies(others)) == []


def test_papers_of_one_grammar_are_not_copies(tmp_path):
    """Whatever they share is common to the field."""
    trains, tests = (
        [
            document(paper.title, paper.abstract, year)
            for year in years
            for paper in papers(year, 8, 1)
        ]
        for years in (range(2005, 2022), range(2022, 2025))
    )
    write_records(tmp_path / "known.jsonl", trains)
    side = Training(entries(tmp_path / "known.jsonl"))
    assert list(side.copies(map(entry_of, tests))) == []


def entry_of(one: Document) -> Entry:
    return Entry(one.text, one.id, one.title, one.year, one.url)


def test_work_is_bounded_where_thousands_share_their_text(tmp_path, monkeypatch):
    """A publisher's notice in the place of abstracts is compared with few of its like."""
    compared = []
    real = Training._alike
    monkeypatch.setattr(Training, "_alike", lambda *of: compared.append(1) or real(*of))
    notice = prose(random.Random(1), 3)
    known = [document(f"k{n}", f"{notice} {n} {n + 1}", OLD) for n in range(300)]
    write_records(tmp_path / "known.jsonl", known)
    made = [Entry(f"{notice} {n} and more", f"{n}", "new") for n in range(50)]
    assert len(list(Training(entries(tmp_path / "known.jsonl")).copies(made))) == 50
    assert len(compared) <= 50 * copies.MOST


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (("What is it?", "A cache."), ("what is  it", "“A cache”"), True),
        (("What is it?", "ﬁne – naïve"), ("What is it?", "fine - naïve"), True),
        (("Which?", "C"), ("Which?", "C++"), False),
        (("Which?", "x+1"), ("Which?", "x-1"), False),
        (("How many?", "1.0"), ("How many?", "10"), False),
        (("How many?", "-5"), ("How many?", "5"), False),
        (("A b", "c"), ("A", "b c"), False),
    ],
)
def test_pairs_are_equal_but_for_how_they_are_typed(one, other, equal):
    assert (pair_key(*one) == pair_key(*other)) == equal


def test_where_nothing_trains_nothing_leaves(apart):
    assert apart([document(TITLE, TEXT, NEW)]) == ({}, [])


def test_short_texts_of_one_form_are_not_copies_but_a_word_changed_in_one_is(tmp_path):
    draw = random.Random(7)

    def said():
        one, two, three = ("".join(draw.choices(SYLLABLES, k=3)) for _ in range(3))
        return f"We study {one} and {two} under {three} and measure it on server traces."

    known = [document(f"t{n}", said(), OLD) for n in range(200)]
    write_records(tmp_path / "known.jsonl", known)
    side = Training(entries(tmp_path / "known.jsonl"))
    assert list(side.copies(Entry(said(), f"{n}", f"other {n}") for n in range(200))) == []
    changed = [
        Entry(one.text.replace("server traces", "server logs"), one.id + "x") for one in known
    ]
    assert len(list(side.copies(changed))) == len(changed)
