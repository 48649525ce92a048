"""Files of ratings: invalid, foreign and outdated ones are reported and left out."""

import json
import os

import pytest

from papertune.scores.ratings import MOST, read_ratings

TEXTS = [f"{number:016x}" for number in range(6)]
GOOD = {"papertune": "ratings", "experiment": "mine", "rater": "ann"}


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return written


def ratings(**marks):
    return {TEXTS[int(name[1:])]: mark for name, mark in marks.items()}


def test_ratings_of_several_people_are_kept_by_text(write):
    files = [
        write("a.json", GOOD | {"ratings": ratings(t0=5, t1=1)}),
        write("b.json", GOOD | {"rater": "bob", "ratings": ratings(t0=3)}),
        # the same person saved twice, with more
        write("c.json", GOOD | {"ratings": ratings(t0=5, t2=2)}),
    ]
    found, left = read_ratings(files, "mine", TEXTS)
    expected = {TEXTS[0]: {"ann": 5, "bob": 3}, TEXTS[1]: {"ann": 1}, TEXTS[2]: {"ann": 2}}
    assert found == expected and not left


def test_a_rating_of_a_text_that_is_no_more_is_said_and_the_others_count(write):
    gone = "f" * 16
    path = write("a.json", GOOD | {"ratings": ratings(t0=5) | {gone: 1}})
    found, [left] = read_ratings([path], "mine", TEXTS)
    assert found == {TEXTS[0]: {"ann": 5}}
    assert (left.reason, left.key) == ("text_is_gone", str(path)) and "1 of 2" in left.detail


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no_ratings"),
        ("[1, 2", "no_ratings"),
        ("[" * 100_000, "no_ratings"),
        ("[]", "no_ratings"),
        ("7", "no_ratings"),
        ('{"a": ' + "9" * 5000 + "}", "no_ratings"),
        (" " * (MOST + 1), "too_large"),
        (GOOD, "no_ratings"),
        (GOOD | {"ratings": [1]}, "no_ratings"),
        (GOOD | {"ratings": {}, "more": 1}, "no_ratings"),
        (GOOD | {"papertune": "scores", "ratings": {}}, "no_ratings"),
        (GOOD | {"rater": "../ann", "ratings": {}}, "no_ratings"),
        (GOOD | {"rater": ["ann"], "ratings": {}}, "no_ratings"),
        (GOOD | {"rater": "ann\n", "ratings": {}}, "no_ratings"),
        (GOOD | {"ratings": {"x\x1b[2J" * 99: 3}}, "no_ratings"),
        *((GOOD | {"ratings": {TEXTS[0]: mark}}, "no_ratings")
          for mark in (0, 6, -1, 2.5, 3.0, "4", True, None, [3], 10**400)),
        ('{"papertune": "ratings", "experiment": "mine", "rater": "ann", "ratings": '
         f'{{"{TEXTS[0]}": NaN}}}}', "no_ratings"),
        (GOOD | {"experiment": "yours", "ratings": ratings(t0=5)}, "other_experiment"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_these_ratings_is_left_out_in_words_and_holds_up_no_other(
    write, content, reason
):
    bad = write("a.json", content)
    good = write("b.json", GOOD | {"rater": "bob", "ratings": ratings(t0=3)})
    found, [left] = read_ratings([bad, good], "mine", TEXTS)
    assert found == {TEXTS[0]: {"bob": 3}}
    assert (left.stage, left.key, left.reason) == ("rate", str(bad), reason)
    assert 0 < len(left.detail) <= 300 and left.detail.isprintable()


def test_two_files_of_one_person_that_contradict_each_other_do_not_both_count(write):
    first = write("a.json", GOOD | {"ratings": ratings(t0=5, t1=1)})
    second = write("b.json", GOOD | {"ratings": ratings(t0=4, t2=2)})
    found, [left] = read_ratings([second, first], "mine", TEXTS)
    assert found == {TEXTS[0]: {"ann": 5}, TEXTS[1]: {"ann": 1}}
    assert (left.reason, left.key) == ("rated_twice", str(second))


def test_a_link_or_a_file_that_cannot_be_read_is_left_out(write, tmp_path):
    good = write("good.txt", GOOD | {"ratings": ratings(t0=5)})
    (link := tmp_path / "a.json").symlink_to(good)
    os.mkfifo(fifo := tmp_path / "b.json")
    found, left = read_ratings([link, fifo, tmp_path / "gone.json"], "mine", TEXTS)
    assert not found and [one.reason for one in left] == ["unreadable"] * 3
