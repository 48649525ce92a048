"""Probes become pairs: given ones, and those picked by hash, which stay when others are added."""

from dataclasses import replace

import pytest

from papertune.answering.probes import gather_probes, read_probes
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Pair, pair_id
from papertune.study.settings import Probe

GIVEN = Probe(prompt="What is Tern?", reference="A cache", context="Tern is a cache.")


def pair(number: int, **more) -> Pair:
    question = f"Which is number {number}?"
    about = (f"{number:016x}", 2020, "Answer", f"It is {number}.", question, str(number), "rules")
    return replace(Pair(pair_id(about[0], question, str(number)), *about), **more)


@pytest.fixture
def gather(tmp_path):
    def gathered(probes, pairs=()):
        write_pairs(tmp_path / "train.parquet", pairs)
        picked = {name: tmp_path / "train.parquet" for name, one in probes.items() if one.pick}
        output = tmp_path / "probes.parquet"
        gather_probes(probes, instruction="Answer", picked=picked, output=output)
        return list(read_pairs(output)), read_probes({"probes": output})

    return gathered


def test_given_and_picked_ones_are_pairs_that_say_which_probe_they_are(gather):
    probes = {"mine": GIVEN, "known": Probe(**{"from": "train"}, pick=2)}
    pairs, asked = gather(probes, map(pair, range(9)))
    assert [asked[one.id].probe for one in pairs] == ["mine", "known", "known"]
    assert [asked[one.id].origin for one in pairs] == ["own", "train", "train"]
    mine, *known = pairs
    said = (mine.instruction, mine.context, mine.question, mine.answer)
    assert said == ("Answer", GIVEN.context, GIVEN.prompt, GIVEN.reference)
    assert all(one.context == f"It is {one.answer}." for one in known)


def test_picked_ones_stay_when_pairs_are_added_or_come_in_another_order(gather):
    picked = {"known": Probe(**{"from": "train"}, pick=3)}
    first = {one.id for one in gather(picked, map(pair, range(40)))[0]}
    assert first == {one.id for one in gather(picked, map(pair, reversed(range(40))))[0]}
    assert len(first & {one.id for one in gather(picked, map(pair, range(41)))[0]}) >= 2


def test_a_later_turn_of_a_conversation_is_not_picked(gather):
    turns = [pair(n, before=[["What?", "That."]] * (n > 0)) for n in range(5)]
    pairs, _ = gather({"known": Probe(**{"from": "train"}, pick=3)}, turns)
    assert [one.id for one in pairs] == [turns[0].id]


def test_a_text_is_rated_as_an_answer_to_its_question(gather):
    other = GIVEN.model_copy(update={"context": "Tern is a bird."})
    _, asked = gather({"mine": GIVEN, "other": other})
    one, another = asked.values()
    assert one.text_id("A cache") == one.text_id("A cache") != one.text_id("a cache")
    assert one.text_id("A cache") != another.text_id("A cache")
