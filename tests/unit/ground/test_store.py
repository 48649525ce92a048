import json
import multiprocessing

import pytest

from papertune.answering.kept import Kept
from papertune.collect.lookups import Outcome
from papertune.generators.asking import Raw
from papertune.generators.checking import Judged
from papertune.scores.scoring import Stored
from papertune.store import Store

GOOD = {
    Outcome: {"text": "x", "found_by": "crossref", "reason": "", "tried": ["landing: 404"]},
    Raw: {"document": "d", "text": "x", "cut": False, "error": ""},
    Judged: {"document": "d", "kept": [["q", "a"]], "rejected": [["empty", ""]], "why": ""},
    Kept: {
        "text": "x", "new_tokens": 1, "truncated": False, "reference_nll": 1.5, "reference_tokens": 2,
        "prompt": "whole",
    },
    Stored: ["AACAPw==", 0.0],
}  # fmt: skip
DEEP = "[" * 100_000 + "]" * 100_000


def test_finished_items_are_found_again(tmp_path):
    store = Store(tmp_path, "answer", {"model": 1})
    store.add({"a": {"text": "é"}})
    store.add({"b": [1, 2], "c": "x"})
    for one in (store, Store(tmp_path, "answer", {"model": 1})):
        assert [one.get(key) for key in "abc"] == [{"text": "é"}, [1, 2], "x"]
        assert one.missing(["b", "d", "a", "d"]) == ["d"]
        assert len(one) == 3
    assert "a" not in Store(tmp_path, "answer", {"model": 2})


@pytest.mark.parametrize("torn", [b'{"key": "b", "val', b'{"key": "b", "val\0\0\0\n'])
def test_a_torn_or_corrupt_line_is_ignored_and_its_item_done_again(tmp_path, caplog, torn):
    """As a killed job or a bad disk leaves it."""
    store = Store(tmp_path, "answer", {})
    store.add({"a": 1, "b": 2, "c": 3})
    [file] = store.folder.glob("*.jsonl")
    first, _, last = file.read_bytes().splitlines(keepends=True)
    whole = torn.endswith(b"\n")
    file.write_bytes(first + torn + (last if whole else b""))
    again = Store(tmp_path, "answer", {})
    assert again.missing("abc") == (["b"] if whole else ["b", "c"])
    assert again.get("a") == 1 and f"{file}:2" in caplog.text
    again.add({"b": 4})
    assert Store(tmp_path, "answer", {}).get("b") == 4


@pytest.mark.parametrize("kind", GOOD)
def test_a_poisoned_line_costs_its_item_and_not_the_run(tmp_path, caplog, kind):
    """Whoever wrote it: the other items are there, and what is told is where it stands."""
    good = json.dumps(GOOD[kind])
    names = GOOD[kind] if isinstance(GOOD[kind], dict) else ()
    poison = [
        f'{{"key": "b", "value": {DEEP}}}',
        f'{{"key": "b", "value": {"9" * 5000}}}',
        f'{{"key": 5, "value": {good}}}',
        f'{{"key": null, "value": {good}}}',
        f'{{"key": "b", "value": {good}, "more": 1}}',
        f'[["key", "b"], {good}]',
        *(
            f'{{"key": "b", "value": {json.dumps(v)}}}'
            for v in (None, [], 5, {"more": 1}, "%", "AAA=")
        ),
        *(
            f'{{"key": "b", "value": {json.dumps(GOOD[kind] | {name: value})}}}'
            for name in names
            for value in ({"a": 1}, 10**20 if "token" in name else [[1]])
        ),
    ]
    store = Store(tmp_path, "stage", {}, kind)
    whole = (f'{{"key": "{key}", "value": {good}}}' for key in "ac")
    lines = [next(whole), *poison, next(whole)]
    (store.folder / "poison.jsonl").write_text("\n".join(lines) + "\n")
    again = Store(tmp_path, "stage", {}, kind)
    assert again.missing("abc") == ["b"]
    assert [again.get(key) for key in "ac"] == [GOOD[kind]] * 2
    for number in range(2, len(poison) + 2):
        assert f"poison.jsonl:{number}: unreadable line" in caplog.text, lines[number - 1][:99]
    again.add({"b": GOOD[kind]})
    assert Store(tmp_path, "stage", {}, kind).missing("abc") == []


def _write(root, start):
    store = Store(root, "answer", {})
    for number in range(start, start + 50):
        store.add({str(number): number * number})


def test_many_writers_at_once_lose_nothing(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(tmp_path, start)) for start in (0, 50, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = Store(tmp_path, "answer", {})
    assert [store.get(str(number)) for number in range(150)] == [n * n for n in range(150)]
