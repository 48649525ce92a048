"""The training data: a subset of pairs, or texts for a base from scratch; and a model's identity.

The identity finds a model again, whatever its files and names. For the data it covers what training
reads, not a file's bytes, a generator's key or an experiment's name.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple

from papertune.errors import RecordError, TrainingError
from papertune.identity import digest, share
from papertune.models.digests import weights_digest
from papertune.pairfile import read_pairs
from papertune.records import Document, Pair, digest_of_lines, read_json_lines, read_records
from papertune.scores.embedders import embedder_identity
from papertune.sentences import flowed, sentences
from papertune.study import versions
from papertune.study.recipe import Recipe
from papertune.study.settings import Corpus, Pretraining, Subset

_LINES = 'each line is {"text": …} or {"prompt": …, "completion": …}, all of them strings, in UTF-8'


def choose(pairs: list[Pair], subset: Subset | None, where: str) -> list[Pair]:
    """Return the pairs of a subset, in their order; a document's pairs stay together.

    Documents chosen by ``fraction`` stay chosen when others are added, and a larger fraction
    contains a smaller one. ``where`` names the pairs in errors.

    Raises:
        TrainingError: the best documents are wanted but one has no score, or nothing is left.
    """
    if subset is None:
        return pairs
    documents = list(dict.fromkeys(pair.document for pair in pairs))
    if subset.top is not None:
        scores = {pair.document: _score(pair, where) for pair in pairs}
        ranked = sorted(documents, key=lambda document: -scores[document])  # stable where equal
        taken = set(ranked[: subset.top])
    elif subset.first is not None:
        taken = set(documents[: subset.first])
    else:
        taken = {d for d in documents if share(d, "subset") < (subset.fraction or 0)}
    chosen = [pair for pair in pairs if pair.document in taken]
    if not chosen:
        raise TrainingError(
            f"a fraction of {subset.fraction} leaves none of {len(documents)} documents",
            where=where,
            hint="raise the model's subset.fraction",
        )
    return chosen


def _score(pair: Pair, where: str) -> float:
    score = pair.provenance.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise TrainingError(
            f"document {pair.document} has no score, so the best cannot be chosen",
            where=where,
            hint="give every row of the source a score; or, if all have one, delete the pairs and "
            "run again (they then get it without asking a generator); or take "
            "subset: {first: …} or {fraction: …}",
        )
    return float(score)


class Chosen(NamedTuple):
    """The pairs of one split that training reads."""

    pairs: list[Pair]
    of: int  # pairs by all its writers
    each: list[int]  # pairs by each writer, largest first


def choose_pairs(files: Sequence[Path], recipe: Recipe, subset: Subset | None) -> Chosen:
    """The training pairs of a model, from the files of one or several writers.

    With several writers, a subset chooses among all their documents. ``recipe.union`` sets the
    number of pairs: ``all``, or ``equal``, as many in total as the writer with the fewest has, so
    that several writers have no advantage by a larger number. Those are chosen by hash, balanced
    over writers and documents. Neither names nor order of the files matter.

    Raises:
        TrainingError: as in :func:`choose`, or one of several writers has nothing left.
    """
    given = [list(read_pairs(path)) for path in files]
    if len(given) == 1:
        taken = choose(given[0], subset, str(files[0]))
        return Chosen(taken, len(given[0]), [len(taken)])
    distinct: dict[str, Pair] = {}  # two writers may have written the same pair
    writer: dict[str, int] = {}
    for number, pairs in enumerate(sorted(given, key=lambda some: digest([p.id for p in some]))):
        for pair in pairs:
            distinct.setdefault(pair.id, pair)
            writer.setdefault(pair.id, number)
    united = sorted(distinct.values(), key=lambda pair: (pair.year, pair.document, _drawn(pair.id)))
    taken = choose(united, subset, ", ".join(map(str, files)))
    documents = {pair.document for pair in taken}
    own = [sum(pair.document in documents for pair in pairs) for pairs in given]
    if not all(own):
        raise TrainingError(
            "none of its pairs is about a document of the subset",
            where=str(files[own.index(0)]),
            hint="raise the model's subset, or leave this writer out of the model's dataset",
        )
    if recipe.union == "equal":
        kept = _in_equal_parts(taken, writer, min(own))
        taken = [pair for pair in taken if pair.id in kept]
    each = Counter(writer[pair.id] for pair in taken)
    return Chosen(taken, len(united), sorted(each.values(), reverse=True))


def _drawn(key: str) -> float:
    return share(key, "union")


def _in_equal_parts(pairs: list[Pair], writer: Mapping[str, int], count: int) -> set[str]:
    """The ids of ``count`` pairs: each next pair is of the writer, and about the document, with the
    fewest taken so far. Before that, if ``count`` suffices, each document gives one pair."""
    left: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for pair in sorted(pairs, key=lambda pair: _drawn(pair.id)):
        left[pair.document][writer[pair.id]].append(pair.id)
    kept: set[str] = set()
    taken: Counter[int | str] = Counter()  # per writer and per document

    def take(document: str, number: int) -> None:
        kept.add(left[document][number].pop())
        taken.update((document, number))

    if count >= len(left):
        # documents of one writer only first, so that other writers can balance them
        for document in sorted(left, key=lambda one: (len(left[one]), _drawn(one))):
            take(document, min(left[document], key=lambda one: (taken[one], one)))
    waiting = [
        [(taken[one], _drawn(one), one) for one in left if left[one].get(number)]
        for number in range(max(writer.values()) + 1)
    ]
    for heap in waiting:
        heapify(heap)
    while len(kept) < count:
        some = [number for number, heap in enumerate(waiting) if heap]
        number = min(some, key=lambda one: (taken[one], one))
        times, drawn, document = heappop(waiting[number])
        if times == taken[document]:  # otherwise another writer's pair was taken since
            take(document, number)
        if left[document][number]:
            heappush(waiting[number], (taken[document], drawn, document))
    return kept


class Text(NamedTuple):
    """A text for pre-training; the loss may count the completion only."""

    prompt: str
    completion: str


def read_corpus(corpus: Corpus, documents: Sequence[Path], files: Sequence[Path]) -> Iterator[Text]:
    """Yield the texts of a corpus: those of ``files`` first, then of JSONL files of documents.

    Files by :func:`papertune.training.corpus.write_corpus` also have ``plain``, for finding copies;
    it is not read here.

    Raises:
        RecordError: a line without the right keys; names file and line.
        TrainingError: a file is missing.
    """
    for name in files:
        if not name.is_file():
            what = "a folder instead of a file" if name.is_dir() else "no such file"
            hint = f"correct pretrain.corpus.files; paths are relative to {Path.cwd()}"
            raise TrainingError(f"{what} of pre-training texts", where=str(name), hint=hint)
        for number, line in _lines(name):
            match line:
                case {"text": str(text), "plain": str(), **rest} if not rest:
                    yield Text("", text)
                case {"text": str(text), **rest} if not rest:
                    yield Text("", text)
                case {"prompt": str(prompt), "completion": str(completion), **rest} if not rest:
                    yield Text(prompt, completion)
                case _:
                    keys = ", ".join(sorted(line)) or "nothing"
                    raise RecordError(
                        f"not 'text' or 'prompt' and 'completion', but {keys}",
                        where=f"{name}:{number}",
                        hint=_LINES,
                    )
    for path in documents if corpus.documents != "none" else []:
        for document in read_records(path, Document):
            text = flowed(document.text)
            if text and corpus.documents == "plain":
                yield Text("", f"Title: {document.title}\nAbstract: {text}")
            elif text:
                yield from _recalled(text, document.id)


def _lines(name: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a user's file; errors must not advise to delete it."""
    try:
        yield from read_json_lines(name)
    except RecordError as error:
        raise RecordError(error.what, where=error.where, hint=_LINES) from None


