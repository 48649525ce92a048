"""Pairs written by rules: wh-questions about a text, or its sentences with a gap.

Both kinds keep three promises: the answer occurs in the text word for word, the question does not
contain its answer, and no question or answer is repeated for a document. The choice of pairs depends
only on the document's id and text.
"""

import random
import re
from collections.abc import Iterator
from typing import Literal

import regex

from papertune.generators.grounding import FUNCTION_WORDS, is_english
from papertune.generators.plain_text import Pairs
from papertune.records import Document
from papertune.sentences import CONTENT, SCRIPTS, SPACELESS, is_spaceless, sentences, word_count

GAP = "____"
LONGEST_ANSWER = 18  # words
LONGEST_TEXT, LONGEST_SENTENCE = 300_000, 10_000  # characters that are read
LONGEST_CLOZE = 45  # most words of the sentence around a gap

_FIND = "study studies investigate consider explore examine address analyze analyse revisit tackle"
_MAKE = (
    "propose present introduce develop describe give provide design construct obtain derive "
    "establish devise offer build suggest"
)
_CLAIM = "show prove demonstrate find conclude argue observe establish"
_USES = (
    "use employ exploit leverage combine achieve attain require yield provide guarantee obtain "
    "admit enjoy"
)
_USE = {f"{verb}s": verb for verb in _USES.split()}
_USE |= {"relies on": "rely on", "depends on": "depend on"}
_CHANGES = "improve increase raise reduce lower save boost decrease outperform shorten"
_CHANGE = {f"{verb}s": f"{verb.removesuffix('e')}ed" for verb in _CHANGES.split()}
_CHANGE |= {"cuts": "cut", "speeds up": "sped up"}
_NAMED = (
    "simulators? benchmarks? datasets? suites? corpus compiler framework language platform "
    "algorithms? inequality theorem conjecture model method process distribution divergence "
    "dimension entropy game assumption estimator norm lemma"
)
_NO_STOP = "he her hers him his me my shall she theirs us yes"
_MORE_STOP = (
    "although am among authors even every first hence known last less like made make many much one "
    "paper results second several show shows since study three towards two use used uses using well "
    "work"
)
_STOP = (FUNCTION_WORDS - {*_NO_STOP.split()}) | {*_MORE_STOP.split()}
# words that end a noun phrase (an incomplete list)
_VERBS = frozenset(
    f"{_FIND} {_MAKE} {_CLAIM} {' '.join(_USE)} {' '.join(_CHANGE)} run runs act confirms hold "
    "holds work works learn learns find finds evaluate occupies adds costs removes needs keeps "
    "satisfies implies exists arises allows enables leads suffices converges extends applies "
    "becomes remains involves scales matches grows depends relies appears shrink stops including "
    "based".split()
)


def _any(words: str | dict[str, str]) -> str:
    listed = words.split() if isinstance(words, str) else words
    return f"(?:{'|'.join(listed)})".replace(" ", r"\s")


# The length of words is bounded, so that a text without blanks takes linear time.
_W, _W1 = r"[\w-]{0,40}+", r"[\w-]{1,40}+"
_TOKEN = r"[^\s,;:]{1,300}+"  # formulas are longer than words
# A phrase ends before a clause, a comma or the end of the sentence.
_STOPS = (
    r"(?=\s(?:that|which|where|when|while|whose|who|whenever|if|because|as|so|by|using|via|and\s"
    r"(?:then|also|it|we|show|prove|has|is|are|its|learns|reduces|cuts|improves|increases|give)"
    r"|under|over\sthe\sbest|to\s(?:find|show|obtain))\b|[,;:]|[.?!]?$)"
)
_PHRASE = rf"(?P<answer>{_TOKEN}(?: {_TOKEN}){{0,17}}?){_STOPS}"
_WE = r"\b(?:[Ww]e|[Tt]his (?:paper|work|article|note))(?: (?:also|then|further|first|next|here|will))?"
_NOT = r"(?!(?:We|It|This|These|There|That|They|What|When|If|As|Which)\b)"
_SUBJECT = rf"{_NOT}(?P<subject>(?:[Tt]he|[Oo]ur|[A-Z]){_W}(?: {_W1}){{0,5}}?)"
_STRAIGHT = r"(?!(?:starting|whenever|for|under|if|when|in|with|given|while|unlike|as)\b)"
_NUMBER = (
    r"(?:(?:up to|about|more than|at least) )?\d[\d.,]*(?:\s?(?:%|percent|×|x|times|dB)(?!\w))?"
)

