"""Ready-made pairs: translations, problems and their solutions, exams.

They come from local tables, or from data sets of the Hugging Face Hub at a pinned revision. The
latter are read by ``datasets`` from data files only: no code of a repository is run. Downloads stay
in ``HF_HOME``; listing the same revision again needs no network.
"""

import logging
import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from papertune.collect.identifiers import arxiv_id, doi_of
from papertune.collect.listings.by_year import Located
from papertune.collect.listings.headers import unnamed
from papertune.collect.listings.messages import NoConversation, is_of_system, questions_in
from papertune.collect.listings.places import places, suggested, value_of, within
from papertune.collect.listings.rows import Row, Run, raw_rows, runs, text_in
from papertune.collect.listings.years import year_of
from papertune.collect.texts.missing import is_missing
from papertune.collect.texts.text import in_ascii
from papertune.errors import CollectError
from papertune.identity import fingerprint
from papertune.jobs import stopping
from papertune.jobs.keys import hub_token
from papertune.records import Document, Rejection
from papertune.sandbox.program import syntax_of
from papertune.sentences import flat
from papertune.study.settings import UnrelatedDataset
from papertune.study.settings.notation import nearest
from papertune.study.settings.qa import HubDatasetSource, PairsSource, TableSource

log = logging.getLogger("papertune")

TITLE = 100  # characters of a question that serve as a title if there is none
FORMATS = ("parquet", "json", "csv")
HUB = "https://huggingface.co/datasets"

OfHub = HubDatasetSource | UnrelatedDataset


def read(source: PairsSource, year: int) -> Iterator[Run]:
    """The pairs of a local table, in its order.

    Raises:
        CollectError: the file cannot be read, or lacks a column that the settings name.
    """
    for path in source.files_of(year):
        fixed = year if "{year}" in source.path else None
        # the file's name, not its folder: it may lie elsewhere on another machine
        rows = raw_rows(path, source.encoding)
        yield from rows_in_runs(source, str(path), f"pairs:{path.name}", rows, fixed)


def read_hub(source: HubDatasetSource, year: int) -> Iterator[Run]:
    """The pairs of a data set's split, in its order; its rows stay on disk.

    Raises:
        CollectError: the Hub cannot be reached; there is no such data set, revision, configuration,
            split or column; or it has no readable data files.
    """
    place = "/".join(filter(None, (HUB, source.dataset, "viewer", source.config, source.split)))
    name = "/".join(filter(None, ("hub", source.dataset, source.config, source.split)))
    yield from rows_in_runs(source, place, name, enumerate(map(dict, rows_of_hub(source)), start=1))


def rows_in_runs(
    source: TableSource,
    place: str,
    name: str,
    rows: Iterable[tuple[int, Any]],
    fixed: int | None = None,
) -> Iterator[Run]:
    """The pairs of all years.

    Args:
        place: The table's path or url, for messages.
        name: The table's name, for ids.
        fixed: The year of all rows, if it is not in them.

    Raises:
        CollectError: no row has a column that the settings name.
    """
    needed = {*filter(None, source.columns.identity().values()), *source.where}
    unseen, first = needed, Row()
    for run in runs(rows):
        first = first or next((row for _, row in run if isinstance(row, dict)), {})
        run.place, run.make, run.unseen = place, partial(_pairs, source, name, fixed), {*needed}
        yield run
        unseen = unseen & run.unseen
        if run.last:
            break
    if first and unseen:
        named = {
            name: column for name, column in source.columns.identity().items() if column in unseen
        }
        named |= {f"where.{column}": column for column in source.where if column in unseen}
        names = list(places(first))
        said = [f"{name}: {column!r}{nearest(column, names)}" for name, column in named.items()]
        raise CollectError(
            f"no row has the column for {', '.join(said)}",
            where=place,
            hint=f"the first row has {', '.join(names[:60])}; set source.columns and source.where to "
            f"these{suggested(first) or unnamed(names)}",
        )


def _pairs(source: TableSource, name: str, fixed: int | None, run: Run) -> Iterator[Located]:
    for line, row in run:
        key = f"{run.place}:{line}"
        if isinstance(row, str):
            yield key, fixed, Rejection("list", key, "bad_row", row)
            continue
        if run.unseen:
            run.unseen -= {c for c in run.unseen if c in row or value_of(row, c) is not None}
        if all(is_value(value_of(row, column), value) for column, value in source.where.items()):
            year = year_of(value_of(row, source.columns.year)) if source.columns.year else fixed
            yield key, year, _pair(source, run.place, name, key, row, year)


