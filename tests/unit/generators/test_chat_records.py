"""Datasets as files of chats: their number, their completeness, and conversations."""

import json

import pytest

from papertune.generators import chat_records
from papertune.generators.chat_records import chat_of, write_chat_records
from papertune.pairfile import write_pairs
from papertune.records import Pair

PROMPT = "--- system\n$instruction\n--- user\n$context $question"


def pair(number, document="d", before=(), **values):
    about = (f"{number:016x}", document, 2020, "Say $so.", "Text.")
    said = {"question": f"Why {number}?", "answer": f"So {number}.", "generator": "g"} | values
    return Pair(*about, **said, before=[list(one) for one in before])


@pytest.fixture
def written(tmp_path):
    def write(pairs, size=3, split="train"):
        path = tmp_path / "datasets" / f"{split}.parquet"
        write_pairs(path, pairs)
        folder = tmp_path / "records" / "g"
        counts = write_chat_records([path], output=folder, prompt=PROMPT, size=size)
        files = {file.name: file.read_text().splitlines() for file in sorted(folder.iterdir())}
        assert counts == {split: sum(map(len, files.values()))}
        assert [one.name for one in folder.parent.iterdir()] == ["g"]
        return {
            name: [json.loads(line)["messages"] for line in some] for name, some in files.items()
        }

    return write


def test_files_are_of_a_size_in_order_and_none_is_left_of_a_larger_run(written):
    files = written([pair(n, f"d{n}") for n in range(7)])
    assert {name: len(some) for name, some in files.items()} == {
        f"train-0000{n}.jsonl": many for n, many in ((1, 3), (2, 3), (3, 1))
    }
    every = [chat[-1]["content"] for some in files.values() for chat in some]
    assert every == [f"So {n}." for n in range(7)]
    assert list(written([pair(n, f"d{n}") for n in range(2)])) == ["train-00001.jsonl"]
    assert list(written([pair(n, f"d{n}") for n in range(4)], size=4)) == ["train-00001.jsonl"]


def test_where_it_fails_the_files_of_before_stay(written, monkeypatch, tmp_path):
    before = written([pair(1)])
    monkeypatch.setattr(chat_records, "chat_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written([pair(n, f"d{n}") for n in range(9)])
    [file] = (tmp_path / "records" / "g").iterdir()
    assert json.loads(file.read_text())["messages"] == before["train-00001.jsonl"][0]


def test_a_record_is_what_a_model_reads_and_its_answer():
    assert chat_of(PROMPT, pair(1, question="--- user?\u2028 $x")) == {
        "messages": [
            {"role": "system", "content": "Say $so."},
            {"role": "user", "content": "Text. --- user?\u2028 $x"},
            {"role": "assistant", "content": "So 1."},
        ]
    }


def test_a_conversation_is_one_record_with_its_text_once(written):
    first, second = ("Why 1?", "So 1."), ("Why 2?", "So 2.")
    turns = [pair(1), pair(2, before=[first]), pair(3, before=[first, second])]
    # another one begins alike but is about another document, and one goes on otherwise
    files = written([*turns, pair(1, "e"), pair(4, "e", before=[("Which?", "None.")])], size=9)
    said = [[one["content"] for one in chat[1:]] for chat in files["train-00001.jsonl"]]
    assert said == [
        ["Text. Why 1?", "So 1.", "Why 2?", "So 2.", "Why 3?", "So 3."],
        ["Text. Why 1?", "So 1."],
        ["Text. Which?", "None.", "Why 4?", "So 4."],
    ]
    assert all(
        [one["role"] for one in chat[1:]] == ["user", "assistant"] * (len(chat) // 2)
        for chat in files["train-00001.jsonl"]
    )