# (pattern, question); the question's slots are the pattern's groups. Earlier patterns have priority
# within a sentence: later ones cannot use an answer that is taken.
_PATTERNS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), question)
    for pattern, question in [
        (rf"\b(?P<change>{_any(_CHANGE)}) (?:the |its |their )?(?P<what>[^,.;]{{2,50}}?) "
         rf"by (?P<answer>{_NUMBER})",
         "By how much is {what} {change}?"),
        (rf"\b(?P<subject>[A-Z](?=[\w-]{{0,40}}?[a-z]){_W}), (?P<answer>an? [\w -]{{3,60}}?)"
         r"(?= (?:that|which|for|to|with|in|based|whose)\b|[,.;])",
         "What is {subject}?"),
        (r"\b(?P<what>(?:an?|the) [\w -]{3,50}?),? (?:called|named|termed|dubbed|known as) "
         r"(?:the )?(?P<answer>\W?[A-Za-z][\w-]*(?: [A-Z][\w-]*){0,3})",
         "What is {what} called?"),
        (rf"(?<=[a-z,] )(?P<answer>[A-Z]{_W}(?: [A-Z]{_W}){{0,3}}) (?P<noun>{_any(_NAMED)})\b",
         "Which {noun} {be} named?"),
        (r"(?P<answer>\d[\d.]{0,40}+\s?(?:%|percent)) of (?:the |all |its )?"
         r"(?P<what>[a-z][\w-]*(?: [a-z]\w+)?)",
         "What share of {what} is named?"),
        (r"(?P<subject>[Tt]he (?:main|key|central|basic|core|primary|only)"
         rf" {_W1}(?: of {_W1})?)"
         rf" (?P<is>is|are) {_PHRASE}",
         "What {is} {subject}?"),
        (rf"(?<![A-Z])(?P<subject>(?:[A-Z]{_W}|[Tt]he {_W1})(?: {_W1}){{0,5}}?) (?P<is>is|are|was|were) "
         rf"(?P<verb>limited|dominated|caused|driven|governed|motivated|inspired) by {_PHRASE}",
         "What {is} {subject} {verb} by?"),
        (rf"(?<![A-Za-z])(?P<subject>[A-Za-z]{_W}(?: {_W1}){{0,5}}?) have (?:long )?(?:been )?"
         rf"(?P<verb>struggled with|held back by|suffered from|focused on) {_PHRASE}",
         "What have {subject} {been}{verb}?"),
        (rf"(?<![A-Z])(?P<subject>[A-Z]{_W}(?: {_W1}){{0,3}}?) suffer from {_PHRASE}",
         "What do {subject} suffer from?"),
        (rf"(?:^|, |that |while ){_SUBJECT} (?P<verb>{_any(_USE)}) (?!that\b){_PHRASE}",
         "What does {subject} {plain}?"),
        (rf"{_WE} (?P<verb>{_any(_FIND)}) (?!that\b|whether\b|how\b){_PHRASE}",
         "What do the authors {verb}?"),
        (rf"{_WE} (?P<verb>{_any(_MAKE)})s? (?!that\b|[A-Z][\w-]*,){_PHRASE}",
         "What do the authors {verb}?"),
        (rf"{_WE} (?P<verb>{_any(_CLAIM)})s? that {_STRAIGHT}(?P<answer>[^;:]+?)(?=[,;:]|[.?!]?$)",
         "What do the authors {verb}?"),
        (rf"\b[Tt]he (?P<noun>problem|question|task|setting|notion|concept) of {_PHRASE}",
         "Which {noun} is discussed?"),
        (rf"^(?:In [^,]+, )?{_NOT}(?P<subject>[A-Z]{_W}(?: {_W1}){{0,4}}?) (?P<is>is|are) (?P<answer>"
         rf"(?:an?|the|one of) {_TOKEN}(?: {_TOKEN}){{0,15}}?){_STOPS}",
         "What {is} {subject}?"),
        (r"\bby (?P<verb>using|combining|exploiting|applying|means of) " + _PHRASE,
         "By {verb} what is it done?"),
        (r"\b(?P<answer>\d+|two|three|four|five|six) (?P<noun>(?:[a-z-]+ )?[a-z]{3,}s)\b",
         "How many {noun} are named?"),
    ]
]  # fmt: skip
_WRITTEN = f"[[\\w]--[{SPACELESS}]]"
_GAP_NUMBER = regex.compile(
    rf"(?<!{_WRITTEN}|[.,$\\^-])\d+(?:\.\d+)?%?(?!{_WRITTEN}|[\^$\\%-]|\.\d|,\d)", regex.V1
)
_LONG_WORD = regex.compile(rf"(?<=\s)[[\p{{L}}\p{{M}}]--[{SPACELESS}]]{{5,}}+", regex.V1)
# Thai words have no separators; a vowel that is written before its consonant mostly begins one
_LETTERS_OF_THAI = regex.compile(
    rf"(?<=[{SCRIPTS[2].letters}]{{4}})[เ-ไເ-ໄ][{SCRIPTS[2].letters}]{{4,9}}(?=[เ-ไເ-ໄ]|\s|$)"
)
_WORD = r"[A-Za-z][A-Za-z]*(?:-[A-Za-z]+)*(?![\w\\$^}(-])"
# words after an article or a preposition: an approximation of noun phrases without a parser
_RUN = re.compile(
    r"\b(?:an?|the|of|by|for|with|from|on|in|between|under|over|our|its|using|via|into|against) "
    rf"(?P<phrase>{_WORD}(?: {_WORD}){{0,3}})"
)
# If no pattern matches: what a sentence says about its subject.
_GENERAL = re.compile(
    r"^(?:(?:[A-Z]\w+ly|However|Moreover|Thus|Hence|In particular|Furthermore|In addition), )?"
    r"(?P<subject>(?!(?:We|It|This|There|That|These|They|He|She|I|In|For|When|If|As|To)\b)"
    r"[A-Z][^\s,;]*(?: [^\s,;]+){0,7}?) "
    r"(?P<answer>(?:is|are|was|were|has|have|can|may|must|will|does|do|plays?|gives?|shows?|remains?"
    r"|needs?|uses?|allows?|aims?|seems?|holds?|applies|apply|extends?|implies|imply|improves?"
    r"|includes?|relies|rely|provides?|leads?|requires?|matche?s?|answers?|settles?) .+?)[.?!]?$"
)
_CLAUSE = re.compile(
    rf"{_WE} (?!have\b|are\b|is\b|can\b|{_any(_CLAIM)}\b)(?P<answer>[a-z]+(?: [^\s]+){{2,17}}?)"
    r"(?=[,;:]|[.?!]?$)"
)


