"""What training reads: texts for a base, and of pairs the best of a source, from its votes on."""

import dataclasses

import pytest
import yaml

from papertune.collect.listings import pairs as table_pairs
from papertune.collect.listings import stack_dump
from papertune.errors import RecordError, SettingsError, TrainingError
from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.pairfile import read_pairs
from papertune.records import Document, write_records
from papertune.study.experiment import Splits
from papertune.study.experiment_file import load_experiment
from papertune.study.settings import Corpus, RulesGenerator, SourceGenerator, Subset
from papertune.study.settings.qa import PairsSource, StackDumpSource
from papertune.study.splits import SplitOf
from papertune.training.data import Text, choose, read_corpus
from snakemake_run import ROOT
from tiny_training import pairs

TEXT = "We study how caches age. Our method keeps the oldest line in place for a while. It helps."
SPLITS = Splits(train={"from": 2012, "to": 2012}, test={"from": 2013, "to": 2013}, validation=0.01)
VOTES = {1: 4, 2: 40, 3: -2, 4: 11, 5: 7}


def test_a_corpus_is_of_files_and_of_documents_as_they_are_or_recalled(tmp_path):
    documents, own = tmp_path / "2010.jsonl", tmp_path / "own.jsonl"
    write_records(documents, [Document(id="d1", title="Old Caches", url="u", year=2010, text=TEXT)])
    own.write_text('{"text": "one"}\n\n{"prompt": "two", "completion": " three"}\n')

    def read(kind, *files):
        return list(read_corpus(Corpus(documents=kind, files=list(map(str, files))), [documents]))

    files = [Text("", "one"), Text("two", " three")]
    assert read("none", own) == files
    assert read("plain", own) == [*files, Text("", f"Title: Old Caches\nAbstract: {TEXT}")]
    recalled = read("recall")
    assert recalled == read("recall") != []
    for text in recalled:  # goes on with a sentence that was read
        shown, _, begun = text.prompt.partition("\n")
        assert begun + text.completion in shown
    with pytest.raises(TrainingError, match="no such file"):
        read("none", tmp_path / "nowhere.jsonl")
    for line in ('{"txt": "x"}', '{"text": 3}', '{"prompt": "x"}', '{"text": "x", "y": 1}', "{x"):
        own.write_text('{"text": "one"}\n' + line + "\n")
        with pytest.raises(RecordError, match=f"{own}:2"):
            read("none", own)


def test_subsets_take_whole_documents():
    some = [  # two pairs for each document, the later ones with higher scores
        dataclasses.replace(pair, id=f"{pair.id}{n}", provenance={"score": (i * 7) % 20})
        for i, pair in enumerate(pairs(0, 20))
        for n in "ab"
    ]

    def documents(**subset):
        chosen = choose(some, Subset(**subset), "here")
        assert [p for p in some if p in chosen] == chosen  # in their order
        taken = dict.fromkeys(pair.document for pair in chosen)
        assert len(chosen) == 2 * len(taken)
        return list(taken)

    assert documents(first=3) == ["d0", "d1", "d2"]
    assert set(documents(top=3)) == {f"d{i}" for i in range(20) if (i * 7) % 20 >= 17}
    assert len(documents(top=100)) == 20
    half, most = documents(fraction=0.5), documents(fraction=0.9)
    assert 4 <= len(half) <= 16 and set(half) < set(most)
    # a document's place in it does not depend on the others
    rest = choose(some[20:], Subset(fraction=0.5), "here")
    assert {pair.document for pair in rest} == set(half) & {p.document for p in some[20:]}
    assert choose(some, None, "here") == some
    with pytest.raises(TrainingError, match="leaves none of 2 documents"):
        choose(pairs(0, 2), Subset(fraction=1e-9), "here")


@pytest.fixture
def dataset(tmp_path):
    """The training pairs that a generator makes of documents."""

    def made(documents, generator):
        write_records(tmp_path / "2012.jsonl", documents)
        synthesize(
            Writer(name="people", generator=generator, instruction="Answer"),
            documents=[tmp_path / "2012.jsonl"], mine=SplitOf.of("train", SPLITS),
            output=tmp_path / "train.parquet", rejected=tmp_path / "rejected.jsonl",
            store=tmp_path / "store",
        )  # fmt: skip
        return list(read_pairs(tmp_path / "train.parquet"))

    return made


def posts(tmp_path):
    """Documents of a data dump whose questions have :data:`VOTES`."""
    rows = [
        f'<row Id="{n}" PostTypeId="1" CreationDate="2012-05-06T07:08:09" Score="{votes}" '
        f'Title="What is {n}?" Body="It is asked." Tags="&lt;a&gt;" />\n'
        f'<row Id="{n + 10}" PostTypeId="2" ParentId="{n}" CreationDate="2012-05-07T07:08:09" '
        f'Score="1" Body="The number {n} is what it is, and nothing else that we know of." />\n'
        for n, votes in VOTES.items()
    ]
    path = tmp_path / "Posts.xml"
    path.write_text(f"<posts>\n{''.join(rows)}</posts>\n")
    source = StackDumpSource(kind="stack_dump", path=str(path), site="math", min_score=-5)
    return [d for d in stack_dump.list_documents(None, source, 2012) if isinstance(d, Document)]


def rows(tmp_path):
    """Documents of ready-made pairs, with :data:`VOTES` in a column."""
    path = tmp_path / "pairs.csv"
    lines = [f"What is {n}?,Number {n}.,{votes},2012" for n, votes in VOTES.items()]
    path.write_text("\n".join(["asked,answered,votes,year", *lines]) + "\n")
    columns = {"question": "asked", "answer": "answered", "score": "votes", "year": "year"}
    source = PairsSource(kind="pairs", path=str(path), columns=columns)
    return [document for *_, document in table_pairs.read(source, 2012)]


@pytest.mark.parametrize("source", [posts, rows])
def test_the_highest_voted_of_a_dump_or_a_table_are_trained_on(dataset, tmp_path, source):
    documents = sorted(source(tmp_path), key=lambda document: document.id)  # no order to go by
    made = dataset(documents, SourceGenerator(backend="source"))
    assert len(made) == 5
    chosen = choose(made, Subset(top=4), "here")
    assert {p.question.splitlines()[0] for p in chosen} == {f"What is {n}?" for n in (1, 2, 4, 5)}
    # what others write about a document carries its score too
    rules = RulesGenerator(backend="rules", style="cloze", pairs=1)
    for best in choose(dataset(posts(tmp_path), rules), Subset(top=1), "here"):
        assert "2" in best.context and best.provenance["score"] == 40.0


def test_what_has_no_score_is_told_in_the_experiment_and_in_a_row(tmp_path, dataset):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    values["models"]["lora"]["subset"] = {"top": 100}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(SettingsError, match=r"models\.lora\.subset\.top: documents of this source"):
        load_experiment(path)
    fields = {"title": "t", "year": 2012, "text": "A number.", "question": "What is it?"}
    some = [Document(id=n, url=n, score=score, **fields) for n, score in (("1", 3.0), ("2", None))]
    with pytest.raises(TrainingError, match="document 2 has no score") as error:
        choose(dataset(some, SourceGenerator(backend="source")), Subset(top=1), "train.parquet")
    assert "every row" in error.value.hint