def _pair(
    source: TableSource, place: str, name: str, key: str, row: Row, year: int | None
) -> Document | Rejection:
    columns = source.columns
    texts: dict[str, str] = {}
    turns: list[list[str]] = []
    if columns.messages:
        try:
            turns = questions_in(value_of(row, columns.messages))
        except NoConversation as error:
            return Rejection("list", key, error.reason, f"{columns.messages}: {error}")
        [texts["question"], texts["answer"]], *turns = turns
    for column in (columns.question, columns.answer):
        turn = column.rpartition(".")[0]  # messages.0 of messages.0.content
        if turn and is_of_system(value_of(row, turn)):
            detail = f"{column} is a system turn; set columns: {{messages: {turn[:-2]}}}"
            return Rejection("list", key, "system_turn", detail)
    for part in ("question", "answer", "context", "title", "id", "category", "entry_point"):
        column = getattr(columns, part)
        if part in texts:
            continue
        text = text_in(value_of(row, column)) if column else ""
        if text is None:
            detail = f"{column} is no text{within(value_of(row, column), column)}"
            return Rejection("list", key, "bad_row", detail)
        # placeholders for missing values are no answers, but None may be one
        if part in ("question", "answer") and is_missing(text):
            return Rejection(
                "list", key, f"no_{part}", f"{column} is {text!r}" if text else f"{column} is empty"
            )
        texts[part] = text
    if columns.year and year is None:
        return Rejection("list", key, "no_year", f"{value_of(row, columns.year)!r}"[:100])
    check = _program(value_of(row, columns.check)) if columns.check else ""
    if columns.check and not ((tree := syntax_of(check)) and tree.body):
        return Rejection("list", key, "no_check", f"{columns.check} has no program")
    try:
        score = float(value_of(row, columns.score)) if columns.score else math.nan
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    question = "\n".join(filter(None, (texts["context"], texts["question"])))
    # an id in the table is kept when a pair is corrected
    identity = texts["id"] or fingerprint([question, texts["answer"], *turns])
    text = texts["answer"]
    if source.characters == "ascii":
        question, text = in_ascii(question), in_ascii(text)
        turns = [[*map(in_ascii, turn)] for turn in turns]
    title = " ".join((texts["title"] or texts["question"].split("\n")[0]).split())
    return Document(
        # a DOI or an arXiv number is one id in any spelling
        id=fingerprint([name, arxiv_id(identity) or doi_of(identity) or identity]),
        title=title if texts["title"] else title[:TITLE],
        url=f"{place}#{identity}",
        year=year or 0,
        text=text,
        found_by="listing",
        question=question,
        score=score if math.isfinite(score) else None,
        category=flat(texts["category"]),
        check=check,
        entry_point=texts["entry_point"].strip(),
        turns=turns,
    )


def _program(value: Any) -> str:
    """A program as text, joined if given as a list of lines; empty if it is no text."""
    lines = value if isinstance(value, list) else [value]
    texts = [text_in(line) for line in lines]
    return "\n".join(text for text in texts if text)


def is_value(value: Any, wanted: Any) -> bool:
    """Whether two values are equal, or equal as text: a CSV file has no numbers."""
    return value == wanted or (value is not None and str(value).lower() == str(wanted).lower())


def rows_of_hub(source: OfHub) -> Any:
    """The rows of a data set's split, on disk; raises like :func:`read_hub`."""
    import datasets
    from datasets import exceptions as known
    from huggingface_hub import constants
    from huggingface_hub.errors import RevisionNotFoundError
    from pyarrow import ArrowInvalid

    where = f"{source.dataset} at {source.revision}"
    datasets.disable_progress_bars()
    hub_token(constants.ENDPOINT)  # the library sends it
    log.info("loading %s", where)
    try:
        with stopping.at_once():
            builder = datasets.load_dataset_builder(
                source.dataset, source.config or None, revision=source.revision
            )
            what, hint = _unfit(source, builder)
            if not what:
                builder.download_and_prepare()
                return builder.as_dataset(split=source.split)
    except (known.DatasetNotFoundError, RevisionNotFoundError) as error:
        what = "no such data set or revision on the Hub, or it is private"
        hint = "check the id and the 40 hex digits of the revision; private ones need HF_TOKEN"
        if "gated" in str(error):
            what = "the data set asks for agreement to its terms"
            hint = f"agree on the page of {source.dataset}, then set HF_TOKEN in the environment"
    except (known.DatasetGenerationError, ArrowInvalid) as error:
        what = f"its files cannot be read ({_line(error.__cause__ or error)})"
        hint = "delete the downloads in HF_HOME and try again, or choose another revision"
    except (known.DataFilesNotFoundError, RuntimeError) as error:  # the latter refuses scripts
        what = f"no readable data files ({_line(error)})"
        hint = (
            f"data sets must be {', '.join(FORMATS)} files; many others have a copy as Parquet: "
            "take the commit of the branch refs/convert/parquet as revision"
        )
    except ValueError as error:  # no such configuration; the message names the existing ones
        what = f"cannot be loaded ({_line(error)})"
        hint = "set config and split to what the data set has"
    except OSError as error:
        what = f"the Hub could not be reached ({type(error).__name__})"
        hint = "list documents on a machine with internet; or give the rows as a file"
    raise CollectError(what, where=where, hint=hint)


def _unfit(source: OfHub, builder: Any) -> tuple[str, str]:
    """Why the data set cannot be used (before it is downloaded), and a hint; empty if it can."""
    kind = type(builder).__module__.rpartition(".")[2]
    cached = kind == "cache"  # from an earlier listing, as the Hub cannot be reached
    splits = [str(name) for name in (builder.info.splits if cached else builder.config.data_files)]
    if kind not in FORMATS and not cached:
        return f"its data files are of kind {kind}", f"only {', '.join(FORMATS)} are read"
    if source.split not in splits:
        return f"no split {source.split!r}", f"split is one of {', '.join(splits)}"
    return "", ""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
