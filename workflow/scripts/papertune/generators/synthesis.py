"""Write a generator's dataset: pairs about the documents of each split, and the card."""

import json
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

from papertune.errors import GeneratorError
from papertune.files import atomic_write
from papertune.generators.asking import Asking, Place, Writer, places_of
from papertune.generators.backends import decoding_of
from papertune.generators.checking import talks
from papertune.generators.grounding import is_english
from papertune.identity import fingerprint
from papertune.models.modelcard import plain
from papertune.models.usage import OR_ELSEWHERE
from papertune.pairfile import read_columns, write_pairs
from papertune.records import Pair, Rejection, pair_id, read_records, to_line
from papertune.study import versions
from papertune.study.settings import PromptedGenerator, RulesGenerator, SourceGenerator
from papertune.study.splits import OTHER_SIDE, SplitOf

log = logging.getLogger(__name__)

IMPORTS, HERE = "import os\n\n", "os.getcwd()"  # to datasets "." has no name
CARD = """---
pretty_name: {quoted}
task_categories:
- question-answering
{language}size_categories:
- {size}
configs:
- config_name: default
  data_files:
{files}
---

# {title}

Question–answer pairs about the documents of the experiment, written by one generator and split
by {by}. {apart}

| split | pairs | documents | years |
| --- | --- | --- | --- |
{rows}

Fields: `instruction`, `context` (the document's text), `question`, `answer` (the reference),
`document` (its id), `year`, `generator`, `before` (questions and answers before it in a
conversation, as JSON), `check` and `entry_point` (of programs), and `provenance`, as JSON: backend,
model, revision, prompt (hash) and decoding that made the pair, which of several candidates it is and
its marks, what decoration was cleaned of it, and the document's score where its source has one.

```python
{imports}from datasets import load_dataset

pairs = load_dataset({here}){or_elsewhere}
print(pairs)
```

## Generator

```json
{generator}
```

The texts belong to their authors and publishers; check their licence before you pass this folder
on. Pairs written by a language model may be wrong.
"""


@dataclass(slots=True)
class Counts:
    """The numbers of one run, for its log."""

    documents: int
    from_store: int = 0  # documents whose results were in the store
    asked: int = 0  # documents that the generator was asked about
    requests: int = 0  # requested texts, with further attempts and all candidates
    pairs: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def synthesize(
    writer: Writer,
    *,
    documents: list[Path],
    mine: SplitOf,
    taken_out: Collection[str] = (),
    trained: Container[Pair] = (),
    output: Path,
    rejected: Path,
    store: Path,
    threads: int = 1,
    shards: int = 1,
) -> Counts:
    """Write the pairs of one generator about the documents of one split.

    Args:
        documents: Files of documents of any years; those of the split are chosen from them.
        mine: Chooses the documents of the split.
        taken_out: Ids of documents to leave out, as they are copies of training documents.
        trained: Training pairs, which are not taken.
        output: The split of a dataset: pairs, ordered by year and document.
        rejected: File of rejections: pairs not kept (such as ``trained_on``), and documents without a
            pair (``no_pairs``) or refused by the service this time (``service_refused``).
        shards: Number of processes, each with its own model, if a model runs here.

    Raises:
        Interrupted: the job was asked to stop.
        GeneratorError: the generator cannot write, no document is in the split, or no document
            gave a pair. Finished work is in the store.
    """
    places, repeated = places_of(documents, mine, taken_out)
    if not places:
        where = ", ".join(map(str, documents[:3]))
        hint = "check the years in splits, splits.validation, and the collected documents"
        what = f"no document is in the split {mine.split!r}"
        if taken_out:
            what += f": all its documents ({len(taken_out)}) are in the training data, too"
            hint = f"see rejected/splits/{mine.split}.jsonl; set other years, or another share"
        raise GeneratorError(what, where=where, hint=hint)
    what = f"{writer.name}/{mine.split}"
    asking = Asking(writer, store, what, threads)
    counts = Counts(documents=len(places))
    left = places
    with closing(asking.backend):
        for attempt in range(1, writer.attempts + 1):
            wanted = len(asking.missing(left, attempt))
            if attempt == 1:
                counts.asked, counts.from_store = wanted, len(places) - wanted
            if wanted:
                log.info("%s: attempt %d: %d documents to ask about", what, attempt, wanted)
                counts.requests += asking.ask(left, attempt, shards)
            if asking.raw is not None:
                asking.check(left, attempt)
            if attempt < writer.attempts:
                left = [place for place in left if not asking.result(place, attempt)["kept"]]
    with atomic_write(rejected) as stream:  # both files whole or not at all

        def reject(one: Rejection) -> None:
            counts.rejected[one.reason] += 1
            stream.write(to_line(one))

        for one in repeated:
            reject(one)
        write_pairs(output, _pairs(asking, places, counts, reject, trained))
    if refused := counts.rejected["service_refused"]:
        told = (
            "%s: the service refused %d documents (see %s); to ask again, delete %s and run again"
        )
        log.warning(told, what, refused, rejected, output)
    log.info(
        "%s: asked %d documents, %d from the store (%d requests); %d pairs; rejected: %s",
        *(what, counts.asked, counts.from_store, counts.requests, counts.pairs),
        dict(sorted(counts.rejected.items())) or "none",
    )
    return counts


