"""Prompt files: which part of a file is the prompt."""

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study.experiment_file import load_named
from papertune.study.prompts import ANSWER_FIELDS, GENERATOR_FIELDS, WORKFLOW, Prompt, read_template
from snakemake_run import ROOT


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


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("prompt", None, "did you mean 'mine.txt'"),
        ("prompt", "", "$question"),
        ("prompt", "$context", "$question"),
        ("prompt", "$question $topic", "$topic"),
        ("generators.writer.prompt", None, "did you mean 'mine.txt'"),
        ("generators.writer.prompt", " \n", "$text"),
        ("generators.writer.prompt", "$question", "$question"),
        ("test_sets.closed.prompt", None, "did you mean 'mine.txt'"),
        ("test_sets.closed.prompt", "Answer!", "$question"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_told_with_its_key_and_place(
    tmp_path, monkeypatch, key, text, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("mine" if text is None else text)
    values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
    values["generators"]["writer"] = {
        "backend": "openai", "url": "http://127.0.0.1:9/v1", "model": "some",
        "prompt": "workflow/prompts/short.txt",
    }  # fmt: skip
    if key.startswith("test_sets"):
        first = next(iter(values["generators"]))
        values["test_sets"] = {"usual": {"generator": first}}
        values["test_sets"]["closed"] = {"generator": first, "book": "closed"}
    *outer, last = key.split(".")
    inner = values
    for name in outer:
        inner = inner[name]
    inner[last] = "mind.txt" if text is None else "mine.txt"
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    line = next(n for n, said in enumerate(path.read_text().splitlines(), 1) if inner[last] in said)
    with pytest.raises(SettingsError) as error:
        load_named([str(path)], [])
    assert error.value.where.startswith(f"{path}:{line}:"), str(error.value)
    assert key in error.value.what and told in error.value.what and error.value.hint
