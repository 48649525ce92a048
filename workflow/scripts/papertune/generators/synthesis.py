"""One generator writes pairs about the documents of one split."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.errors import GeneratorError
from papertune.generators.asking import Asking, Place, Writer, places_of
from papertune.generators.backends import decoding_of
from papertune.identity import fingerprint
from papertune.pairfile import write_pairs
from papertune.records import Pair, Rejection, atomic_write, pair_id, to_line
from papertune.study.settings import PromptedGenerator, RulesGenerator, SourceGenerator
from papertune.study.splits import SplitOf

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What one run did: the numbers that its log gives."""

    documents: int = 0
    from_store: int = 0  # documents answered without asking the generator
    asked: int = 0  # documents asked about
    requests: int = 0  # requests to the generator, second attempts included
    pairs: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def synthesize(
    writer: Writer,
    *,
    documents: list[Path],
    mine: SplitOf,
    output: Path,
    rejected: Path,
    store: Path,
    threads: int = 1,
    shards: int = 1,
) -> Counts:
    """Write the pairs of one generator about the documents of one split.

    Args:
        documents: Files of documents, of any years; the split's are chosen from them.
        mine: Which documents these are.
        output: The split of a dataset: pairs, ordered by year and document.
        rejected: File of rejections: pairs not kept, and documents without a pair (``no_pairs``).
        shards: Processes of this job that write, each with a model of its own; generators without
            a model here take one.

    Raises:
        Interrupted: the job was asked to stop.
        GeneratorError: the generator cannot write, no document is in the split, or no document
            gave a pair. What was finished until then is in the store.
    """
    places, repeated = places_of(documents, mine)
    if not places:
        raise GeneratorError(
            f"no document is in the split {mine.split!r}",
            where=", ".join(str(path) for path in documents[:3]),
            hint="look at the years in splits, at splits.validation, and at what was collected",
        )
    what = f"{writer.name}/{mine.split}"
    asking = Asking(writer, store, what, threads)
    attempts = getattr(writer.generator, "attempts", 1)
    counts = Counts(documents=len(places))
    left = places
    for attempt in range(1, attempts + 1):
        wanted = len(asking.missing(left, attempt))
        counts.requests += wanted
        if attempt == 1:
            counts.asked, counts.from_store = wanted, len(places) - wanted
        if wanted:
            log.info("%s: attempt %d: %d documents to ask about", what, attempt, wanted)
            asking.ask(left, attempt, shards)
        if asking.raw is not None:
            asking.check(left, attempt)
        if attempt < attempts:
            left = [place for place in left if not asking.result(place, attempt)["kept"]]
    with atomic_write(rejected) as stream:  # both files whole or not at all

        def reject(*what: str) -> None:
            one = Rejection("synthesize", *what)
            counts.rejected[one.reason] += 1
            stream.write(to_line(one))

        for one in repeated:
            reject(one.key, one.reason, one.detail)
        write_pairs(output, _pairs(asking, places, attempts, counts, reject))
    log.info(
        "%s: asked %d documents, %d from the store (%d requests); %d pairs; rejected: %s",
        *(what, counts.asked, counts.from_store, counts.requests, counts.pairs),
        dict(sorted(counts.rejected.items())) or "none",
    )
    return counts


def _pairs(
    asking: Asking,
    places: list[Place],
    attempts: int,
    counts: Counts,
    reject: Callable[[str, str, str], None],
) -> Iterator[Pair]:
    """What was kept of every document, in order; what was not goes to ``reject``."""
    reasons: Counter[str] = Counter()
    for place in places:
        whys = []
        for attempt in range(1, attempts + 1):
            found = asking.result(place, attempt)
            for reason, detail in found["rejected"]:
                reject(place.id, reason, detail)
            if found["kept"]:
                counts.pairs += len(found["kept"])
                yield from _of_document(asking.writer, place, found["kept"], attempt)
                break
            why = found["why"]
            whys.append(f"attempt {attempt}: {why}" if attempts > 1 else why)
            reasons[why.split(":")[0]] += 1
        else:
            reject(place.id, "no_pairs", "; ".join(whys))
    if not counts.pairs:
        told = ", ".join(f"{why} ({count})" for why, count in reasons.most_common(3))
        raise GeneratorError(
            f"not one pair from {len(places)} documents: {told}",
            where=f"generators.{asking.writer.name}",
            hint=f"look at the raw outputs in the store's folder "
            f"{(asking.raw or asking.checked).folder}, then at the prompt, max_new_tokens and "
            "grounding",
        )


def _of_document(
    writer: Writer, place: Place, kept: list[list[str]], attempt: int
) -> Iterator[Pair]:
    document, generator = place.document(), writer.generator
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
        made["score"] = document.score  # by which subsets choose
    # the answer to a question of the source is the document's text, which must not be given away
    context = "" if isinstance(generator, SourceGenerator) else document.text
    for question, answer in kept:
        yield Pair(
            id=pair_id(place.id, question, answer),
            document=place.id,
            year=place.year,
            instruction=writer.instruction,
            context=context,
            question=question,
            answer=answer,
            generator=writer.name,
            provenance=made,
        )
