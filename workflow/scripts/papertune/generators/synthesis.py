"""One generator writes pairs about the documents of one split.

Each attempt at a document is one item of the store, with the raw output: reading and checking can
be improved without asking again. Documents are read by their place in the files, so memory holds
one line of bookkeeping per document and never the texts.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.errors import GeneratorError
from papertune.experiment import Splits
from papertune.generators import open_backend
from papertune.generators.checking import check_pairs, is_refusal
from papertune.generators.places import Place, places_of
from papertune.generators.protocol import Backend, Request, Written, decoding_of
from papertune.generators.reading import read_pairs
from papertune.identity import fingerprint
from papertune.progress import progress
from papertune.prompts import fill
from papertune.records import (
    Pair,
    Rejection,
    atomic_write,
    pair_id,
    to_line,
)
from papertune.settings import Generator, RulesGenerator
from papertune.store import Store

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
    split: str,
    splits: Splits,
    output: Path,
    rejected: Path,
    store: Path,
    model_folder: Path | None = None,
    threads: int = 1,
) -> Counts:
    """Write the pairs of one generator about the documents of one split.

    Args:
        generator_name: Its name in the experiment.
        generator: Its settings.
        prompt: The text of the prompt template (``title``, ``text``, ``pairs``); empty for rules.
        instruction: Goes into every pair.
        documents: Files of documents, of any years; the split's are chosen from them.
        split: ``train``, ``validation`` or ``test``.
        splits: Which documents these are.
        output: File of pairs, ordered by year and document.
        rejected: File of rejections: pairs not kept, and documents without a pair (``no_pairs``).
        store: The store's root.
        model_folder: Where a ``transformers`` generator's model lies.
        threads: CPU threads of this job.

    Raises:
        GeneratorError: the generator cannot write, no document is in the split, or no document
            gave a pair. What was finished until then is in the store.
    """
    places, repeated = places_of(documents, split, splits)
    if not places:
        raise GeneratorError(
            f"no document is in the split {split!r}",
            where=", ".join(str(path) for path in documents[:3]),
            hint="look at the years in splits, at splits.validation, and at what was collected",
        )
    backend = open_backend(generator, folder=model_folder, threads=threads)
    finished = Store(store, "synthesize", _identity(generator, prompt, backend))
    job = _Job(generator_name, generator, prompt, instruction, finished)
    counts = job.counts
    counts.documents = len(places)

    attempts = 1 if isinstance(generator, RulesGenerator) else generator.attempts
    open_places = places
    for attempt in range(1, attempts + 1):
        wanted = [p for p in open_places if _item(p, attempt) not in finished]
        if attempt == 1:
            counts.asked, counts.from_store = len(wanted), len(places) - len(wanted)
        if wanted:
            log.info(
                "%s/%s: attempt %d: %d documents to ask about",
                generator_name,
                split,
                attempt,
                len(wanted),
            )
            job.ask(backend, wanted, attempt, f"{generator_name}/{split}")
        if attempt < attempts:
            open_places = [p for p in open_places if not job.judge(p, attempt).kept]
    _write(job, places, attempts, repeated, output, rejected)
    log.info(
        "%s/%s: asked %d documents, %d from the store (%d requests); %d pairs; rejected: %s",
        generator_name,
        split,
        counts.asked,
        counts.from_store,
        counts.requests,
        counts.pairs,
        dict(sorted(counts.rejected.items())) or "none",
    )
    return counts


def _identity(generator: Generator, prompt: str, backend: Backend) -> dict[str, Any]:
    """What a raw output depends on; what is only used to judge it is left out."""
    settings = generator.identity()
    for judging in ("grounding", "attempts"):
        settings.pop(judging, None)
    return {
        "generator": settings,
        "prompt": prompt,
        "version": versions.ASK,
        "backend": backend.version(),
    }


def _item(place: Place, attempt: int) -> str:
    return f"{place.key}/{attempt}"


@dataclass(slots=True)
class _Judged:
    """What one attempt gave: pairs, the rejected ones, and why there is nothing."""

    kept: list[tuple[str, str]]
    rejected: list[tuple[str, str]]
    why: str = ""


class _Job:
    """One call of :func:`synthesize`: asking into the store, and judging out of it."""

    def __init__(
        self, name: str, generator: Generator, prompt: str, instruction: str, finished: Store
    ) -> None:
        self.name, self.generator, self.prompt = name, generator, prompt
        self.instruction, self.finished = instruction, finished
        self.counts = Counts()
        self._failed: dict[str, str] = {}  # errors that the next run may not meet: not stored

    def ask(self, backend: Backend, places: list[Place], attempt: int, what: str) -> None:
        """Ask about the documents; every batch is in the store before the next is waited for."""
        for written in progress(
            self._store_batches(backend.write(self._requests(places, attempt))), len(places), what
        ):
            if written.error:
                log.warning("%s: document %s: %s", what, written.request.document.id, written.error)

    def _requests(self, places: list[Place], attempt: int) -> Iterator[Request]:
        for place in places:
            document = place.document()
            text = ""
            if self.prompt:
                text = fill(
                    self.prompt,
                    {"title": document.title, "text": document.text, "pairs": self.generator.pairs},
                )
            self.counts.requests += 1
            yield Request(_item(place, attempt), document, text, attempt)

    def _store_batches(self, batches: Iterable[list[Written]]) -> Iterator[Written]:
        for batch in batches:
            items = {}
            for written in batch:
                if written.error and not written.lasting:
                    self._failed[written.request.key] = written.error
                else:
                    items[written.request.key] = _value(written)
            self.finished.add(items)
            yield from batch

    def judge(self, place: Place, attempt: int) -> _Judged:
        """Read and check what an attempt gave."""
        item = _item(place, attempt)
        if item not in self.finished:
            return _Judged([], [], self._failed.get(item, "not asked"))
        value = self.finished.get(item)
        if value.get("error"):
            return _Judged([], [], value["error"])
        rules = value.get("pairs") is not None
        if rules:
            pairs = [(question, answer) for question, answer in value["pairs"]]
        else:
            pairs = read_pairs(value["text"], cut=value["cut"])
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
        if rules:
            return _Judged([], [], "the rules found nothing to ask about")
        text = value["text"].strip()
        why = "empty output" if not text else "refusal" if is_refusal(text) else "unreadable output"
        return _Judged([], [], f"{why}: {text[:200]}" if text else why)

    def provenance(self, attempt: int) -> dict[str, Any]:
        """What made the pairs of an attempt."""
        generator = self.generator
        if isinstance(generator, RulesGenerator):
            return {"backend": "rules", "style": generator.style, "version": versions.SYNTHESIZE}
        return {
            "backend": generator.backend,
            "model": generator.model,
            "revision": getattr(generator, "revision", ""),
            "prompt": fingerprint(self.prompt),
            "decoding": decoding_of(generator.decoding, attempt).identity(),
            "attempt": attempt,
            "version": versions.SYNTHESIZE,
        }


def _value(written: Written) -> dict[str, Any]:
    if written.pairs is not None:
        return {"document": written.request.document.id, "pairs": [list(p) for p in written.pairs]}
    return {
        "document": written.request.document.id,
        "text": written.text,
        "cut": written.cut,
        "error": written.error,
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
    with atomic_write(rejected) as refused, atomic_write(output) as pairs:

        def reject(rejection: Rejection) -> None:
            counts.rejected[rejection.reason] += 1
            refused.write(to_line(rejection))

        for rejection in repeated:
            reject(rejection)
        for place in places:
            whys = []
            for attempt in range(1, attempts + 1):
                judged = job.judge(place, attempt)
                for reason, detail in judged.rejected:
                    reject(Rejection("synthesize", place.id, reason, detail))
                for pair in _pairs(job, place, judged.kept, attempt):
                    pairs.write(to_line(pair))
                    counts.pairs += 1
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


def _pairs(job: _Job, place: Place, kept: list[tuple[str, str]], attempt: int) -> Iterator[Pair]:
    if not kept:
        return
    document = place.document()
    for question, answer in kept:
        yield Pair(
            id=pair_id(place.id, job.name, question, answer),
            document=place.id,
            year=place.year,
            instruction=job.instruction,
            context=document.text,
            question=question,
            answer=answer,
            generator=job.name,
            provenance=job.provenance(attempt),
        )