def pairs_about(document: Document, style: Literal["extractive", "cloze"], count: int) -> Pairs:
    """At most ``count`` pairs about a document.

    ``extractive`` asks wh-questions from patterns of scientific prose; ``cloze`` gives a sentence with
    a gap.
    """
    rng, text = random.Random(f"{style}/{document.id}"), document.text[:LONGEST_TEXT]
    find = _extractive if style == "extractive" else _cloze
    taken: Pairs = []
    # earlier groups have better pairs; within a group, the order is random
    for number, group in enumerate(find(text, rng)):
        if number == 2 and taken:
            break  # the last group is only for texts without other pairs
        rng.shuffle(group)
        for question, answer in group:
            if len(taken) == count:
                return taken
            if _is_good(question, answer, text, taken):
                taken.append((question, answer))
    return taken


def _is_good(question: str, answer: str, text: str, taken: Pairs) -> bool:
    low = answer.lower()
    content = [word for word in re.findall(r"\w+", low) if word not in _STOP]
    return (
        bool(content)
        and answer in text
        and low not in question.lower()
        and word_count(answer) <= LONGEST_ANSWER
        and _is_balanced(answer)
        and _is_balanced(question)
        and all(low != other.lower() and question != asked for asked, other in taken)
    )


def _is_balanced(text: str) -> bool:
    """Whether formulas and brackets are complete, and no markup is left over."""
    pairs = all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}", "“”"))
    return pairs and text.count("$") % 2 == 0 and not re.search(r"\\\w", text.replace("$", ""))


def _sentences(text: str) -> list[str]:
    return [sentence[:LONGEST_SENTENCE] for sentence in sentences(text)]


