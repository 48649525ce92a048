"""An experiment's own text for a base to read: its training documents, and pairs that train."""

import json
import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from papertune.errors import TrainingError
from papertune.files import atomic_write
from papertune.pairfile import read_pairs
from papertune.records import Document, read_records
from papertune.sentences import flowed
from papertune.study.prompts import answer_prompt
from papertune.study.splits import SplitOf

log = logging.getLogger(__name__)


def write_corpus(
    *,
    documents: Iterable[Path],
    pairs: Iterable[Path],
    mine: SplitOf,
    prompt: str,
    output: Path,
) -> None:
    """Write ``{"text": …, "plain": …}``, a line for each text, each text once.

    ``plain`` is what tells copies: a document without its title, a question and its answer without the
    prompt around them. No base reads it.

    Args:
        documents: JSONL files of documents, of which those that train are taken. One that was made of
            a ready pair is in its pairs.
        pairs: Parquet files of the pairs that train.
        mine: Which documents train.
        prompt: The template that the pairs' questions are asked with; the answer follows.

    Raises:
        TrainingError: there is no text.
    """
    count = 0
    with atomic_write(output) as stream:
        for text, plain in dict(_texts(documents, pairs, mine, prompt)).items():
            count += 1
            stream.write(json.dumps({"text": text, "plain": plain}, ensure_ascii=False) + "\n")
        if not count:
            raise TrainingError(
                "no training document has a text, and no pair trains",
                where=str(output),
                hint="splits.train has to name documents that were found: see missing.jsonl",
            )
    log.info("%s: %d texts", output, count)


def _texts(
    documents: Iterable[Path], pairs: Iterable[Path], mine: SplitOf, prompt: str
) -> Iterator[tuple[str, str]]:
    for path in documents:
        for document in read_records(path, Document):
            if mine(document) and not document.question and (text := flowed(document.text)):
                yield f"{document.title}\n{text}", text
    for path in pairs:
        for pair in read_pairs(path):
            asked = str(answer_prompt(prompt, pair))
            text = f"{asked}{'' if asked[-1:].isspace() else ' '}{pair.answer}"
            said = *chain.from_iterable(pair.before), pair.question, pair.answer
            yield text, "\n".join(said)
