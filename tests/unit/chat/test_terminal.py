"""The chat through a pipe, as a script uses it."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

import papertune
from chat_study import HOSTILE
from papertune.chat.conversation import Conversation
from papertune.chat.terminal import Terminal, lines_of

LIBRARY = Path(papertune.__file__).parents[1]


@pytest.fixture
def said(choices):
    """What stands on the terminal after some lines, without the commands at its beginning."""
    there = choices()

    def run(*lines: str) -> str:
        given = StringIO("".join(f"{line}\n" for line in lines))
        terminal = Terminal(there, Conversation(there, "full", 1), out := StringIO())
        terminal.run(lines_of(given))
        return out.getvalue().partition("about no document\n")[2]

    return run


def test_both_answer_and_commands_choose_what_is_asked(said):
    told = said("What is cache 3?", "/base", "What is cache 4?", "/quit", "What is cache 5?")
    assert told.count(f"all weights, seed 1: {HOSTILE}") == 1 and told.count("the base: ") == 1
    assert told.count("The filter lets") == 2
    listed = said("/document e", "/document 3", "/none", "/seed 2", "/model lora", "/again").split(
        "\n"
    )
    assert [line.strip()[:5] for line in listed[:3]] == ["1 The", "2 Cac", "3 Ene"]
    assert listed[4:9] == [
        "all weights, seed 1, beside the base; about Energy (2012)",
        "all weights, seed 1, beside the base; about no document",
        "all weights, seed 2, beside the base; about no document",
        *["adapters, seed 1, beside the base; about no document"] * 2,
    ]


def test_what_was_read_can_be_seen(said):
    read = said("/document tern", "What is it?", "/read").partition("the base read:\n")[2]
    assert "Abstract: Cache 2010 is grey. The <b>tern</b> predicts is about it." in read
    assert read.count("Question: What is it?\nAnswer:") == 2


def test_a_wrong_command_is_told_and_the_conversation_goes_on(said):
    told = said("/sed 2", "/seed 7", "/seed x", "/model ful", "/document nowhere", "/help")
    assert "no command /sed (did you mean 'seed'?)" in told
    assert told.count("What to do: finished are 1, 2") == 2
    assert "did you mean 'full'" in told and "no title has these words" in told
    assert told.rstrip().endswith("all weights, seed 1, beside the base; about no document")


def test_nothing_that_a_terminal_obeys_comes_from_a_model(said):
    assert not [one for one in said("What is cache 3?", "?") if ord(one) < 32 and one != "\n"]


def test_on_a_terminal_each_answer_grows_and_stands_there_once(choices):
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    there = choices()
    terminal = Terminal(there, Conversation(there, "full", 1), out := Screen())
    pieces, write = [], out.write
    out.write = lambda text: pieces.append(text) or write(text)
    terminal.run(lines_of(StringIO("What is cache 3?\n")))
    assert out.getvalue().count(f"all weights, seed 1: {HOSTILE}\n") == 1
    assert out.getvalue().count("\nthe base: ") == 1
    assert len(pieces) - pieces.index("\nall weights, seed 1: ") > 10


def chat(
    folder: Path, *arguments: str, lines: str = "", first: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "papertune.chat", *arguments], cwd=folder, input=lines, text=True,
        env={"PYTHONPATH": f"{first}:{LIBRARY}", "OMP_NUM_THREADS": "1", "PATH": ""}, capture_output=True,
    )  # fmt: skip


def test_the_command_talks_through_a_pipe(folder):
    done = chat(folder, "talk", "--terminal", "--model", "full", "--seed", "2", lines="Cache 3?\n")
    assert done.returncode == 0 and "all weights, seed 2, beside the base" in done.stdout
    assert "all weights, seed 2: " in done.stdout and "loading the base" in done.stderr


def test_without_gradio_it_is_said_what_installs_it(folder, tmp_path):
    (tmp_path / "gradio.py").write_text("raise ImportError('gradio')")
    done = chat(folder, "talk", first=str(tmp_path))
    assert done.returncode == 1 and "make chat: gradio is not installed" in done.stderr
    assert "TERMINAL=1" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which experiment?"),
        (["tal"], "did you mean 'talk'?"),
        (["isca"], "make them: snakemake --config experiments=isca"),
        (["talk", "--model", "fulll"], "did you mean 'full'?"),
    ],
    ids=["none", "unknown", "unfinished", "model"],
)
def test_what_cannot_be_asked_is_told_before_anything_is_loaded(folder, arguments, said):
    done = chat(folder, *arguments)
    assert done.returncode == 1 and said in done.stderr and "What to do: " in done.stderr
    assert "loading" not in done.stderr and "Traceback" not in done.stderr
