"""One generator writes pairs about the documents of one split.

Each attempt at a document is one item of the store, with the raw output: reading and checking can
be improved without asking again. Documents are read by their place in the files, so memory holds
one line of bookkeeping per document and never the texts.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.errors import GeneratorError
from papertune.generators import open_backend
from papertune.generators.asking import Asking, item_of
from papertune.generators.checking import check_pairs, is_refusal
from papertune.generators.offsets import Place, places_of
from papertune.generators.protocol import decoding_of
from papertune.generators.reading import pairs_in
from papertune.identity import fingerprint
from papertune.pairfile import write_pairs
from papertune.records import (
    Pair,
    Rejection,
    atomic_write,
    pair_id,
    to_line,
)
from papertune.study.settings import Generator, PromptedGenerator, RulesGenerator, SourceGenerator
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
    *,
    generator_name: str,
    generator: Generator,
    prompt: str,
    instruction: str,
    documents: list[Path],
    mine: SplitOf,
    output: Path,
    rejected: Path,
    store: Path,
    model_folder: Path | None = None,
    threads: int = 1,
    shards: int = 1,
) -> Counts:
    """Write the pairs of one generator about the documents of one split.

    Args:
        generator_name: Its name in the experiment.
        generator: Its settings.
        prompt: The text of the prompt template (``title``, ``text``, ``pairs``); empty for rules.
        instruction: Goes into every pair.
        documents: Files of documents, of any years; the split's are chosen from them.
        mine: Which documents these are.
        output: The split of a dataset: pairs, ordered by year and document.
        rejected: File of rejections: pairs not kept, and documents without a pair (``no_pairs``).
        store: The store's root.
        model_folder: Where a ``transformers`` generator's model lies.
        threads: CPU threads of this job.
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
    backend = open_backend(generator, folder=model_folder, threads=threads)
    what = f"{generator_name}/{mine.split}"
    identity = asking_identity(generator, prompt) | {"backend": backend.version()}
    asking = Asking(generator, prompt, backend, store, identity, what)
    job = _Job(generator_name, instruction, asking)
    counts = job.counts
    counts.documents = len(places)

    attempts = generator.attempts if isinstance(generator, PromptedGenerator) else 1
    open_places = places
    for attempt in range(1, attempts + 1):
        wanted = len(asking.missing(open_places, attempt))
        counts.requests += wanted
        if attempt == 1:
            counts.asked, counts.from_store = wanted, len(places) - wanted
        if wanted:
            log.info("%s: attempt %d: %d documents to ask about", what, attempt, wanted)
            asking.ask(open_places, attempt, folder=model_folder, threads=threads, shards=shards)
        if attempt < attempts:
            open_places = [p for p in open_places if not job.judge(p, attempt).kept]
    _write(job, places, attempts, repeated, output, rejected)
    log.info(
        "%s: asked %d documents, %d from the store (%d requests); %d pairs; rejected: %s",
        what,
        counts.asked,
        counts.from_store,
        counts.requests,
        counts.pairs,
        dict(sorted(counts.rejected.items())) or "none",
    )
    return counts


def asking_identity(generator: Generator, prompt: str) -> dict[str, Any]:
    """What a raw output depends on beside its backend's version, and not what only judges it."""
    settings = generator.identity()
    for judging in ("grounding", "attempts"):
        settings.pop(judging, None)
    return {"generator": settings, "prompt": prompt, "version": versions.ASK}


@dataclass(slots=True)
class _Judged:
    """What one attempt gave: pairs, the rejected ones, and why there is nothing."""

    kept: list[tuple[str, str]]
    rejected: list[tuple[str, str]]
    why: str = ""


