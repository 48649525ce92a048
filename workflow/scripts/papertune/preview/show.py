"""A preview as text; texts of strangers and models are escaped for the terminal."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from papertune.cluster.machine import Room
from papertune.errors import PapertuneError, one_line, shown
from papertune.jobs.scratch import scratch
from papertune.preview.documents import Found, assumed, find_some
from papertune.preview.estimates import estimates, spent
from papertune.preview.pairs import Tried, calls_of, try_writer
from papertune.preview.tokens import Reading, Tokens, readings
from papertune.records import Pair
from papertune.study.layout import Layout

LONG = 160  # most characters of a document's text or detail on a line
UNDERLINED = "\x1b[4m", "\x1b[24m"
BRACKETS = "⟦", "⟧"
Say = Callable[[str], None]
NOT_HERE = (
    "it runs a language model, for which login nodes are not meant. To see its pairs, start a job "
    "(srun or salloc) and run `snakemake preview` in it without --profile"
)


def preview(
    layout: Layout, *, store: str, room: Room, say: Say, threads: int, terminal: bool, submits: bool
) -> None:
    """Show a study before anything large begins, each part as soon as it is known.

    Args:
        room: Bytes available to a task, where known.
        say: Prints a line that is escaped already.
        terminal: Whether lines may be underlined.
        submits: Whether the study's long jobs go to a cluster.

    Raises:
        PapertuneError: no document is found, or a tokenizer cannot be used.
    """

    def tell(lines: Iterator[str]) -> None:
        for line in lines:
            say(line)

    with scratch("preview") as folder:
        say(f"== {layout.name}: documents")
        found = find_some(layout, folder, Path(store))
        tell(_documents(found))
        tried = []
        for writer in dict(layout.generated):
            calls = calls_of(layout, writer, len(found.documents))
            costs = f" (at most {calls} calls, fewer where the store has them)" if calls else ""
            say(f"\n== pairs by {writer}{costs}")
            if submits and layout.runs_a_model(writer):
                tried.append(Tried(writer, why=NOT_HERE))
            else:
                tried.append(try_writer(layout, writer, found, folder, Path(store), threads))
            tell(_pairs(tried[-1]))
        say("\n== what models read")
        pairs = {one.writer: one.shown for one in tried if one.shown}
        tell(_readings(layout, pairs, UNDERLINED if terminal else BRACKETS))
        say("\n== estimates for the whole study")
        (folder / "results").mkdir()
        whole = assumed(layout, found, folder / "results")
        tell(map(shown, estimates(whole, found, tried, room, store, submits)))


def _documents(found: Found) -> Iterator[str]:
    yield f"{len(found.documents)} of the {found.listed} {found.split} documents of {found.part}"
    for one in found.documents:
        yield f"  {one.id}  {_short(one.title)}"
        yield f"    {len(one.text):,} characters: {_short(one.text)}"
    for lost in found.lost:
        yield f"  without a text: {_short(lost.detail or lost.key)} ({_short(lost.reason)})"


def _pairs(tried: Tried) -> Iterator[str]:
    if tried.why:
        yield f"none: {shown(tried.why)}"
        return
    for pair in tried.shown:
        yield f"  Q  {one_line(pair.question)}"
        yield f"  A  {one_line(pair.answer)}"
    yield (
        f"{len(tried.shown)} of {len(tried.pairs)} pairs; {tried.requests} requests now, "
        f"{spent(tried.seconds)}"
    )
    reasons = Counter(one.reason for one in tried.rejected)
    for reason, count in sorted(reasons.items()):
        first = next(one for one in tried.rejected if one.reason == reason)
        yield f"  rejected: {_short(reason)} ({count}), such as {_short(first.detail or first.key)}"
    if not reasons:
        yield "  rejected: none"


def _readings(
    layout: Layout, pairs: dict[str, list[Pair]], marks: tuple[str, str]
) -> Iterator[str]:
    if not pairs:
        yield "unknown: no writer wrote a pair"
        return
    for one in readings(layout, pairs):
        yield f"-- {', '.join(one.models)} (base {one.base})"
        if one.missing:
            yield f"{one.missing}; the prompt as text:"
            yield shown(one.prompt)
        else:
            yield from _with_tokens(one, marks)


def _with_tokens(one: Reading, marks: tuple[str, str]) -> Iterator[str]:
    if one.trained:
        counted = sum(counts for _, counts in one.trained)
        yield (
            f"In training: {len(one.trained)} tokens, of which the loss counts {counted} "
            f"({marks[0]}marked like this{marks[1]}):"
        )
        yield marked(one.trained, marks)
        yield (
            f"Of {one.examples} pairs, {one.cut} lose the end of their text at {one.most} tokens, and "
            f"{one.left_out} are left out."
        )
    most = "any number" if one.room is None else f"at most {one.room}"
    for question in one.asked:
        yield (
            f"In answering {', '.join(question.sets)}: {len(question.tokens)} tokens, of {most}; "
            f"of {question.of} questions, {question.cut} lose the end of their text, and "
            f"{question.unfit} do not fit:"
        )
        yield marked(question.tokens, marks)


def marked(tokens: Tokens, marks: tuple[str, str]) -> str:
    """The escaped text of tokens, with marks around those that the loss counts."""
    text, open_ = [], False
    for piece, counts in tokens:
        if counts != open_:
            text.append(marks[0] if counts else marks[1])
        text.append(shown(piece))
        open_ = counts
    return "".join([*text, marks[1] * open_])


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONG else f"{line[: LONG - 1]}…"


def preview_all(layouts: list[Layout], say: Say, **how: Any) -> None:
    """Show several studies as :func:`preview` does; the others are shown even if one fails.

    Raises:
        PapertuneError: at the end, the error of the last study that could not be shown.
    """
    failed: PapertuneError | None = None
    for layout in layouts:
        if failed:
            say(str(failed))
        try:
            preview(layout, say=say, **how)
            say(f"\nnext: snakemake --config experiments={layout.name}\n")
        except PapertuneError as error:
            failed = error
    if failed:
        raise failed
