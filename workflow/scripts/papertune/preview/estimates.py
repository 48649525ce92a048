"""Estimates of what a study will need and can show, each with its assumptions."""

from collections.abc import Iterable, Iterator, Sequence

from papertune.cluster.machine import GIGABYTE, Room, room_on, show_memory
from papertune.footprint.counts import CHARACTERS, of_split, text_tokens
from papertune.footprint.hours import GPU, hours_of, span
from papertune.footprint.study import architecture_for, tasks_of
from papertune.footprint.work import QUESTION, WRITTEN, measured_rate, seconds_of
from papertune.preview.documents import Found
from papertune.preview.pairs import Tried, calls_of
from papertune.report.size import show_size
from papertune.study.layout import Layout
from papertune.study.methods import METHODS

WIDTH = 4  # most bytes per weight


def estimates(
    layout: Layout, found: Found, tried: Sequence[Tried], room: Room, store: str, submits: bool
) -> Iterator[str]:
    """Lines about the whole study, including work that is finished already.

    Args:
        layout: As :func:`papertune.preview.documents.assumed` makes it.
        room: Bytes available to a task, where known.
        submits: Whether long jobs go to a cluster.
    """
    yield from _documents(layout, found)
    yield from _calls(layout, tried)
    yield from _time(layout, submits)
    yield from _disk(layout, store)
    yield from show_memory(tasks_of(layout), room).splitlines()
    yield from show_size([layout], store).splitlines()


def _documents(layout: Layout, found: Found) -> Iterator[str]:
    counts = {split: of_split(layout, split) for split in ("train", "validation", "test")}
    said = ", ".join(f"about {count:,.0f} {split}" for split, count in counts.items() if count)
    parts = len(layout.experiment.parts)
    yield (
        f"Documents: {said}; in {parts} years or parts. Years that are not listed yet are assumed to "
        f"have as many as {found.part}."
    )


def _calls(layout: Layout, tried: Iterable[Tried]) -> Iterator[str]:
    for one in tried:
        splits = [split for name, split in layout.generated if name == one.writer]
        each = calls_of(layout, one.writer, 1)
        if not each:
            yield f"Writer {one.writer}: no calls to a model."
            continue
        generator = layout.experiment.generators[one.writer]
        documents = sum(of_split(layout, split) for split in splits)
        frame = len(layout.experiment.generator_template(one.writer)) / CHARACTERS
        read = sum(of_split(layout, split) * text_tokens(layout, split) for split in splits)
        candidates = getattr(generator, "candidates", 1)
        read = (read + documents * frame) * candidates
        written = documents * candidates * generator.pairs * (QUESTION + WRITTEN)
        yield (
            f"Writer {one.writer}: about {documents * candidates:,.0f} calls (at most "
            f"{documents * each:,.0f}, with all attempts), {read:,.0f} tokens read, "
            f"{written:,.0f} written, at {CHARACTERS} characters per token."
        )
        if one.requests:
            pace = one.seconds / one.requests
            yield f"  At the pace of the calls above: {spent(documents * candidates * pace)}."


def _time(layout: Layout, submits: bool) -> Iterator[str]:
    if submits or layout.experiment.compute.gpu:
        hours = hours_of(layout)
        for what in ("writing", "training", "answering"):
            yield f"Time for {what}: {span(*getattr(hours, what))} of {GPU}, one job after another."
        if hours.unknown:
            yield f"  Not counted, as their models are unknown: {', '.join(hours.unknown)}."
        return
    rate = measured_rate()
    stages = {
        "fetching": ("fetch_documents", [{"year": str(one)} for one in layout.by_year("fetched")]),
        "writing": (
            "synthesize", [{"generator": g, "split": s} for g, s in layout.generated]
        ),
        "pre-training": (
            "pretrain_base",
            [{"base": name} for name, one in layout.experiment.bases.items() if one.pretrain],
        ),
        "training": (
            "train", [{"model": model, "seed": str(seed)} for model, seed in layout.models()]
        ),
        "answering": ("answer", _cells(layout)),
        "scoring": ("score", _cells(layout)),
    }  # fmt: skip
    for what, (rule, jobs) in stages.items():
        took = sum(sum(seconds_of(layout, rule, job, rate)) for job in jobs)
        if jobs:
            yield f"Time for {what}: about {spent(took)} (jobs one after another: {len(jobs)})."
    yield f"  At {rate / 1e9:.0f} billion operations per thread and second, measured just now."


def _cells(layout: Layout) -> list[dict[str, str]]:
    return [
        {"model": model, "seed": str(seed), "test_set": test_set}
        for model, seed, test_set in layout.by_cell("answers")
    ]


def _disk(layout: Layout, store: str) -> Iterator[str]:
    study, total, unknown = layout.experiment, 0.0, list[str]()
    for model in study.trained:
        arch = architecture_for(layout, model)
        if METHODS[study.models[model].method].trains == "adapters":
            continue
        if arch is None:
            unknown.append(model)
        else:
            total += arch.parameters * WIDTH * len(study.seeds_of(model))
    more = f"; not counted: {', '.join(unknown)}, whose base is not here" if unknown else ""
    yield (
        f"Disk: at most {size(total)} for whole models (4 bytes per weight); adapters are small{more}. "
        f"Free on the disk of the store: {size(room_on(store))}."
    )


def spent(seconds: float) -> str:
    """Seconds as text: 45 s, 12 min, 1.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes as text: 340 MB, 1.2 GB."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE / 10 else f"{count / 1e6:.0f} MB"
