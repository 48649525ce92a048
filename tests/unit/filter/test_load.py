"""A saved filter: used from Python and from the command line, and refused if it is broken."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

import papertune
from papertune.errors import RecordError
from papertune.files import file_digest
from papertune.filter.load import Filter

VOCABULARY = ["branch", "branch predictor", "capital", "predictor"]
# one of the two members does not know the last term
IDF = np.array([[1.0, 2.0, 1.0, 1.5], [1.0, 2.0, 1.0, 0.0]])
WEIGHTS = np.array([[1.0, 2.0, -3.0, 1.0], [1.0, 2.0, -3.0, 0.0]])


@pytest.fixture
def folder(tmp_path):
    bias = np.array([-0.5, 0.5])
    Filter(VOCABULARY, IDF, WEIGHTS, bias, 0.6, {"settings": {}}).save(tmp_path)
    return tmp_path


def test_a_score_is_the_logistic_function_of_what_the_members_say(folder):
    kept = Filter.load(folder)
    # "branch predictor": TF-IDF (1, 2, 1.5) and (1, 2)
    odds = [
        (1 * 1 + 2 * 2 + 1.5 * 1) / np.sqrt(1 + 4 + 2.25) - 0.5,
        (1 * 1 + 2 * 2) / np.sqrt(5) + 0.5,
    ]
    [score, nothing] = kept.scores(["Branch predictor?", "unknown"])
    assert score == pytest.approx(1 / (1 + np.exp(-np.mean(odds)))) and nothing == 0
    assert kept.related(["branch predictor", "capital", ""]) == [True, False, False]


def changed(folder, **more):
    about = json.loads((folder / "filter.json").read_text())
    (folder / "filter.json").write_text(json.dumps(about | more))


def numbers(folder, **more):
    path = folder / "filter.safetensors"
    path.write_bytes(save(load(path.read_bytes()) | more))
    changed(folder, numbers=file_digest(path))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "filter.json").unlink(), "filter"),
        (lambda folder: (folder / "filter.json").write_text("{"), "filter"),
        (lambda folder: (folder / "filter.json").write_text("[]"), "filter.json"),
        (lambda folder: (folder / "filter.safetensors").write_bytes(b"\xff" * 90), "filter"),
        (lambda folder: (folder / "filter.safetensors").unlink(), "filter"),
        (lambda folder: changed(folder, version=0), "version"),
        (lambda folder: changed(folder, threshold="0.5"), "threshold"),
        (lambda folder: changed(folder, threshold=float("nan")), "threshold"),
        (lambda folder: changed(folder, vocabulary=VOCABULARY[1:]), "idf"),
        (lambda folder: changed(folder, vocabulary=["branch"] * 4), "vocabulary"),
        (lambda folder: changed(folder, vocabulary="four"), "vocabulary"),
        (lambda folder: changed(folder, numbers="0" * 64), "filter.safetensors"),
        (lambda folder: numbers(folder, weights=WEIGHTS[:, 1:].copy()), "weights"),
        (lambda folder: numbers(folder, weights=WEIGHTS * np.nan), "weights"),
        (lambda folder: numbers(folder, bias=np.zeros(0)), "idf"),
        (lambda folder: numbers(folder, bias=np.array(1.0)), "idf"),
        (lambda folder: numbers(folder, idf=IDF.astype(np.float32)), "idf"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_refused(folder, spoil, said):
    spoil(folder)
    with pytest.raises(RecordError) as error:
        Filter.load(folder)
    assert said in error.value.what and error.value.hint


def asked(folder, *questions, given=b""):
    command = [sys.executable, "-m", "papertune.filter", folder, *questions]
    where = {"PYTHONPATH": str(Path(papertune.__file__).parents[1]), "PATH": ""}
    return subprocess.run(command, input=given, capture_output=True, env=where)


def test_the_command_line_answers_in_json_a_line_each(folder):
    run = asked(folder, "The branch predictor?", "The capital?")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [one["related"] for one in lines] == [True, False]
    assert [one["question"] for one in lines] == ["The branch predictor?", "The capital?"]
    [score] = Filter.load(folder).scores(["The capital?"])
    assert lines[1]["score"] == pytest.approx(score, abs=1e-6)


def test_lines_of_standard_input_are_questions_whatever_they_hold(folder):
    given = "branch predictor\n\n \x1b]0;title\x07\u202e\nWie \U0001f600?\n".encode() + b"\xff?\n"
    run = asked(folder, given=given)
    assert not run.returncode and not run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(lines) == 4 and [one["related"] for one in lines] == [True, False, False, False]
    assert b"\x1b" not in run.stdout and run.stdout.isascii()


def test_a_folder_without_a_filter_is_an_error_in_words(tmp_path):
    run = asked(tmp_path, "a")
    assert run.returncode == 1 and b"Traceback" not in run.stderr
    assert str(tmp_path).encode() in run.stderr