class _Job:
    """One call of :func:`synthesize`: judging what the generator wrote."""

    def __init__(self, name: str, instruction: str, asking: Asking) -> None:
        self.name, self.instruction, self.asking = name, instruction, asking
        self.generator, self.finished = asking.generator, asking.finished
        self.counts = Counts()

    def judge(self, place: Place, attempt: int) -> _Judged:
        """Read and check what an attempt gave."""
        item = item_of(place, attempt)
        if item not in self.finished:
            return _Judged([], [], self.asking.failed.get(item, "not asked"))
        value = self.finished.get(item)
        if value.get("error"):
            return _Judged([], [], value["error"])
        ready = value.get("pairs") is not None
        if ready:
            pairs = [(question, answer) for question, answer in value["pairs"]]
        else:
            pairs = pairs_in(value["text"], cut=value["cut"])
        if isinstance(self.generator, SourceGenerator):  # people's words are not for rules to judge
            return _Judged(pairs, [], "" if pairs else "the document has no question")
        kept, rejected = check_pairs(
            pairs,
            place.document(),
            most=self.generator.pairs,
            grounding=getattr(self.generator, "grounding", None),
        )
        if kept:
            return _Judged(kept, rejected)
        if pairs:
            return _Judged([], rejected, "every pair was rejected")
        if ready:
            return _Judged([], [], "the rules found nothing to ask about")
        text = value["text"].strip()
        why = "empty output" if not text else "refusal" if is_refusal(text) else "unreadable output"
        return _Judged([], [], f"{why}: {text[:200]}" if text else why)

    def provenance(self, attempt: int) -> dict[str, Any]:
        """What made the pairs of an attempt."""
        generator = self.generator
        if isinstance(generator, SourceGenerator):
            return {"backend": "source", "version": versions.SYNTHESIZE}
        if isinstance(generator, RulesGenerator):
            return {"backend": "rules", "style": generator.style, "version": versions.SYNTHESIZE}
        return {
            "backend": generator.backend,
            "model": generator.model,
            "revision": getattr(generator, "revision", ""),
            "prompt": fingerprint(self.asking.prompt),
            "decoding": decoding_of(generator.decoding, attempt).identity(),
            "attempt": attempt,
            "version": versions.SYNTHESIZE,
        }


def _write(
    job: _Job,
    places: list[Place],
    attempts: int,
    repeated: list[Rejection],
    output: Path,
    rejected: Path,
) -> None:
    """Pairs and rejections of every document, in order, both files whole or not at all."""
    counts = job.counts
    reasons: Counter[str] = Counter()
    with atomic_write(rejected) as refused:

        def reject(rejection: Rejection) -> None:
            counts.rejected[rejection.reason] += 1
            refused.write(to_line(rejection))

        def pairs() -> Iterator[Pair]:
            for place in places:
                whys = []
                for attempt in range(1, attempts + 1):
                    judged = job.judge(place, attempt)
                    for reason, detail in judged.rejected:
                        reject(Rejection("synthesize", place.id, reason, detail))
                    for pair in _pairs(job, place, judged.kept, attempt):
                        counts.pairs += 1
                        yield pair
                    if judged.kept:
                        break
                    whys.append(f"attempt {attempt}: {judged.why}" if attempts > 1 else judged.why)
                    reasons[judged.why.split(":")[0]] += 1
                else:
                    reject(Rejection("synthesize", place.id, "no_pairs", "; ".join(whys)))

            if not counts.pairs:
                told = ", ".join(f"{why} ({count})" for why, count in reasons.most_common(3))
                raise GeneratorError(
                    f"not one pair from {len(places)} documents: {told}",
                    where=f"generators.{job.name}",
                    hint="look at the raw outputs in the store's folder "
                    f"{job.finished.folder}, then at the prompt, max_new_tokens and grounding",
                )

        for rejection in repeated:
            reject(rejection)
        write_pairs(output, pairs())


def _pairs(job: _Job, place: Place, kept: list[tuple[str, str]], attempt: int) -> Iterator[Pair]:
    if not kept:
        return
    document = place.document()
    provenance = job.provenance(attempt)
    if document.score is not None:
        provenance["score"] = document.score  # by which subsets choose
    # the answer to a question of the source is the document's text, which must not be given away
    context = "" if isinstance(job.asking.generator, SourceGenerator) else document.text
    for question, answer in kept:
        yield Pair(
            id=pair_id(place.id, question, answer),
            document=place.id,
            year=place.year,
            instruction=job.instruction,
            context=context,
            question=question,
            answer=answer,
            generator=job.name,
            provenance=provenance,
        )
