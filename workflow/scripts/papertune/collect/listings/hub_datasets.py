"""Ready-made pairs in data sets of the Hugging Face Hub, at a pinned revision.

Read from data files alone, by ``datasets``: it runs no code of a repository. What has been
downloaded stays in ``HF_HOME``; a listing of the same revision then needs no network.
"""

import logging
from collections.abc import Iterator
from typing import Any

from papertune.collect.listings.by_year import Located
from papertune.collect.listings.table_pairs import Table
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.study.settings.qa import HubDatasetSource

log = logging.getLogger("papertune")

FORMATS = ("parquet", "json", "csv")
PLACE = "https://huggingface.co/datasets"


def read(source: HubDatasetSource, year: int) -> Iterator[Located]:
    """The pairs of a split, in its order; its rows are on disk, not in memory.

    Raises:
        CollectError: the Hub cannot be reached, or there is no such data set, revision,
            configuration, split or column, or it has no data files that can be read.
    """
    parts = filter(None, (source.dataset, "viewer", source.config, source.split))
    table = Table(
        source,
        place="/".join((PLACE, *parts)),
        name="/".join(filter(None, ("hub", source.dataset, source.config, source.split))),
    )
    yield from table.pairs(enumerate(map(dict, _loaded(source)), start=1))


def _loaded(source: HubDatasetSource) -> Any:
    import datasets
    from datasets.exceptions import (
        DataFilesNotFoundError,
        DatasetGenerationError,
        DatasetNotFoundError,
    )
    from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError
    from pyarrow import ArrowInvalid

    where = f"{source.dataset} at {source.revision}"
    datasets.disable_progress_bars()
    log.info("loading %s", where)
    try:
        with stopping.at_once():
            builder = datasets.load_dataset_builder(
                source.dataset, source.config or None, revision=source.revision
            )
            _check(source, builder, where)
            builder.download_and_prepare()
            return builder.as_dataset(split=source.split)
    except CollectError:
        raise
    except DatasetNotFoundError as error:
        what = "no such data set or revision on the Hub, or it is private"
        hint = "check the id and the 40 hex digits of the revision; private ones need HF_TOKEN"
        if "gated" in str(error):
            what = "the data set asks for agreement to its terms"
            hint = f"agree on the page of {source.dataset}, then set HF_TOKEN in the environment"
    except RevisionNotFoundError:
        what, hint = "no such revision of the data set", "check the 40 hex digits"
    except (DatasetGenerationError, ArrowInvalid) as error:
        what = f"its files cannot be read ({_line(error.__cause__ or error)})"
        hint = "download them again (HF_HOME has what came), or choose another revision"
    except (DataFilesNotFoundError, RuntimeError) as error:  # the latter refuses scripts
        what = f"no data files that can be read ({_line(error)})"
        hint = (
            f"data sets must be {', '.join(FORMATS)} files; many others have a copy as Parquet: "
            "take the commit of the branch refs/convert/parquet as source.revision"
        )
    except ValueError as error:  # no such configuration; the message names those that are
        what = f"cannot be loaded ({_line(error)})"
        hint = "set source.config and source.split to what the data set has"
    except (HfHubHTTPError, OSError) as error:
        what = f"the Hub could not be reached ({type(error).__name__})"
        hint = (
            "list documents on a machine with internet; or give the rows as a local file "
            "(source kind: pairs)"
        )
    raise CollectError(what, where=where, hint=hint)


def _check(source: HubDatasetSource, builder: Any, where: str) -> None:
    """Raise where nothing should be downloaded."""
    kind = type(builder).__module__.rpartition(".")[2]
    cached = kind == "cache"  # of an earlier listing, as the Hub cannot be reached
    splits = [str(name) for name in (builder.info.splits if cached else builder.config.data_files)]
    if kind not in FORMATS and not cached:
        what, hint = f"its data files are of kind {kind}", f"only {', '.join(FORMATS)} are read"
    elif source.split not in splits:
        what, hint = f"no split {source.split!r}", f"source.split is one of {', '.join(splits)}"
    else:
        return
    raise CollectError(what, where=where, hint=hint)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