def _extractive(text: str, _rng: random.Random) -> Iterator[Pairs]:
    every = _sentences(text)
    yield [pair for sentence in every for pair in _wh_questions(sentence)]
    general: Pairs = []
    for sentence in every:
        if match := _GENERAL.match(sentence):
            general.append((f"What is said about {_inside(match['subject'])}?", match["answer"]))
        elif match := _CLAUSE.search(sentence):
            general.append(("What do the authors do?", match["answer"]))
    yield general
    # last resort, so that a text without a known verb still gives a pair
    last: Pairs = []
    for sentence in every:
        words, between, each = _pieces(sentence.strip())
        if (cut := round(each * min(6, len(words) // each // 2))) >= 2 * each:
            follow = between.join(words[cut : cut + round(8 * each)]).rstrip(".,;:。，、；：।؟")
            last.append((f"Which words follow “{between.join(words[:cut])}”?", follow))
    yield last


def _pieces(sentence: str) -> tuple[list[str], str, float]:
    """A sentence's pieces, their separator, and pieces per word: words, or letters without blanks."""
    if not is_spaceless(sentence):
        return sentence.split(), " ", 1
    letters = regex.findall(r"[เ-ไເ-ໄ]?\X", sentence)
    return letters, "", len(letters) / word_count(sentence)


def _wh_questions(sentence: str) -> Iterator[tuple[str, str]]:
    spans: list[tuple[int, int]] = []
    for pattern, question in _PATTERNS:
        for match in pattern.finditer(sentence):
            start, end = match.span("answer")
            if any(start < right and left < end for left, right in spans):
                continue
            answer = match["answer"].strip().rstrip(".,;:")
            groups = {key: value or "" for key, value in match.groupdict().items()}
            groups["subject"] = _inside(groups.get("subject", ""))
            groups["change"] = _CHANGE.get(groups.get("change", ""), "")
            groups["plain"] = _USE.get(groups.get("verb", ""), "")
            groups["been"] = "been " if groups.get("verb") == "held back by" else ""
            groups["be"] = "are" if re.search(r"(?<!s|u)s$", groups.get("noun", "")) else "is"
            spans.append((start, end))
            yield question.format(**groups), answer


def _inside(subject: str) -> str:
    """A sentence's subject as written inside a sentence: lower case, but names keep their capital."""
    first, _, rest = subject.partition(" ")
    common = first.lower() in _STOP or (first[1:].islower() and not first[0].islower() and rest)
    return f"{first.lower()} {rest}".strip() if common else subject


def _cloze(text: str, rng: random.Random) -> Iterator[Pairs]:
    groups: dict[bool, Pairs] = {True: [], False: []}  # pairs with strong gaps, with weak ones
    gaps_of = _gaps if is_english(text) else _gaps_elsewhere
    for sentence in _sentences(text):
        gaps = list(gaps_of(sentence))
        # one gap per sentence, so that pairs spread over the text
        for strong, group in groups.items():
            if spans := [span for span, is_strong in gaps if is_strong == strong]:
                group.append(_gapped(sentence, *rng.choice(spans)))
    yield from groups.values()


def _gaps(sentence: str) -> Iterator[tuple[tuple[int, int], bool]]:
    """Spans suitable as gaps, and whether they are strong (phrases, numbers, names) or weak (words)."""
    for match in _GAP_NUMBER.finditer(sentence):
        yield match.span(), True
    for run in _RUN.finditer(sentence):
        phrase: list[re.Match[str]] = []
        for word in re.finditer(r"\S+", run["phrase"]):
            if word.group().lower() in _STOP | _VERBS or word.group().endswith("ly"):
                break
            phrase.append(word)
        if phrase and len(phrase[-1].group()) > 2:
            start = run.start("phrase")
            is_strong = len(phrase) > 1 or not phrase[0].group().islower()
            yield (start + phrase[0].start(), start + phrase[-1].end()), is_strong


def _gaps_elsewhere(sentence: str) -> Iterator[tuple[tuple[int, int], bool]]:
    """As :func:`_gaps` for other languages, without knowledge of them: longer words, text between
    particles in Chinese and Japanese, or parts of Thai text.
    """
    for match in _GAP_NUMBER.finditer(sentence):
        yield match.span(), True
    for content, script in CONTENT:
        for match in (content if script.per_word < 4 else _LETTERS_OF_THAI).finditer(sentence):
            if len(match[0]) < len(sentence) / 2:
                yield match.span(), len(match[0]) > script.per_word
    for match in _LONG_WORD.finditer(sentence):
        yield match.span(), len(match[0]) > 7


def _gapped(sentence: str, start: int, end: int) -> tuple[str, str]:
    if is_spaceless(sentence):
        between, each = "", len(sentence) / word_count(sentence)
        before, after = list(sentence[:start]), list(sentence[end:])
    else:
        between, each = " ", 1.0
        before, after = sentence[:start].split(" "), sentence[end:].split(" ")
    room = int(each * (LONGEST_CLOZE // 2))
    left = between.join(["…"] * (len(before) > room) + before[-room:])
    right = between.join(after[:room] + ["…"] * (len(after) > room))
    return f"Fill in the gap: {left}{GAP}{right}", sentence[start:end]
