"""Pairs in Parquet files: the splits of a dataset, which ``datasets.load_dataset`` reads as well.

A text that many pairs share stands in the file, and in memory, once for each group of rows. Equal
pairs give equal bytes. ``provenance`` is JSON, as its keys differ from generator to generator, and so
is ``before``. A file that an earlier version wrote may lack columns of texts that may be empty.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from papertune.errors import RecordError
from papertune.files import atomic_write
from papertune.records import Pair

ROWS, CHARACTERS = 2048, 2**20  # of a group, at most: one is in memory at once
JSON = ("provenance", "before")
SHARED = ("instruction", "context", "generator", "check", *JSON)  # texts of many pairs
LATER = ("before", "check", "entry_point")  # columns
NAMES = tuple(Pair.__dataclass_fields__)
TEXT, SHARED_TEXT = pa.string(), pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    (name, pa.int32() if name == "year" else SHARED_TEXT if name in SHARED else TEXT)
    for name in NAMES
)


def write_pairs(path: str | Path, pairs: Iterable[Pair]) -> int:
    """Write a file whole or not at all; returns how many pairs."""
    count = 0
    options = {"compression": "zstd", "store_schema": False, "dictionary_pagesize_limit": 2**30}
    with (
        atomic_write(path, binary=True) as stream,
        pq.ParquetWriter(stream, SCHEMA, **options) as file,
    ):
        for group in _groups(pairs):
            columns = {name: [getattr(pair, name) for pair in group] for name in NAMES}
            for name in JSON:
                columns[name] = [json.dumps(value) for value in columns[name]]
            arrays = [(_shared if name in SHARED else pa.array)(columns[name]) for name in NAMES]
            file.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
            count += len(group)
    return count


def _groups(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Runs of pairs that memory can hold, however long their texts are."""
    group: list[Pair] = []
    size, before = 0, None
    for pair in pairs:
        group.append(pair)
        if pair.context is not before:  # those about one document share it
            size, before = size + len(pair.context), pair.context
        if len(group) == ROWS or size > CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _shared(values: list[Any]) -> pa.Array:
    """Each text once; pyarrow would first copy all of them."""
    texts: dict[str, int] = {}
    places = [texts.setdefault(value, len(texts)) for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(texts, TEXT))


def read_pairs(path: str | Path) -> Iterator[Pair]:
    """The pairs of a file, one at a time; RecordError where it is no such file."""
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            yield from _pairs(file, group)


def read_pairs_at(path: str | Path, rows: Iterable[int]) -> Iterator[Pair]:
    """The pairs in some rows, counted from 0; quick where neighbours are asked for together."""
    groups: dict[int, list[Pair]] = {}
    with _opened(path) as file:
        sizes = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        ends = list(accumulate(sizes, initial=0))
        for row in rows:
            group = bisect_right(ends, row) - 1
            if group not in groups:
                groups[group] = list(_pairs(file, group))
            yield groups[group][row - ends[group]]


def read_columns(path: str | Path, *names: str) -> list[list[Any]]:
    """Columns of a file, whole."""
    with _opened(path) as file:
        table = file.read(columns=list(names))
        return [table[name].to_pylist() for name in names]


def _opened(path: str | Path) -> pq.ParquetFile:
    try:
        facts = pq.read_metadata(path)
        shared = [name for name in SHARED if name in facts.schema.names]
        return pq.ParquetFile(path, metadata=facts, read_dictionary=shared)
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise RecordError(
            f"no Parquet file of pairs ({error})",
            where=str(path),
            hint="delete the file and run again; finished work is in the store",
        ) from None


def _pairs(file: pq.ParquetFile, group: int) -> Iterator[Pair]:
    there = [name for name in NAMES if name not in LATER or name in file.schema_arrow.names]
    table = file.read_row_group(group, columns=there).combine_chunks()
    columns = {name: table[name].chunk(0) for name in there}
    lists = {name: column.to_pylist() for name, column in columns.items() if name not in SHARED}
    for name in columns.keys() - lists.keys():
        texts = columns[name].dictionary.to_pylist()
        values = [json.loads(text) for text in texts] if name in JSON else texts
        lists[name] = [values[place] for place in columns[name].indices.to_pylist()]
    rows = zip(*(lists[name] for name in there), strict=True)
    return (Pair(**dict(zip(there, row, strict=True))) for row in rows)
