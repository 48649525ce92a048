"""The best of a source: from its votes to the pairs that a model is trained on."""

import pytest
import yaml

from papertune.collect.listings import pairs, stack_dump
from papertune.errors import SettingsError, TrainingError
from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.pairfile import read_pairs
from papertune.records import Document, write_records
from papertune.study.experiment import Splits
from papertune.study.experiment_file import load_experiment
from papertune.study.settings import RulesGenerator, SourceGenerator, Subset
from papertune.study.settings.qa import PairsSource, StackDumpSource
from papertune.study.splits import SplitOf
from papertune.training.subsets import choose
from snakemake_run import ROOT

SPLITS = Splits(train={"from": 2012, "to": 2012}, test={"from": 2013, "to": 2013}, validation=0.01)
VOTES = {1: 4, 2: 40, 3: -2, 4: 11, 5: 7}


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
    return [document for *_, document in pairs.read(source, 2012)]


@pytest.mark.parametrize("source", [posts, rows])
def test_the_highest_voted_of_a_dump_or_a_table_are_what_a_model_is_trained_on(
    dataset, tmp_path, source
):
    documents = sorted(source(tmp_path), key=lambda document: document.id)  # no order to go by
    pairs = dataset(documents, SourceGenerator(backend="source"))
    assert len(pairs) == 5
    for count, best in ((2, (2, 4)), (4, (1, 2, 4, 5))):
        chosen = choose(pairs, Subset(top=count), "here")
        assert {p.question.splitlines()[0] for p in chosen} == {f"What is {n}?" for n in best}


def test_what_others_write_about_a_document_carries_its_score_too(dataset, tmp_path):
    rules = RulesGenerator(backend="rules", style="cloze", pairs=1)
    (best,) = choose(dataset(posts(tmp_path), rules), Subset(top=1), "here")
    assert "2" in best.context and best.provenance["score"] == 40.0
    assert best.provenance["backend"] == "rules"


def test_documents_without_a_score_are_told_before_anything_runs(tmp_path):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    values["models"]["lora"]["subset"] = {"top": 100}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(SettingsError, match=r"models\.lora\.subset\.top: documents of this source"):
        load_experiment(path)


def test_a_row_without_a_score_is_named_when_the_best_are_asked_for(dataset):
    fields = {"title": "t", "year": 2012, "text": "A number.", "question": "What is it?"}
    some = [Document(id=n, url=n, score=score, **fields) for n, score in (("1", 3.0), ("2", None))]
    pairs = dataset(some, SourceGenerator(backend="source"))
    assert "score" not in pairs[1].provenance
    with pytest.raises(TrainingError, match="document 2 has no score") as error:
        choose(pairs, Subset(top=1), "train.parquet")
    assert "every row" in error.value.hint
