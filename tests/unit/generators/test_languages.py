"""Pairs in many languages: grounded ones are kept, by the same rules as in English."""

import json

import pytest

from languages import TEXTS, Text
from papertune.generators.checking import check_pairs, judge
from papertune.generators.grounding import is_english
from papertune.generators.reading import pairs_in
from papertune.generators.rules import pairs_about
from papertune.records import Document
from papertune.sentences import learned_splitter, sentences, word_count
from papertune.study.settings import RulesGenerator

LANGUAGES = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def document(text: Text, *, other: bool = False) -> Document:
    title, body = (text.other_title, text.other) if other else (text.title, text.text)
    return Document("0" * 16, title, "https://example.org/1", 2020, body, "listing")


def reasons(pairs: list[tuple[str, str]], about: Document) -> list[str]:
    kept, rejected = check_pairs(pairs, about, most=9, grounding=0.5)
    assert len(kept) + len(rejected) == len(pairs)
    return [reason for reason, _ in rejected]


@LANGUAGES
def test_what_is_grounded_is_kept_and_nothing_else(text: Text) -> None:
    assert reasons([*text.pairs], document(text)) == []
    assert reasons([text.other_pair], document(text, other=True)) == []
    question, answer = text.pairs[0]
    faults = {
        "ungrounded": text.other_pair,
        "question_too_short": (text.short, answer),
        "refusal": (question, text.refusal),
        "answer_is_question": (question, question.rstrip("?？؟;")),
        "question_too_long": (question * 60, answer),
        "empty": (question, "。"),
    }
    for reason, pair in faults.items():
        assert reasons([pair], document(text)) == [reason]
    assert reasons([text.pairs[0], (f"{question} ", answer)], document(text)) == ["duplicate"]
    everything = ["ungrounded"] * len(text.pairs)
    assert reasons([*text.pairs], document(text, other=True)) == everything


@LANGUAGES
@pytest.mark.parametrize("style", ["extractive", "cloze"])
def test_rules_ask_in_every_language(text: Text, style: str) -> None:
    about = document(text)
    pairs = pairs_about(about, style, 3)  # type: ignore[arg-type]
    generator = RulesGenerator(backend="rules", style=style, pairs=3)  # type: ignore[arg-type]
    found = judge(generator, {"pairs": pairs}, about)
    assert len(found["kept"]) == 3, found
    assert all(answer in about.text and answer not in asked for asked, answer in found["kept"])


@LANGUAGES
def test_sentences_end_in_every_script(text: Text) -> None:
    found = sentences(text.text)
    assert len(found) >= 3
    assert "".join("".join(found).split()) == "".join(text.text.split())
    if text is not TEXTS["thai"]:  # nothing but a blank ends its sentences
        assert learned_splitter(text.text)(text.text) == found


@LANGUAGES
def test_no_other_language_is_taken_for_english(text: Text) -> None:
    assert not is_english(f"{text.title}\n{text.text}")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("What is entropy?", 3),
        ("什么是熵？", 3),
        ("为什么？", 2),
        ("エントロピーとは何ですか？", 6),
        ("なぜですか？", 2),
        ("เอนโทรปีคืออะไร", 4),
        ("ทำไม", 1),
        ("मॉडल क्या है?", 3),
        ("GPT-4模型 — 的性能。", 5),
        ("naïve  café — x", 4),
        ("", 0),
    ],
)
def test_a_length_in_words_is_one_in_every_script(said: str, words: int) -> None:
    assert word_count(said) == words


@pytest.mark.parametrize(
    "written",
    [
        "问题1：{q}\n答案1：{a}\n\n问题2：{r}\n答案2：{b}",
        "问：{q}\n答：{a}\n问：{r}\n答：{b}",
        "**質問:** {q}\n**回答:** {a}\n\n**質問:** {r}\n**回答:** {b}",
        "คำถาม: {q}\nคำตอบ: {a}\nคำถาม: {r}\nคำตอบ: {b}",
        "Kysymys: {q}\nVastaus: {a}\nKysymys: {r}\nVastaus: {b}",
        "Câu hỏi 1: {q}\nTrả lời: {a}\nCâu hỏi 2: {r}\nTrả lời: {b}",
        '[{{"问题": "{q}", "答案": "{a}"}}, {{"问题": "{r}", "答案": "{b}"}}]',
        '[{{"سؤال": "{q}", "جواب": "{a}"}}, {{"سؤال": "{r}", "جواب": "{b}"',
        "1. {q}\n{a}\n2. {r}\n{b}",
        "1、{q}\n{a}\n2、{r}\n{b}",
        "Q: {q} A: {a}\nQ: {r} A: {b}",
        "【问题】{q}\n【答案】{a}\n\n【问题】{r}\n【答案】{b}",
        "【问】：{q}\n【答】：{a}\n【问】：{r}\n【答】：{b}",
        "问题（1）：{q}\n答案（1）：{a}\n问题（2）：{r}\n答案（2）：{b}",
        "问题一：{q}\n答案一：{a}\n问题二：{r}\n答案二：{b}",
        "一、{q}\n答：{a}\n二、{r}\n答：{b}",
        "1、{q}\n答：{a}\n2、{r}\n答：{b}",
        "研究问题：{q}\n研究方法：{a}\n研究问题：{r}\n研究方法：{b}",
        "คำถามที่ ๑: {q}\nคำตอบที่ ๑: {a}\nคำถามที่ ๒: {r}\nคำตอบที่ ๒: {b}",
        "ຄຳຖາມ: {q}\nຄຳຕອບ: {a}\nຄຳຖາມ: {r}\nຄຳຕອບ: {b}",
        "សំណួរ៖ {q}\nចម្លើយ៖ {a}\nសំណួរ៖ {r}\nចម្លើយ៖ {b}",
        "မေးခွန်း: {q}\nအဖြေ: {a}\nမေးခွန်း: {r}\nအဖြေ: {b}",
        '[{{"question"："{q}"，"answer"："{a}"}}，{{"question"："{r}"，"answer"："{b}"}}]',
        '{{"问题（一）": "{q}", "答案（一）": "{a}", "问题（二）": "{r}", "答案（二）": "{b}"}}',
    ],
)
def test_labels_and_marks_of_other_languages_are_read(written: str) -> None:
    (question, answer), (other, more) = TEXTS["chinese"].pairs[:2]
    said = written.format(q=question, a=answer, r=other, b=more)
    assert pairs_in(said) == [(question, answer, {}), (other, more, {})]


def test_a_question_of_japanese_ends_without_a_mark() -> None:
    said = "1. どう減らしますか。\nブロックごとに。\n2. データは？\n十万件です。"
    pairs = [("どう減らしますか。", "ブロックごとに。"), ("データは？", "十万件です。")]
    for written in (said, json.dumps(dict(pairs)), json.dumps(pairs)):
        assert pairs_in(written) == [(*pair, {}) for pair in pairs]
