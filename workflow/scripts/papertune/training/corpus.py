"""What a base from scratch reads: the training documents, and files of one's own."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from papertune.errors import RecordError, TrainingError
from papertune.records import Document, read_json_lines, read_records
from papertune.sentences import sentences
from papertune.study.settings import Corpus


class Text(NamedTuple):
    """A text for pre-training; the loss may count the completion only."""

    prompt: str
    completion: str


def read_corpus(corpus: Corpus, documents: list[Path]) -> Iterator[Text]:
    """The texts of a corpus: those of its files first, then those of JSONL files of documents.

    Raises:
        RecordError: a line without the right keys; names file and line.
        TrainingError: a file is not there.
    """
    for name in corpus.files:
        if not Path(name).is_file():
            raise TrainingError("no such file of pre-training texts", where=name)
        for number, line in read_json_lines(name):
            yield _text(line, where=f"{name}:{number}")
    if corpus.documents == "none":
        return
    for path in documents:
        for document in read_records(path, Document):
            if document.text.strip():
                yield from _texts_of(document, corpus.documents)


def _text(line: dict[str, object], where: str) -> Text:
    if set(line) in ({"text"}, {"prompt", "completion"}):
        match line:
            case {"text": str(text)}:
                return Text("", text)
            case {"prompt": str(prompt), "completion": str(completion)}:
                return Text(prompt, completion)
    raise RecordError(
        f"not 'text' or 'prompt' and 'completion', but {', '.join(sorted(line)) or 'nothing'}",
        where=where,
        hint='write {"text": …} or {"prompt": …, "completion": …}, all of them strings',
    )


def _texts_of(document: Document, how: str) -> Iterator[Text]:
    text = " ".join(document.text.split())
    if how == "plain":
        yield Text("", f"Title: {document.title}\nAbstract: {text}")
        return
    # to go on with a sentence that was read before is the smallest exercise in finding a passage
    rng = random.Random(f"recall/{document.id}")
    long = [words for words in (s.split() for s in sentences(text)) if len(words) >= 6]
    for words in rng.sample(long, min(3, len(long))):
        cut = rng.randint(2, len(words) // 2)
        yield Text(f"Abstract: {text}\n{' '.join(words[:cut])}", " " + " ".join(words[cut:]))
