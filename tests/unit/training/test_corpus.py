"""What a base from scratch reads."""

import pytest

from papertune.errors import RecordError, TrainingError
from papertune.records import Document, write_records
from papertune.study.settings import Corpus
from papertune.training.corpus import Text, read_corpus

TEXT = "We study how caches age. Our method keeps the oldest line in place for a while. It helps."


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "2010.jsonl"
    write_records(path, [Document(id="d1", title="Old Caches", url="u", year=2010, text=TEXT)])
    return [path]


def test_plain_is_the_text_as_it_is_and_none_reads_files_only(documents, tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"text": "one"}\n\n{"prompt": "two", "completion": " three"}\n')
    own = [Text("", "one"), Text("two", " three")]
    theirs = [Text("", f"Title: Old Caches\nAbstract: {TEXT}")]
    for kind, texts in (("plain", own + theirs), ("none", own)):
        assert list(read_corpus(Corpus(documents=kind, files=[str(path)]), documents)) == texts


def test_recall_goes_on_with_a_sentence_that_was_read(documents):
    texts = list(read_corpus(Corpus(documents="recall"), documents))
    assert texts == list(read_corpus(Corpus(documents="recall"), documents)) != []
    for text in texts:
        shown, _, begun = text.prompt.partition("\n")
        assert begun + text.completion in shown


@pytest.mark.parametrize("line", ['{"txt": "x"}', '{"text": 3}', '{"prompt": "x"}', "[1]", "{x"])
def test_a_bad_line_or_a_missing_file_is_named(line, tmp_path):
    path = tmp_path / "own.jsonl"
    corpus = Corpus(documents="none", files=[str(path)])
    with pytest.raises(TrainingError, match="no such file"):
        list(read_corpus(corpus, []))
    path.write_text('{"text": "one"}\n' + line + "\n")
    with pytest.raises(RecordError, match=f"{path}:2"):
        list(read_corpus(corpus, []))
