import multiprocessing

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


def test_a_torn_last_line_is_ignored_and_done_again(tmp_path):
    store = Store(tmp_path, "answer", {})
    store.add({"a": 1, "b": 2})
    [file] = store.folder.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-4])  # as a killed job leaves it
    again = Store(tmp_path, "answer", {})
    assert again.missing(["a", "b"]) == ["b"]
    again.add({"b": 3})
    assert Store(tmp_path, "answer", {}).get("b") == 3


def test_a_corrupt_line_in_the_middle_loses_that_item_only(tmp_path, caplog):
    store = Store(tmp_path, "answer", {})
    store.add({"a": 1, "b": 2, "c": 3})
    [file] = store.folder.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"key": "b", "val\0\0\0\n'
    file.write_bytes(b"".join(lines))
    again = Store(tmp_path, "answer", {})
    assert [again.get("a"), again.get("c")] == [1, 3]
    assert again.missing(["b"]) == ["b"]
    assert f"{file}:2" in caplog.text


def _write(root, start):
    store = Store(root, "answer", {})
    for number in range(start, start + 50):
        store.add({str(number): number * number})


def test_many_writers_at_once_lose_nothing(tmp_path):
    writers = [
        multiprocessing.get_context("spawn").Process(target=_write, args=(tmp_path, start))
        for start in (0, 50, 100)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = Store(tmp_path, "answer", {})
    assert len(store) == 150
    assert all(store.get(str(number)) == number * number for number in range(150))
