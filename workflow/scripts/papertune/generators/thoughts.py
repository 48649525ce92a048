"""Separate a model's thoughts from its answer, by the marks of all model families."""

import re

_NAMES = (
    "think", "thinking", "thoughts", "antthinking", "reasoning", "reflection", "scratchpad",
    "analysis", "inner_monologue",
)  # fmt: skip
_TAG = f"({'|'.join(_NAMES)})>"
# after a backtick, a tag is only mentioned
_START = re.compile(f"(?<!`)<{_TAG}", re.I | re.A)
_ENDS = {tag: re.compile(f"(?<!`)</{tag}>", re.I) for tag in _NAMES}
_LAST_END = re.compile(rf"^.*(?<!`)</{_TAG}", re.S | re.I)

# marks of Mistral, Seed, Kimi, Sky-T1, Command A and Gemma 4
_OTHERS = (
    r"\[THINK\]|<seed:think>|<thought>|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>"
    r"|<\|channel>thought\b|<unused94>(?:thought\b)?"
)
_ENDS_OF = (
    r"\[/THINK\]|</seed:think>|</thought>|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>"
    r"|<unused95>"
)
_STARTS_OF_OTHERS, _ENDS_OF_OTHERS = re.compile(_OTHERS), re.compile(_ENDS_OF)
# channels of gpt-oss: every message has one, and the last message is the answer
_CHANNELS = re.compile(
    r"\s*(?:<\|start\|>\w{0,20})?<\|channel\|>|\s*analysis(?=.*assistantfinal)", re.S
)
_DRAFT = re.compile(r"(?:<\|start\|>\w{0,20})?<\|channel\|>(?:analysis|commentary)\b|\A\s*analysis")
_FINAL = re.compile(r"<\|channel\|>final\b[^<>|]{0,80}(?:<\|message\|>)?|assistantfinal")
# end tokens of turns or texts, which some servers leave in
_STOPS = (
    "<|end|>", "<|return|>", "<|END_RESPONSE|>", "<|end_of_solution|>", "<|im_end|>", "<|eot_id|>",
    "<|endoftext|>", "<|end_of_text|>", "<|END_OF_TURN_TOKEN|>", "<end_of_turn>", "<turn|>",
    "</s>", "<eos>", "<|eot|>", "<|eom_id|>",
)  # fmt: skip
_STOP_INSIDE = re.compile(
    r"(?:(?<=[^\s`\"'“(])|(?<=\n))(?:<\|(?:im_end|eot_id|eot|endoftext|end_of_text|user)\|>|<end_of_turn>"
    r"|\[INST\])"
)

# a string of JSON: marks in it are only mentioned
_STRING = re.compile(r'([\[{,:]\s*+")([^"\\]*+(?:\\.[^"\\]*+)*+)(?="\s*+[,:\]}])', re.S)
_MARK = re.compile(
    f"</?{_TAG}|{_OTHERS}|{_ENDS_OF}"
    r"|<\|(?:channel|start|end|im_end|eot_id|endoftext|user)\|>|<end_of_turn>|\[INST\]",
    re.I,
)

NOTHING_AFTER = "the answer was all thought, and nothing was written after it"


def without_thoughts(text: str) -> tuple[str, bool]:
    """The answer in a text, and whether the text is only an unfinished thought.

    For an unfinished thought, the text of the thought is returned. Takes linear time.
    """
    # the opening tag of a thought is often part of the prompt
    text = _LAST_END.sub("", _without_whole(_with_one_mark(_STRING.sub(_shielded, text))))
    if start := _START.search(text):
        if not text[: start.start()].strip():
            return text[start.end() :], True
        text = text[: start.start()]
    if stop := _STOP_INSIDE.search(text):
        text = text[: stop.start()]
    text = text.rstrip()
    while text.endswith(_STOPS):
        text = text[: text.rindex("<")].rstrip()
    return text, False


def _shielded(string: re.Match[str]) -> str:
    """A string of JSON with its marks escaped; a string that begins with a thought is unchanged."""
    said = string[2]
    if (
        (first := _MARK.match(said))
        and len(_MARK.findall(said)) > 1
        and said[first.end() :].strip()
    ):
        return string[0]
    return string[1] + _MARK.sub(lambda mark: f"\\u{ord(mark[0][0]):04x}{mark[0][1:]}", said)


def _with_one_mark(text: str) -> str:
    """The text with the marks of all families written as ``<think>`` and ``</think>``."""
    if _CHANNELS.match(text) or "<|channel|>final" in text:  # the first may be part of the prompt
        text = _FINAL.sub("</think>", _DRAFT.sub("<think>", text))
    return _ENDS_OF_OTHERS.sub("</think>", _STARTS_OF_OTHERS.sub("<think>", text))


def _without_whole(text: str) -> str:
    """The text without thoughts that have both tags."""
    parts, position = [], 0
    endless: set[str] = set()  # tags without a further end tag
    for start in _START.finditer(text):
        tag = start[1].lower()
        if start.start() < position or tag in endless:
            continue
        if end := _ENDS[tag].search(text, start.end()):
            parts.append(text[position : start.start()])
            position = end.end()
        else:
            endless.add(tag)
    return "".join([*parts, text[position:]])


def used_up(max_new_tokens: int) -> str:
    """The error for thoughts that left no tokens for an answer."""
    return f"the answer was all thought, which used up max_new_tokens ({max_new_tokens}): set more"


def is_all_thought(text: str) -> bool:
    """Whether a text has no answer after its thoughts."""
    answer, unfinished = without_thoughts(text)
    return unfinished or not answer.strip()