def _recalled(text: str, document: str) -> Iterator[Text]:
    """A completion of a sentence read before: the simplest exercise in finding a passage."""
    rng = random.Random(f"recall/{document}")
    long = [words for words in (s.split() for s in sentences(text)) if len(words) >= 6]
    for words in rng.sample(long, min(3, len(long))):
        cut = rng.randint(2, len(words) // 2)
        yield Text(f"Abstract: {text}\n{' '.join(words[:cut])}", " " + " ".join(words[cut:]))


# ---- identity of a model -----------------------------------------------------------------------


def training_identity(
    recipe: Recipe,
    seed: int,
    data: Sequence[Sequence[Path]],
    base: Path,
    embedder: Path | None = None,
) -> dict[str, Any]:
    """The identity of a model: everything that it depends on.

    Args:
        data: Files of the training pairs, and of the pairs that choose the checkpoint; each with a
            file per writer.
        embedder: The folder of an embedder other than the packaged one.
    """
    known = settings_of_training(recipe, seed) | {"base": weights_digest(base)}
    if recipe.training.judge is not None:
        known["embedder"] = embedder_identity(recipe.embedder, embedder)
    return known | {"data": digest_of_lines(_read(data, recipe))}


def settings_of_training(recipe: Recipe, seed: int) -> dict[str, Any]:
    """The part of the identity that is known without any file."""
    return {"recipe": recipe.identity(), "seed": seed, "version": recipe.version}


def pretraining_identity(
    pretraining: Pretraining, documents: Sequence[Path], files: Sequence[Path]
) -> dict[str, Any]:
    """The identity of a base from scratch; by its files' content, not their paths."""
    texts = digest_of_lines(map(list, read_corpus(pretraining.corpus, documents, files)))
    return settings_of_pretraining(pretraining) | {"texts": texts}


def settings_of_pretraining(pretraining: Pretraining) -> dict[str, Any]:
    """The part of the identity that is known without any file."""
    settings = pretraining.identity()
    for name in ("files", "experiments"):
        settings["corpus"].pop(name, None)
    return {"pretraining": settings, "version": versions.PRETRAIN}


def _read(data: Sequence[Sequence[Path]], recipe: Recipe) -> Iterator[list[Any]]:
    for files, some in zip(data, (recipe.subset, None), strict=True):
        pairs = choose_pairs(files, recipe, some).pairs
        yield [len(pairs)]
        for pair in pairs:
            texts = [pair.instruction, pair.context, pair.question, pair.answer]
            yield [pair.id, *texts, *([pair.before] if pair.before else [])]
