"""Datasets as chat records (user and assistant), in files of a given size, for other trainers."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any

from papertune.files import atomic_write
from papertune.models.modelfolder import model_folder
from papertune.pairfile import read_pairs
from papertune.records import Pair
from papertune.study.prompts import answer_prompt
from papertune.study.turns import Turn

log = logging.getLogger(__name__)


def write_chat_records(
    splits: Sequence[Path], *, output: Path, prompt: str, size: int
) -> dict[str, int]:
    """Write the folder of a dataset's records, ``{split}-00001.jsonl`` and so on, whole or not at all.

    Args:
        splits: The dataset's files.
        output: The folder; an earlier one is replaced.
        prompt: The template of the prompt.
        size: Most records per file.

    Returns:
        Split → number of its records.

    Raises:
        Interrupted: the job was asked to stop; nothing is left.
    """
    counts = Counter[str]()
    with model_folder(output) as folder:
        for path in splits:
            numbered = enumerate(_whole(read_pairs(path)))
            for number, some in groupby(numbered, key=lambda one: one[0] // size + 1):
                with atomic_write(folder / f"{path.stem}-{number:05}.jsonl") as stream:
                    for _, pair in some:
                        stream.write(json.dumps(chat_of(prompt, pair), ensure_ascii=False) + "\n")
                        counts[path.stem] += 1
    log.info("%s: %s", output, ", ".join(f"{n} of {split}" for split, n in counts.items()))
    return dict(counts)


def chat_of(prompt: str, pair: Pair) -> dict[str, Any]:
    """The messages of a pair: its filled prompt with the earlier conversation, and its answer."""
    said = [*answer_prompt(prompt, pair).turns, Turn("assistant", pair.answer)]
    return {"messages": [{"role": turn.role, "content": turn.text} for turn in said]}


def _whole(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs without those that a later pair continues, so that a conversation is one record."""
    for pair, after in pairwise(chain(pairs, [None])):
        if pair is None:
            return
        said = [*pair.before, [pair.question, pair.answer]]
        if after is None or after.document != pair.document or after.before != said:
            yield pair