def _pairs(
    asking: Asking,
    places: list[Place],
    counts: Counts,
    reject: Callable[[Rejection], None],
    trained: Container[Pair],
) -> Iterator[Pair]:
    """The kept pairs of every document, in order; all others go to ``reject``."""
    reasons: Counter[str] = Counter()
    attempts, held_out = asking.writer.attempts, asking.writer.held_out
    for place in places:
        whys = []
        for attempt in range(1, attempts + 1):
            found = asking.result(place, attempt)
            for reason, detail in found["rejected"]:
                reject(Rejection("synthesize", place.id, reason, detail))
            why, failed, kept = found["why"], found.get("failed", False), []
            every = list(_of_document(asking, place, found, attempt))
            here = [pair for pair in every if held_out is None or held_out(pair.conversation)]
            for pair in here:
                if pair not in trained:
                    kept.append(pair)
                    continue
                why, said = "every pair is a training pair", f"{pair.question} → {pair.answer}"
                reject(Rejection("synthesize", place.id, "trained_on", said[:400]))
            counts.pairs += len(kept)
            yield from kept
            if every and not here:
                reject(Rejection("synthesize", place.id, OTHER_SIDE))
            if kept or (every and not here):
                break
            whys.append(f"attempt {attempt}: {why}" if attempts > 1 else why)
            reasons[why if failed else why.split(":")[0]] += 1
            if place.key in asking.refused:
                reject(Rejection("synthesize", place.id, "service_refused", whys[-1]))
                break
        else:
            reject(Rejection("synthesize", place.id, "no_pairs", "; ".join(whys)))
    if not counts.pairs:
        told = ", ".join(f"{why} ({count})" for why, count in reasons.most_common(3))
        raise GeneratorError(
            f"not one pair from {len(places)} documents: {told}",
            where=f"generators.{asking.writer.name}",
            hint=f"check the raw outputs in the store's folder "
            f"{(asking.raw or asking.checked).folder}, then the prompt, max_new_tokens and "
            "grounding",
        )


