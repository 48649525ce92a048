"""Programs of answers are run once, in the sandbox, and inconclusive ones are not counted."""

from dataclasses import replace

import pytest

from papertune.records import Answer, Score, read_records, write_records
from papertune.sandbox import run as sandbox
from papertune.sandbox.run import Outcome, SandboxError
from papertune.scores import programs
from papertune.scores.programs import Outcomes
from papertune.scores.scoring import score_answers
from papertune.study.settings import Programs

ANSWER = Answer(
    "p", "d", 0, "def f(x):\n    '''Twice.'''", "    return 2 * x", "    return x", 0.0, 0, 1, False,
    samples=["    return x", "    return x + x", "    return x"],
    check="def check(f): assert f(2) == 4", entry_point="f",
)  # fmt: skip
SCORED = ["pass@1", "parses"]


@pytest.fixture
def ran(monkeypatch):
    """The programs that were run; each passes that adds up."""
    seen = []

    def run(program, limits, *, allow_unsafe):
        seen.append(program)
        good = "2 * x" in program or "x + x" in program
        return Outcome("passed" if good else "failed", "")

    monkeypatch.setattr(programs, "run", run)
    return seen


def test_each_program_is_run_once(ran, tmp_path):
    for _ in range(2):
        outcomes = Outcomes(Programs(), tmp_path, threads=2)
        outcomes.load([ANSWER, replace(ANSWER, pair="q")])
        assert outcomes.passed(ANSWER) == [False, True, False]
    assert len(ran) == 3  # the reference, and two others


def test_how_programs_ended_is_counted_once_whatever_is_measured_by_it(ran, tmp_path):
    outcomes = Outcomes(Programs(), tmp_path)
    outcomes.load([ANSWER])
    for _ in ("pass@1", "pass@10"):
        outcomes.passed(ANSWER)
    assert outcomes.fates == {"failed": 2, "passed": 1}


def test_a_problem_whose_reference_fails_counts_for_nothing(ran, tmp_path):
    outcomes, odd = Outcomes(Programs(), tmp_path), replace(ANSWER, reference="    return 4")
    outcomes.load([odd])
    assert outcomes.passed(odd) is None and outcomes.unfit == {"p"}


def test_other_limits_are_another_outcome(ran, tmp_path):
    for settings in (Programs(), Programs(seconds=20), Programs(allow_unsafe=True)):
        Outcomes(settings, tmp_path).load([ANSWER])
    assert len(ran) == 2 * 3


def test_answers_without_tests_run_nothing(ran, tmp_path):
    Outcomes(Programs(), tmp_path).load([replace(ANSWER, check="")])
    assert not ran


def test_scores_of_real_runs(tmp_path):
    if sandbox.way() == "none":
        pytest.skip("neither bubblewrap nor unshare keeps programs apart here")
    answers, output = tmp_path / "answers.jsonl", tmp_path / "scores.jsonl"
    leaving = replace(ANSWER, pair="q", samples=["    import sys\n    sys.exit(0)"] * 2)
    write_records(answers, [ANSWER, leaving, replace(ANSWER, pair="r", check="")])
    score_answers(answers, output, SCORED, {}, tmp_path / "store", programs=Programs(), threads=2)
    found = {score.pair: score.values for score in read_records(output, Score)}
    assert found == {
        "p": {"pass@1": pytest.approx(1 / 3), "parses": 1.0},
        "q": {"pass@1": 0.0, "parses": 1.0},
        "r": {"pass@1": None, "parses": None},
    }


def test_a_machine_that_fails_is_no_property_of_a_program(monkeypatch, tmp_path):
    def broken(program, limits, *, allow_unsafe):
        raise SandboxError("nothing begins")

    monkeypatch.setattr(programs, "run", broken)
    outcomes = Outcomes(Programs(), tmp_path)
    with pytest.raises(SandboxError):
        outcomes.load([ANSWER])
    assert not list(tmp_path.glob("run/*/*.jsonl"))
