import math

import pytest
from pyarrow import parquet

from papertune.errors import RecordError
from papertune.files import from_json
from papertune.identity import digest, share
from papertune.pairfile import read_columns, read_pairs, read_pairs_at, write_pairs
from papertune.records import Document, Pair, Rejection, from_dict, read_records, write_records


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{torn", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (f'{{"id": {"9" * 5000}}}', "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"id": "1"}', "not a Document"),
        ('{"id": "1", "title": "T", "url": "u", "year": "2020"}', "not a Document: year: "),
        ('{"id": "1", "title": "T", "url": "u", "year": 1, "tried": [2]}', "tried.0: "),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path, line, message):
    path = tmp_path / "a" / "d.jsonl"
    written = Document("1" * 16, "Title", "https://x.example/1", 2020, "text")
    assert write_records(path, [written]) == 1
    with path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(RecordError, match=message) as error:
        for record in read_records(path, Document):
            assert record == written
    assert f"{path}:2" in str(error.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"a \ud800", "a \ufffd"),
        (r"\uDC00\uD83D\uDE00\uDBFF", "\ufffd\U0001f600\ufffd"),
        (r"\\ud800", r"\ud800"),
        (r"\\\ud83d", "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_none_in_what_is_read(written, value):
    text = f'{{"{written}": [["{written} é"], 1e999]}}'
    for form in (text, text.encode(), b"\xef\xbb\xbf" + text.encode()):
        assert from_json(form) == {value: [[f"{value} é"], math.inf]}


def test_identity_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_shares_are_evenly_spread_and_stay():
    shares = [share(str(number), "validation") for number in range(2000)]
    assert 0.45 < sum(shares) / len(shares) < 0.55
    assert 0.07 < sum(value < 0.1 for value in shares) / len(shares) < 0.13
    assert share("x", "a") == share("x", "a") != share("x", "b")


def test_pairs_of_an_earlier_version_are_read_with_what_came_since_empty(tmp_path):
    new, old = tmp_path / "new.parquet", tmp_path / "old.parquet"
    pairs = [Pair(f"{n}", "d", 2000, "i", "c", f"q{n}", "a", "g", {"m": n}) for n in range(3)]
    write_pairs(new, pairs)
    parquet.write_table(parquet.read_table(new).drop_columns(["before", "check"]), old)
    assert list(read_pairs(old)) == pairs
    assert list(read_pairs_at(old, [2, 0])) == [pairs[2], pairs[0]]
    assert read_columns(old, "question") == [["q0", "q1", "q2"]]


def test_a_field_of_another_version_is_named_in_words():
    with pytest.raises(RecordError) as error:
        from_dict(Rejection, {"stage": "list", "key": "a", "reason": "b", "newer": 1})
    assert "newer" in str(error.value) and "__init__" not in str(error.value)
