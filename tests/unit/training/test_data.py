"""Training data: texts for a base, and the best pairs of a source, by its votes."""

import dataclasses

import pytest
import yaml

from papertune.errors import RecordError, SettingsError, TrainingError
from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Document, write_records
from papertune.study.experiment_file import load_experiment
from papertune.study.recipe import Recipe
from papertune.study.settings import Corpus, RulesGenerator, SourceGenerator, Splits, Subset
from papertune.study.splits import SplitOf
from papertune.training.data import Text, choose, choose_pairs, read_corpus, training_identity
from snakemake_run import ROOT
from tiny_training import pairs

TEXT = "We study how caches age. Our method keeps the oldest line in place for a while. It helps."
SPLITS = Splits(train={"from": 2012, "to": 2012}, test={"from": 2013, "to": 2013}, validation=0.01)
VOTES = {1: 4.0, 2: 40.0, 3: -2.0, 4: 11.0, 5: 7.0}


def test_a_corpus_is_of_files_and_of_documents_as_they_are_or_recalled(tmp_path):
    documents, own = tmp_path / "2010.jsonl", tmp_path / "own.jsonl"
    write_records(documents, [Document(id="d1", title="Old Caches", url="u", year=2010, text=TEXT)])
    own.write_text('{"text": "one"}\n\n{"prompt": "two", "completion": " three"}\n')

    def read(kind, *files):
        return list(read_corpus(Corpus(documents=kind), [documents], files))

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
    with pytest.raises(TrainingError, match="a folder"):
        read("none", tmp_path)
    for line in ('{"txt": "x"}', '{"text": 3}', '{"prompt": "x"}', '{"text": "x", "y": 1}', "{x"):
        own.write_text('{"text": "one"}\n' + line + "\n")
        with pytest.raises(RecordError, match=f"{own}:2") as told:
            read("none", own)
        assert '"text"' in told.value.hint and "delete" not in told.value.hint, "it is the user's"


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
    half = documents(fraction=0.5)
    assert 4 <= len(half) <= 16 and set(half) < set(documents(fraction=0.9))
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


FIELDS = {"year": 2012, "text": "Our cache, Tern, saves 22% of the energy.", "question": "What?"}


def test_the_highest_voted_are_trained_on_whoever_wrote_the_pairs(dataset):
    documents = [Document(str(n), "t", str(n), score=v, **FIELDS) for n, v in VOTES.items()]
    rules = RulesGenerator(backend="rules", style="cloze", pairs=1)
    for generator in (SourceGenerator(backend="source"), rules):
        chosen = choose(dataset(documents, generator), Subset(top=3), "here")
        assert {pair.document for pair in chosen} == {"2", "4", "5"}


def test_what_has_no_score_is_told_in_the_experiment_and_in_a_row(tmp_path, dataset):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    values["models"]["lora"]["subset"] = {"top": 100}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(SettingsError, match=r"models\.lora\.subset\.top: documents of this source"):
        load_experiment(path)
    some = [Document(n, "t", n, score=score, **FIELDS) for n, score in (("1", 3.0), ("2", None))]
    with pytest.raises(TrainingError, match="document 2 has no score") as error:
        choose(dataset(some, SourceGenerator(backend="source")), Subset(top=1), "train.parquet")
    assert "every row" in error.value.hint


# ---- several writers --------------------------------------------------------


def written(folder, name, documents, each, same=()):
    """The file of a writer: so many pairs about each document; ``same`` are another's, too."""
    made = [
        dataclasses.replace(pair, id=f"{pair.document}-{name}{n}", question=f"{name} {n}")
        for pair in documents
        for n in range(each)
    ]
    path = folder / f"{name}.parquet"
    write_pairs(path, sorted([*made, *same], key=lambda pair: (pair.year, pair.document)))
    return path


def by_writer(chosen):
    return [sum(f"-{name}" in pair.id for pair in chosen) for name in "abc"]