def _of_document(
    asking: Asking, place: Place, found: Mapping[str, Any], attempt: int
) -> Iterator[Pair]:
    kept, every = found["kept"], found.get("chosen") or repeat({})
    if not kept:
        return
    writer, document = asking.writer, place.document()
    generator = writer.generator
    made: dict[str, Any] = {"backend": generator.backend}
    if isinstance(generator, RulesGenerator):
        made["style"] = generator.style
    if isinstance(generator, PromptedGenerator):
        made |= {
            "model": generator.model,
            "revision": getattr(generator, "revision", ""),
            "prompt": fingerprint(writer.prompt),
            "decoding": decoding_of(generator.decoding, attempt).identity(),
            "attempt": attempt,
        }
    made["version"] = versions.SYNTHESIZE
    if document.score is not None:
        made["score"] = document.score  # for subset.top
    # a source's answer is the document's text, so this must not be the context
    ours = isinstance(generator, SourceGenerator)
    context = "" if ours else document.text
    check, called = (document.check, document.entry_point) if ours else ("", "")
    about = (place.id, place.year, writer.instruction, context)
    goes_on, before = talks(generator, document), list[list[str]]()
    for (question, answer), chosen in zip(kept, every, strict=False):
        # a pair that is repeated in a conversation is two pairs
        key = pair_id(place.id, question, answer, before)
        sent = asking.sent(place, attempt, chosen.get("candidate", 1))
        own = {**made, **chosen, **({"decoding": sent} if sent else {})}
        pair = Pair(key, *about, question, answer, writer.name, own, [*before])
        yield replace(pair, check=check, entry_point=called) if check else pair
        if goes_on:
            before.append([question, answer])


def describe_dataset(
    *,
    splits: Sequence[Path],
    taken_out: Sequence[Path],
    rejected: Sequence[Path],
    output: Path,
    title: str,
    name: str,
    by_year: bool,
    generator: Mapping[str, Any],
) -> None:
    """Write the card (README.md) that describes the dataset to people and ``datasets.load_dataset``.

    Args:
        splits: The files of the dataset.
        taken_out: Files of the documents that were removed from a split, named after it.
        rejected: Files of the generator's rejections.
        output: The card.
        title: Title of the experiment; empty: ``name`` is used.
        name: Name of the dataset.
        by_year: Whether documents are split by year; else by a hash of their id.
        generator: Its settings.
    """
    rows, files, total, english = [], [], 0, True
    for path in sorted(splits):
        documents, years, questions = read_columns(path, "document", "year", "question")
        # several questions together are enough to recognise English; mixed datasets name no language
        some = [
            " ".join(map(str, questions[at : at + 20]))
            for at in range(0, min(len(questions), 2000), 20)
        ]
        english = english and all(map(is_english, some))
        total += len(years)
        span = f"{min(years)}–{max(years)}"
        rows.append(f"| {path.stem} | {len(years)} | {len(set(documents))} | {span} |")
        files.append(f"  - split: {path.stem}\n    path: {path.name}")
    sizes = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M"]
    card = CARD.format(
        title=plain(title or name),
        quoted=json.dumps(title or name, ensure_ascii=False),  # JSON strings are YAML
        language="language:\n- en\n" * english,
        size=sizes[bisect_right([1_000, 10_000, 100_000], total)],
        files="\n".join(files),
        rows="\n".join(rows),
        by="the year of the document" if by_year else "a hash of the document's id",
        apart=_apart(taken_out, rejected),
        imports=IMPORTS,
        here=HERE,
        or_elsewhere=OR_ELSEWHERE,
        generator=json.dumps(generator, indent=2, ensure_ascii=False),
    )
    with atomic_write(output) as stream:
        stream.write(card)


def _apart(taken_out: Sequence[Path], rejected: Sequence[Path]) -> str:
    """A sentence for the card on how training texts are kept out of the test set."""
    left = {path.stem: sum(1 for _ in read_records(path, Rejection)) for path in taken_out}
    pairs = sum(
        one.reason == "trained_on" for path in rejected for one in read_records(path, Rejection)
    )
    said = [f"{count} left the split {split}" for split, count in sorted(left.items())]
    return (
        "A document that trains is in no other split, nor is one with its identifier, its text or "
        f"nearly its text, as far as a comparison of words finds it: {', '.join(said) or 'none left'}"
        f"; {pairs} pairs for testing were not taken, as models are trained with equal ones."
    )
