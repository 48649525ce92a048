"""An experiment's corpus for pre-training a base: its training documents and training pairs."""

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
    """Write lines ``{"text": …, "plain": …}``, each text once.

    ``plain`` serves to find copies: a document without its title, or a question and its answer
    without the prompt. No base reads it.

    Args:
        documents: JSONL files of documents, of which the training documents are taken. Documents
            made from ready-made pairs are covered by the pairs.
        pairs: Parquet files of the training pairs.
        mine: Selects the training documents.
        prompt: The prompt template of the pairs' questions; the answer follows.

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
                "no training document has a text, and there is no training pair",
                where=str(output),
                hint="splits.train must name documents whose texts were found: see missing.jsonl",
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