@pytest.mark.parametrize(
    ("each", "kept"),
    [
        ((3, 3), [15, 15, 0]),  # as many as each of them has, half of each
        ((7, 2), [10, 10, 0]),  # as many as the one with the fewest
        ((3, 3, 3), [10, 10, 10]),
        ((1, 5), [5, 5, 0]),  # a pair of every document, and no more
    ],
)
def test_several_writers_give_as_many_pairs_as_one(tmp_path, each, kept):
    files = [
        written(tmp_path, name, pairs(0, 10), count)
        for name, count in zip("abc", each, strict=False)
    ]
    chosen = choose_pairs(files, Recipe(method="full", union="equal"), None)
    assert by_writer(chosen.pairs) == kept and chosen.each == [n for n in kept if n]
    assert len(chosen.pairs) == 10 * min(each) and chosen.of == 10 * sum(each)
    assert {pair.document for pair in chosen.pairs} == {f"d{i}" for i in range(10)}
    # neither names nor order of the files choose, and a renamed writer has nothing trained again
    backwards = choose_pairs(files[::-1], Recipe(method="full", union="equal"), None)
    assert backwards == chosen
    whole = choose_pairs(files, Recipe(method="full", union="all"), None)
    assert len(whole.pairs) == whole.of == 10 * sum(each)
    # of one writer it is the file as it is, whatever is said of several
    assert choose_pairs(files[:1], Recipe(method="full"), None).pairs == [*read_pairs(files[0])]


def test_documents_that_one_writer_left_out_are_covered_and_made_up_for(tmp_path):
    a, b = (written(tmp_path, "a", pairs(0, 12), 3), written(tmp_path, "b", pairs(8, 12), 3))
    chosen = choose_pairs([a, b], Recipe(method="full", union="equal"), None)
    assert by_writer(chosen.pairs)[:2] == [18, 18]
    assert len({pair.document for pair in chosen.pairs}) == 20
    # fewer pairs than documents: as many of each all the same
    few = written(tmp_path, "c", pairs(0, 6), 1)
    chosen = choose_pairs([a, few], Recipe(method="full", union="equal"), None)
    assert len({pair.document for pair in chosen.pairs}) == 6
    assert by_writer(chosen.pairs) == [3, 0, 3]


def test_a_pair_that_two_wrote_is_one(tmp_path):
    a = written(tmp_path, "a", pairs(0, 4), 2)
    b = written(tmp_path, "b", pairs(0, 4), 1, same=[*read_pairs(a)][:4])
    for files in ([a, b], [b, a]):
        whole = choose_pairs(files, Recipe(method="full", union="all"), None)
        assert len(whole.pairs) == len({pair.id for pair in whole.pairs}) == 12
        assert len(choose_pairs(files, Recipe(method="full", union="equal"), None).pairs) == 8


def test_a_subset_chooses_among_the_documents_of_all_writers(tmp_path):
    files = [written(tmp_path, "a", pairs(0, 8), 3), written(tmp_path, "b", pairs(0, 8), 2)]
    recipe = Recipe(method="full", union="equal", subset={"first": 3})
    chosen = choose_pairs(files, recipe, recipe.subset)
    assert {pair.document for pair in chosen.pairs} == {"d0", "d1", "d2"}
    assert by_writer(chosen.pairs) == [3, 3, 0]  # b alone would have 6, too
    files[1] = written(tmp_path, "b", pairs(6, 2), 2)
    with pytest.raises(TrainingError, match="about a document of the subset") as error:
        choose_pairs(files, recipe, recipe.subset)
    assert "b.parquet" in str(error.value) and "subset" in error.value.hint


def test_a_model_of_several_writers_is_found_again_by_what_it_read(tmp_path):
    from tiny_models import make_model

    base = make_model(tmp_path / "base")
    a, b = (written(tmp_path, name, pairs(0, 6), 2) for name in "ab")
    held = [written(tmp_path, name, pairs(9, 2), 2) for name in "ab"]

    def identity(files, validation, **how):
        return training_identity(Recipe(method="full", **how), 1, [files, validation], base)

    both = identity([a, b], held, union="equal")
    assert both == identity([b, a], held[::-1], union="equal")
    assert both["data"] != identity([a, b], held, union="all")["data"]
    assert identity([a], held[:1])["data"] not in (both["data"], identity([b], held[1:])["data"])


def test_a_model_whose_pairs_are_made_anew_alike_is_found_again(tmp_path):
    """By their texts, whatever a later version says of how they were written, read and cleaned."""
    from tiny_models import make_model

    base = make_model(tmp_path / "base")
    some = [[*pairs(0, 4)], [*pairs(9, 2)]]

    def identity(change):
        files = []
        for name, these in zip(("train", "validation"), some, strict=True):
            files.append([tmp_path / f"{name}.parquet"])
            write_pairs(files[-1][0], [dataclasses.replace(one, **change) for one in these])
        return training_identity(Recipe(method="full"), 1, files, base)

    said = {"version": 4, "backend": "openai"}
    read = identity({"provenance": said})
    assert read == identity({"provenance": {**said, "version": 5, "cleaned": {"emphasis": 2}}})
    assert read == identity({"provenance": said, "generator": "renamed"})
    assert read["data"] != identity({"provenance": said, "answer": "It is $v^*$."})["data"]
