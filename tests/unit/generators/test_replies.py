"""What is read from replies of chat completions servers."""

import json

import pytest

from papertune.generators.replies import answer_in, prompt_cut
from papertune.study.settings import Decoding

ENGLISH = "The cache predicts which line is asked for next and saves energy. " * 200
CHINESE = "缓存预测下一次访问的行，从而节省能量。" * 200


def counted(tokens, **details):
    return json.dumps({"usage": {"prompt_tokens": tokens, **details}}).encode()


@pytest.mark.parametrize(
    ("prompt", "tokens"), [(ENGLISH, 1_026), (ENGLISH, 2_048 - 1_000), (CHINESE, 512)]
)
def test_a_prompt_that_was_cut_is_told(prompt, tokens):
    assert "num_ctx" in prompt_cut(counted(tokens), prompt)


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        (ENGLISH, counted(2_600)),
        (ENGLISH, counted(2_300)),
        (CHINESE, counted(1_900)),
        (ENGLISH, counted(0)),
        (ENGLISH, counted(1)),  # of a prompt that was cached, in some servers
        (ENGLISH, counted(300, prompt_tokens_details={"cached_tokens": 2_300})),
        (ENGLISH, counted(None)),
        (ENGLISH, b"{}"),
        (ENGLISH, b'{"usage": null}'),
        ("4 8 15 16 23 42 " * 900, counted(600)),
    ],
)
def test_other_counts_are_no_alarm(prompt, reply):
    assert prompt_cut(reply, prompt) == ""


def test_content_may_be_parts():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "A draft."}]},
        {"type": "reasoning", "text": "A draft."},
        {"type": "text", "text": "It is "},
        {"type": "output_text", "text": "so."},
    ]
    choice = {"message": {"content": parts}, "finish_reason": "stop"}
    assert answer_in(json.dumps({"choices": [choice]}).encode(), Decoding())["text"] == "It is so."


def test_a_refusal_among_the_parts_is_what_was_said():
    parts = [{"type": "refusal", "refusal": "I cannot help with that."}]
    choice = {"message": {"content": parts}, "finish_reason": "stop"}
    said = answer_in(json.dumps({"choices": [choice]}).encode(), Decoding())
    assert said["text"] == "I cannot help with that."


@pytest.mark.parametrize("end", ["abort", "cancelled", "insufficient_system_resource"])
def test_what_a_server_broke_off_is_no_answer(end):
    choice = {"message": {"content": "Q: What is kept?\nA: The lines."}, "finish_reason": end}
    with pytest.raises(ValueError, match="in place of an answer"):
        answer_in(json.dumps({"choices": [choice]}).encode(), Decoding())


def test_a_part_without_a_type_is_text():
    choice = {"message": {"content": [{"text": "It is so."}]}, "finish_reason": "stop"}
    assert answer_in(json.dumps({"choices": [choice]}).encode(), Decoding())["text"] == "It is so."
