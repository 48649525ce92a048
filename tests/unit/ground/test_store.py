import multiprocessing

import pytest

from papertune.store import Store


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
