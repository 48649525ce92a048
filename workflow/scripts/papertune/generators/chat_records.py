"""Datasets as records of a user and an assistant, in files of a given size, as trainers of others read."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any

from papertune.files import atomic_write
from papertune.models.modelfolder import model_folder
from papertune.pairfile import read_pairs
from papertune.records import Pair
from papertune.study.prompts import answer_prompt

log = logging.getLogger(__name__)


def write_chat_records(
    splits: Sequence[Path], *, output: Path, prompt: str, size: int
) -> dict[str, int]:
    """Write the folder of a dataset's records, ``{split}-00001.jsonl`` and so on, whole or not at all.

    Args:
        splits: The dataset's files.
        output: The folder; what an earlier one had is gone.
        prompt: The template of what a model reads.
        size: Records of a file, at most.

    Returns:
        Split → how many records it has.

    Raises:
        Interrupted: the job was asked to stop meanwhile; nothing is left.
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
    """The messages of a pair: its prompt, filled, and its answer; the conversation before it first.

    Only the first question stands in the prompt: what it says once holds for all.
    """
    turns = [*pair.before, [pair.question, pair.answer]]
    begun = answer_prompt(prompt, replace(pair, question=turns[0][0])).turns
    said = [*((turn.role, turn.text) for turn in begun), ("assistant", turns[0][1])]
    for question, answer in turns[1:]:
        said += [("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": text} for role, text in said]}


def _whole(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs but for those with which another goes on: a conversation is one record."""
    for pair, after in pairwise(chain(pairs, [None])):
        if pair is None:
            return
        said = [*pair.before, [pair.question, pair.answer]]
        if after is None or after.document != pair.document or after.before != said:
            yield pair
