"""Metrics of form: an answer's length, its end, and its exact words and numbers."""

import math
import re
from dataclasses import replace
from itertools import accumulate

import numpy as np
import regex

from papertune.metrics.metric import METRICS, Embeddings, Metric, Parts, metric, metric_named
from papertune.metrics.normal import normal
from papertune.metrics.quantities import same_numbers
from papertune.records import Answer
from papertune.sentences import SPACELESS, sentences

IN_FORM = "_in_form"
LENGTH, CONTAINS, NUMBERS = "length_ratio", "contains_reference", "numbers_right"

# a character of a script without spaces between words, or a word, or a number with its point
_TOKEN = regex.compile(
    rf"[{SPACELESS}]\p{{M}}*+|(?:(?![{SPACELESS}])[\w\p{{M}}])++(?:[.,]\d++)*+", regex.V1
)
_AFTER = re.compile(r"[^\w\s(\[{“‘«]*")  # signs that belong to the token before: % and full stops
_LINE = re.compile(r"\S[^\n]*")


@metric("Cut at the limit", higher_is_better=False, of_text=False, needs_reference=False)
def cut_at_limit(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of answers that were cut at the token limit (answering.max_new_tokens): the model had
    not ended them. An answer whose end token is the last that fits is not cut.
    """
    return (float(answer.truncated),)


def _ratio(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


@metric(
    "Length",
    parts=("answer", "reference"),
    combine=_ratio,
    unit="1 is that of the references",
    bounds=(0.0, math.inf),
    higher_is_better=None,
    digits=2,
    of_text=False,
)
def length_ratio(answer: Answer, _: Embeddings | None) -> Parts:
    """Length of the answers relative to the references: all tokens of the answers divided by all
    tokens of the references, so that short references do not outweigh long ones. A token is a word
    or number, in scripts without spaces a character. Neither more nor less is better.
    """
    return (float(len(tokens(answer.text))), float(len(tokens(answer.reference))))


@metric("Reference contained")
def contains_reference(answer: Answer, _: Embeddings | None) -> Parts | None:
    """Share of answers that contain the reference, whatever else they say: all its words and
    numbers in sequence, whole ("5" is not in "15"), normalized as for exact match. Not defined if
    the reference has neither words nor numbers.
    """
    said, wanted = normal((answer.text, answer.reference))
    if not any(map(str.isalnum, "".join(wanted))):
        return None
    return (float(f" {' '.join(wanted)} " in f" {' '.join(said)} "),)


@metric("Numbers right")
def numbers_right(answer: Answer, _: Embeddings | None) -> Parts | None:
    """Share of answers that give every number of the reference with its unit, except those stated
    in the question, whatever else they say; only for questions whose reference has a number in
    digits (not one within a name, such as GPT-4). 5 % is 0.05 and 5 ms is 0.005 s, but not 5 s;
    1,234 is 1234. Both ends of a range count; a date, a size (4 x 4) and a part (5 of 10) count as
    a whole. A number with no unit, or an unknown one, in the reference may have any unit but per
    cent in the answer.
    """
    right = same_numbers(answer.reference, answer.text, answer.question)
    return None if right is None else (float(right),)


WELL_FORMED = ("parses", "signature", "only_code")  # of programs: papertune.metrics.programs
COMPANIONS = ("cut_at_limit", LENGTH, CONTAINS, NUMBERS)


def in_form_name(name: str) -> str | None:
    """The name of a metric's version "in form", None if it has none."""
    own, at, embedder = name.partition("@")
    inside = f"{own}{IN_FORM}"
    return f"{inside}{at}{embedder}" if inside in METRICS else None


def companions(name: str) -> list[str]:
    """The comparison's metric, and the metrics that are always shown beside it."""
    inside = in_form_name(name)
    form = [*([inside] if inside else []), *well_formed(name)]
    return list(dict.fromkeys([name, *form, *COMPANIONS]))


def well_formed(name: str) -> tuple[str, ...]:
    """Metrics shown beside a metric of passing programs; empty for others."""
    return WELL_FORMED if metric_named(name).runs else ()


def enter_in_form() -> None:
    """Add to each metric of an answer's text its version "in form"."""
    for name, one in list(METRICS.items()):
        if one.of_text:
            own, at, how = name.partition("@")
            METRICS[f"{own}{IN_FORM}{at}{how}"] = in_form(one)


def in_form(judged: Metric) -> Metric:
    """A metric applied to answers after :func:`cut_to_form`."""

    def cut(answer: Answer) -> Answer:
        return replace(answer, text=cut_to_form(answer.text, answer.reference))

    texts = judged.texts
    return replace(
        judged,
        label=f"{judged.label}, in form",
        description=f"{judged.label} of answers cut to the form of the reference, including the "
        "baseline's: to as many lines, then sentences, then tokens as the reference has. So "
        "nothing is gained by stopping in time; shorter answers stay unchanged.",
        measure=lambda answer, embeddings: judged.measure(cut(answer), embeddings),
        texts=(lambda answer: texts(cut(answer))) if texts else None,
    )


def cut_to_form(text: str, reference: str) -> str:
    """An answer cut to as many lines, then sentences, then tokens as the reference has.

    Lines that end in a colon (``Answer:``) do not count. An answer with no more of each than the
    reference is returned unchanged.
    """
    for ends in (_line_ends, _sentence_ends, _token_ends):
        most, places = len(ends(reference)), ends(text)
        if 0 < most < len(places):
            text = text[: places[most - 1]]
    return text


def tokens(text: str) -> list[str]:
    """The words and numbers of a text; in scripts without spaces, its characters."""
    return _TOKEN.findall(text)


def _line_ends(text: str) -> list[int]:
    lines = _LINE.finditer(text)
    return [line.end() for line in lines if not line[0].rstrip().endswith((":", "："))]


def _sentence_ends(text: str) -> list[int]:
    # a sentence's white space is collapsed, its other characters are unchanged
    counts = accumulate(sum(not c.isspace() for c in one) for one in sentences(text))
    places = [place for place, c in enumerate(text, start=1) if not c.isspace()]
    return [places[count - 1] for count in counts]


def _token_ends(text: str) -> list[int]:
    ends = (token.end() for token in _TOKEN.finditer(text))
    return [found.end() if (found := _AFTER.match(text, end)) else end for end in ends]
