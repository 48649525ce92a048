"""Parquet files of pairs: the splits of a dataset, readable by ``datasets.load_dataset``.

A text shared by many pairs is stored, on disk and in memory, once per row group. Equal pairs give
equal bytes. ``provenance`` is JSON because its keys differ between generators; ``before`` is JSON,
too. Files from earlier versions may lack columns whose texts may be empty.
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
    """Write a file atomically; returns the number of pairs."""
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
    """Split pairs into row groups that memory can hold, however long their texts are."""
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
    """Dictionary-encode texts; pyarrow would first copy all of them."""
    texts: dict[str, int] = {}
    places = [texts.setdefault(value, len(texts)) for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(texts, TEXT))


def read_pairs(path: str | Path) -> Iterator[Pair]:
    """Yield the pairs of a file; RecordError if it is not a file of pairs."""
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            yield from _pairs(file, group)


def read_pairs_at(path: str | Path, rows: Iterable[int]) -> Iterator[Pair]:
    """Yield the pairs in some rows, counted from 0; fast for neighbouring rows."""
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
    """Read whole columns of a file."""
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
            f"not a Parquet file of pairs ({error})",
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
