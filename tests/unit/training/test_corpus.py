"""The training texts of an experiment as a corpus: no test data, and each text once."""

import dataclasses
import json

import pytest

from papertune.errors import SettingsError, TrainingError
from papertune.leakage.copies import entries
from papertune.pairfile import write_pairs
from papertune.records import Document, Pair, write_records
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_named
from papertune.study.layout import Layout
from papertune.study.settings import Corpus, Pretraining, Splits
from papertune.study.splits import SplitOf, split_of
from papertune.training.corpus import write_corpus
from papertune.training.data import pretraining_identity, read_corpus, settings_of_pretraining

SPLITS = Splits(test=0.3, validation=0.3)


def document(number: int, question: str = "") -> Document:
    text = f"Caches number {number} age."
    return Document(f"d{number}", f"Paper {number}", "u", 0, text, question=question)


def test_a_corpus_is_the_documents_that_train_and_the_pairs(tmp_path):
    every = [*map(document, range(20)), document(30, question="Who asks?")]
    write_records(tmp_path / "d.jsonl", every)
    pair = Pair("p", "d1", 0, "Translate", "", "dog", "perro", "people")
    write_pairs(tmp_path / "p.parquet", [pair, dataclasses.replace(pair, id="again")])
    given = {
        "documents": [tmp_path / "d.jsonl"], "pairs": [tmp_path / "p.parquet"],
        "mine": SplitOf.of("train", SPLITS), "prompt": "$instruction: $question\n=",
    }  # fmt: skip
    write_corpus(**given, output=tmp_path / "c.jsonl")
    read = read_corpus(Corpus(documents="none"), [], [tmp_path / "c.jsonl"])
    texts = [text for _, text in read]
    train = [one for one in every[:20] if split_of(one, SPLITS) == "train"]
    assert 5 < len(train) < 20
    assert texts == [f"{d.title}\n{d.text}" for d in train] + ["Translate: dog\n= perro"]
    with pytest.raises(TrainingError, match="no training document"):
        write_corpus(**given | {"documents": [], "pairs": []}, output=tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_a_conversation_is_told_from_its_copies_whole(tmp_path):
    pair = Pair("p", "d1", 0, "Translate", "", "cat", "gato", "people", before=[["dog", "perro"]])
    write_pairs(tmp_path / "p.parquet", [pair])
    given = {"documents": [], "pairs": [tmp_path / "p.parquet"], "prompt": "$question\n="}
    write_corpus(**given, mine=SplitOf.of("train", SPLITS), output=tmp_path / "c.jsonl")
    talk = Document("d9", "x", "u", 0, "perro", question="dog", turns=[["cat", "gato"]])
    write_records(tmp_path / "d.jsonl", [talk])
    [(_, read)], [(_, tested)] = map(
        list, map(entries, (tmp_path / "c.jsonl", tmp_path / "d.jsonl"))
    )
    assert read.text == tested.text


def test_a_base_is_the_same_whoever_reads_a_text_and_under_whichever_name(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n')
    (tmp_path / "b.jsonl").write_text('{"text": "one"}\n')
    first, second = (
        Pretraining.model_validate({"corpus": {"documents": "none", **corpus}})
        for corpus in ({"experiments": ["a", "b"]}, {"files": ["c"]})
    )
    assert settings_of_pretraining(first) == settings_of_pretraining(second)
    found = [
        pretraining_identity(one, [], [tmp_path / name])
        for one, name in ((first, "a.jsonl"), (second, "b.jsonl"))
    ]
    assert found[0] == found[1]


def test_what_a_base_reads_of_others_has_to_be_made_in_the_same_run(tmp_path):
    values = {
        "source": {"kind": "pairs", "path": "p.csv", "columns": {"question": "q", "answer": "a"}},
        "splits": {"test": 0.2}, "generators": {"people": {"backend": "source"}},
        "bases": {"own": {"pretrain": {"corpus": {"documents": "none", "experiments": ["a", "b"]}}}},
        "models": {"own": {"base": "own", "method": "baseline"}},
    }  # fmt: skip
    study = Experiment.model_validate(values)
    layout = Layout("a", study)
    assert layout.corpora() == ["results/a/corpus.jsonl", "results/b/corpus.jsonl"]
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(json.dumps(values))
    assert [*load_named(["a", "b"], [tmp_path])[0]] == ["a", "b"]
    with pytest.raises(SettingsError, match=r"reads experiment 'b'[^$]*experiments=a,b"):
        load_named(["a"], [tmp_path])
