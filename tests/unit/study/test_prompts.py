"""Prompt files: what of a file is the prompt."""

import pytest

from papertune.errors import SettingsError
from papertune.study.prompts import ANSWER_FIELDS, GENERATOR_FIELDS, WORKFLOW, Prompt, read_template


@pytest.mark.parametrize("fields", [ANSWER_FIELDS, GENERATOR_FIELDS])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"Answer:", "Answer:"),
        (b"Answer:\n", "Answer:\n"),
        (b"Answer:\n\n \t", "Answer:\n\n \t"),
        (b"Answer: ", "Answer: "),
        (b"\xef\xbb\xbfAnswer:\r\n\r\n", "Answer:\n\n"),
        (b"\n Answer:\r", "\n Answer:\n"),
        ("Antwort\u00a0:\u3000".encode(), "Antwort\u00a0:\u3000"),
        (b"", ""),
    ],
)
def test_a_prompt_is_its_file_to_the_last_blank(tmp_path, fields, written, read):
    (tmp_path / "prompt.txt").write_bytes(written)
    assert read_template(tmp_path / "prompt.txt", fields) == read


def test_a_prompt_in_another_encoding_is_an_error_for_people(tmp_path):
    (tmp_path / "prompt.txt").write_bytes("Frage für: $question".encode("latin-1"))
    with pytest.raises(SettingsError, match="not UTF-8") as caught:
        read_template(tmp_path / "prompt.txt", ANSWER_FIELDS)
    assert "prompt.txt" in caught.value.where


def test_the_prompts_that_come_along_end_with_their_last_word():
    files = sorted((WORKFLOW / "workflow/prompts").glob("*.txt"))
    assert len(files) == 8
    for path in files:
        text = path.read_text("utf-8")
        assert text == text.rstrip() and text, path.name


@pytest.mark.parametrize(("name", "more"), [("abstracts", ""), ("abstracts_say", " say about")])
def test_the_prompts_of_small_writers_show_examples_and_begin_the_question(name, more):
    template = read_template(f"config/prompts/{name}.txt", GENERATOR_FIELDS)
    prompt = Prompt(template, {"title": "$sentence", "sentence": "--- user"})
    roles = [turn.role for turn in prompt.turns]
    assert (
        roles == ["user", "assistant"] * 5
        and prompt.begun == f"Question: What does the paper{more}"
    )
    examples = [turn.text for turn in prompt.turns[1:-1:2]]
    assert all(one.startswith(prompt.begun) and one.endswith("?") for one in examples)
