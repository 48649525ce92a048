"""Ask conversations turn by turn: each question follows the model's own earlier answers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from papertune.jobs.scratch import scratch
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Answer, Pair, read_records, write_records

# a conversation so far: its document and its questions
Sofar = tuple[str, tuple[str, ...]]


def deepest(test_set: Path) -> int:
    """The number of turns before the last of the longest conversation; 0 without conversations."""
    return max((len(pair.before) for pair in read_pairs(test_set)), default=0)


def answer_by_turns(test_set: Path, output: Path, answer: Callable[[Path, Path, int], int]) -> int:
    """Answer a test set that has conversations; returns how many questions the model was asked.

    All first turns are asked together, then all second ones, and so on. If an earlier turn is not
    in the test set, its reference answer is used instead.

    Args:
        output: File of answers, in the order of the test set.
        answer: Answers a file of pairs (one turn) into another file; returns how many it asked.
    """
    own: dict[Sofar, str] = {}
    asked = 0
    with scratch("turns") as folder:
        files = []
        for turn in range(deepest(test_set) + 1):
            here = (pair for pair in read_pairs(test_set) if len(pair.before) == turn)
            part, answers = folder / f"{turn}.parquet", folder / f"{turn}.jsonl"
            if write_pairs(part, (_after_own(pair, own) for pair in here)):
                asked += answer(part, answers, turn)
            else:
                write_records(answers, [])
            for pair, one in zip(read_pairs(part), read_records(answers, Answer), strict=True):
                own[_so_far(pair, turn)] = one.text
            files.append(answers)
        write_records(output, _in_order(test_set, files))
    return asked


def _so_far(pair: Pair, turns: int) -> Sofar:
    """The conversation up to and including question number ``turns``, from 0."""
    questions = [*(question for question, _ in pair.before), pair.question]
    return pair.document, tuple(questions[: turns + 1])


def _after_own(pair: Pair, own: dict[Sofar, str]) -> Pair:
    """A pair with the model's own answers in its earlier turns."""
    said = [
        [question, own.get(_so_far(pair, turn), reference)]
        for turn, (question, reference) in enumerate(pair.before)
    ]
    return replace(pair, before=said)


def _in_order(test_set: Path, files: list[Path]) -> Iterator[Answer]:
    answers = [read_records(path, Answer) for path in files]
    return (next(answers[len(pair.before)]) for pair in read_pairs(test_set))
