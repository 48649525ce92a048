"""The card of a dataset: the pairs of one generator, split by split, in a folder to load."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from papertune.pairfile import read_columns
from papertune.records import atomic_write

CARD = """---
pretty_name: {quoted}
task_categories:
- question-answering
language:
- en
size_categories:
- {size}
configs:
- config_name: default
  data_files:
{files}
---

# {title}

Question–answer pairs about the documents of the experiment, written by one generator and split
by the year of the document: no document is in two splits.

| split | pairs | documents | years |
| --- | --- | --- | --- |
{rows}

Fields: `instruction`, `context` (the document's text), `question`, `answer` (the reference),
`document` (its id), `year`, `generator`, and `provenance`, as JSON: backend, model, revision,
prompt (hash) and decoding that made the pair, and the document's score where its source has one.

```python
from datasets import load_dataset

dataset = load_dataset("path/of/this/folder")
```

## Generator

```json
{generator}
```

The texts belong to their authors and publishers; check their licence before you pass this folder
on. Pairs written by a language model may be wrong.
"""


def describe_dataset(
    *, splits: Sequence[Path], output: Path, title: str, name: str, generator: Mapping[str, Any]
) -> None:
    """Write the card (README.md) that tells people and ``datasets.load_dataset`` what is here.

    ``splits`` are the files of its folder; ``name`` stands in for a title that is empty.
    """
    rows, files, total = [], [], 0
    for path in sorted(splits):
        documents, years = read_columns(path, "document", "year")
        total += len(years)
        span = f"{min(years)}–{max(years)}"
        rows.append(f"| {path.stem} | {len(years)} | {len(set(documents))} | {span} |")
        files.append(f"  - split: {path.stem}\n    path: {path.name}")
    limits = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")]
    size = next((word for limit, word in limits if total < limit), "100K<n<1M")
    card = CARD.format(
        title=title or name,
        quoted=json.dumps(title or name, ensure_ascii=False),  # JSON strings are YAML
        size=size,
        files="\n".join(files),
        rows="\n".join(rows),
        generator=json.dumps(generator, indent=2, ensure_ascii=False),
    )
    with atomic_write(output) as stream:
        stream.write(card)
