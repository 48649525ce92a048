"""Extract the numbers of a text with their units, so that 5 ms equals 0.005 s but not 5 s."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import ge

from papertune.metrics.characters import plain
from papertune.metrics.units import SPACELESS_UNITS, units_named

_MANY = ("thousand", "million", "billion", "trillion", "mio", "mio.", "mrd", "mrd.")
_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ONES = "|".join(_SMALL[1:10])
_BELOW = rf"(?:{'|'.join((*_TENS, *_SMALL))})\b"
_SPOKEN = re.compile(
    rf"\b(?:(?P<hundreds>{_ONES}|a)[ -]hundred\b(?:(?: and)?[ -](?={_BELOW}))?)?(?:"
    rf"(?:(?P<tens>{'|'.join(_TENS)})(?:[ -](?P<ones>{_ONES}))?|(?P<small>{'|'.join(_SMALL)}))\b"
    r"|(?P<one>a)(?= (?:thousand|million|billion|trillion)\b))?",
    re.IGNORECASE,
)

_LETTER = "A-Za-z\u00b5\u00c0-\u024f\u0370-\u04ff"
_RUN = re.compile(
    # a digit within a name (GPT-4, L2, x86) is not a number; a hyphen after a digit is not a minus
    rf"(?<![{_LETTER}_\d^])(?<![{_LETTER}]-)(?<!\d[.,])(?<!\^-)"
    r"(?P<money>[$€£¥]\s?)?(?P<sign>(?<![\w)\]%/])-)?(?P<run>\d{4}-\d\d?-\d\d?(?![\w-])|\.?\d+(?:[.,]\d+)*)"
    r"(?:[eE](?P<e>[-+]?\d{1,3})(?!\w)|\s?[x·*]\s?10\^(?P<power>[-+]?\d{1,3}))?"
    rf"(?P<attached>-?(?:fold|times)\b|[{_LETTER}°%‰٪×$€£¥Ω]+(?:\^?[23]\b)?(?:/[{_LETTER}]+)?)?"
    rf"(?P<apart>\s?[%‰٪×]|\s?(?:{'|'.join(sorted(SPACELESS_UNITS, key=len, reverse=True))})"
    r"|\s(?:p(?:e|o|ou)r\s?c(?:i?ento?|ent)\b|percentage points?\b"
    rf"|(?:(?:thousand|million|billion|trillion|Mio\.?|Mrd\.?)\s)?"
    rf"[{_LETTER}°Ω$€£¥]+(?:\^?[23]\b)?(?:/[{_LETTER}]+)?))?"
)
_TIMES = re.compile(r"(?<=\d)(?<!\b0)\s?x\s?(?=\d)(?!10\s?\^)")
_PER = re.compile(r"(?<=[a-z])\s+per\s+(?=(?:second|minute|hour|day)\b)")
_POWER = re.compile(r"(?<![\w.,^*·)])(?<![x*·] )(?P<base>2|10)\^(?P<power>-?\d{1,3})(?![\w^])")
# joins two numbers that have a meaning only together
_TOGETHER = re.compile(r"\s?(?:/|:|\bby\b|\b(?:out )?of\b(?: the| all)?)\s?")
_VERSION = re.compile(r"\b(?:version|release|section|chapter|python) $", re.IGNORECASE)
_RANGE = re.compile(r"\s?(?:-|\+/-|±|to|and|or)\s?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its possible readings: values in base units, and the bare number."""

    readings: frozenset[tuple[float | str, str]]
    bare: float | str
    unit: str  # as written; empty if there is none
    run: str  # its digits as written
    percent: bool = False
    joined: bool = False  # with the number before it, as 10 in "5 of 10", 5/10 and 5 x 10


def quantities(text: str) -> list[Quantity]:
    """The numbers of a text in their order, each with its unit if it is known or attached.

    Thousands may be separated by a comma, a space or an apostrophe; a decimal comma is read as a
    point. Percentages are numbers (5 % = 0.05), SI prefixes and spelt units are reduced (5 ms =
    0.005 s), and the first number of a range may have the unit of the last. Dates in digits, and
    numbers after "version" and the like, are not decimal numbers: 2.10 is not 2.1 there.
    """
    text = plain(text).replace("μ", "µ")
    text = re.sub(r"(?<=\d)'(?=\d{3}(?!\d))", "", text)
    text = re.sub(
        r"(?<![\d.,])\d{1,3}(?: \d{3})+(?!\d)", lambda found: found[0].replace(" ", ""), text
    )
    text = re.sub(r"\b(?:minus|negative) (?=\d)", "-", text, flags=re.IGNORECASE)
    text = _PER.sub("/", _TIMES.sub(" by ", _POWER.sub(_computed, text)))
    found: list[Quantity] = []
    end = 0
    for match in _RUN.finditer(text):
        between = (end, match.start())
        unit, end = _unit_of(match)
        power = int(match["e"] or match["power"] or 0)
        values = _values(match["run"])
        if _VERSION.search(text, max(0, match.start() - 10), match.start()):
            values = [match["run"]]
        for place, value in enumerate(values):
            value = _scaled(value, power, negative=bool(match["sign"]))
            if found and unit and not found[-1].unit and _RANGE.fullmatch(text, *between):
                found[-1] = _quantity(found[-1].bare, unit, found[-1].run, also_bare=True)
            joined = bool(found) and not place and bool(_TOGETHER.fullmatch(text, *between))
            run = match["run"] if len(values) == 1 and not power else str(value)
            run = run if not match["sign"] else f"-{run}"
            found.append(replace(_quantity(value, unit, run), joined=joined))
            between = (end, end)
    return found


def same_numbers(reference: str, text: str, question: str = "") -> bool | None:
    """Whether a text has every number of a reference with its unit; None if it has no number.

    Numbers that are also in the question are not required. A reference without a unit matches the
    same number with any unit but a percentage. Joined numbers (5 of 10, 3/4, 4 x 4) must occur
    as often in the text.
    """
    asked = quantities(_in_digits(question))
    told = {key for one in asked for key in _keys(one, of_any_unit=not one.unit)}
    wanted = [
        group
        for group in _groups(quantities(reference))
        if not all(_keys(one, of_any_unit=not one.unit) & told for one in group)
    ]
    if not wanted:
        return None
    given = quantities(_in_digits(text))
    count = Counter(key for one in given for key in _keys(one, of_any_unit=not one.percent))
    together = {_bare(group) for group in _groups(given) if len(group) > 1}
    for group in wanted:
        values = _bare(group)
        times = [max(count[key] for key in _keys(one, of_any_unit=not one.unit)) for one in group]
        if len(group) > 1 and together:
            right = values in together
        else:
            right = all(map(ge, times, map(values.count, values)))
        if not right:
            return False
    return True


def _keys(one: Quantity, *, of_any_unit: bool) -> set[tuple[float | str, str]]:
    """The keys by which a quantity is compared."""
    return {*one.readings, *({(one.bare, "bare"), (one.run, "bare")} if of_any_unit else ())}


def _groups(found: list[Quantity]) -> Iterator[list[Quantity]]:
    """Group the numbers; joined ones are one group."""
    group: list[Quantity] = []
    for one in found:
        if group and not one.joined:
            yield group
            group = []
        group.append(one)
    yield from [group] * bool(group)


def _bare(group: list[Quantity]) -> tuple[float | str, ...]:
    return tuple(one.bare for one in group)


def _in_digits(text: str) -> str:
    """Replace English number words up to 999 by digits."""

    def value(found: re.Match[str]) -> str:
        if not found[0]:
            return ""
        said = {name: (word or "").lower() for name, word in found.groupdict().items()}
        small = {word: number for number, word in enumerate(_SMALL)} | {"a": 1, "": 0}
        tens = 10 * (_TENS.index(said["tens"]) + 2) if said["tens"] else 0
        hundreds = small[said["hundreds"]]
        rest = small[said["ones"]] + small[said["small"]] + small[said["one"]]
        return str(100 * hundreds + tens + rest)

    return _SPOKEN.sub(value, text)


def _computed(found: re.Match[str]) -> str:
    """10^6 and 2^10 as decimal numbers."""
    base, power = int(found["base"]), int(found["power"])
    return f"1e{power}" if base == 10 else f"{2.0**power!r}" if abs(power) < 64 else found[0]


def _scaled(value: float | str, power: int, *, negative: bool) -> float | str:
    """A number with its sign and power of ten; a text if it exceeds a float's range."""
    if isinstance(value, str):
        return value
    if abs(power) > 250 or value > 1e50:
        return f"{'-' * negative}{value}e{power}"
    return _rounded((-value if negative else value) * 10.0**power)


def _values(run: str) -> list[float | str]:
    """The number in a run of digits, points and commas; several if it is a list, and a text if it
    is not a number (1.2.3).
    """
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|[1-9]\d?(?:,\d\d)+,\d{3}", run):
        return [float(run.replace(",", ""))]
    if re.fullmatch(r"\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|(?:\.\d{3})+,\d+)", run):
        return [float(run.replace(".", "").replace(",", "."))]
    if re.fullmatch(r"\d+,\d+|\d*\.?\d+", run):
        return [float(run.replace(",", "."))]
    if "," in run:
        return [value for part in run.split(",") for value in _values(part)]
    return [run]


def _unit_of(match: re.Match[str]) -> tuple[str, int]:
    """The unit as written, and where the quantity ends."""
    attached, apart = match["attached"] or "", (match["apart"] or "").strip()
    before = match.end("attached") if attached else match.start("apart") if apart else match.end()
    if match["money"]:
        apart = apart.split(" ")[0]
        more = attached or (apart if apart.lower() in _MANY else "")
        end = match.end("apart") if more and not attached else before
        return (f"{more} {match['money'].strip()}" if units_named(more) else match["money"]), end
    if attached:
        attached = attached.removeprefix("-")
        return ("" if attached in ("st", "nd", "rd", "th") else attached), before
    apart = re.sub(r"p(?:e|o|ou)r\s?c(?:i?ento?|ent)\b", "percent", apart, flags=re.IGNORECASE)
    if apart.lower().startswith("percentage"):
        return "pp", match.end()
    for unit in (apart, apart.partition(" ")[0]):
        if units_named(unit):
            return unit, match.start("apart") + len(match["apart"]) - len(apart) + len(unit)
    return "", before


def _quantity(value: float | str, unit: str, run: str, *, also_bare: bool = False) -> Quantity:
    known = units_named(unit)
    readings: set[tuple[float | str, str]] = {(value, unit.lower())} if not known else set()
    if not isinstance(value, str):
        readings |= {(_rounded(value * factor), base) for factor, base in known}
    if also_bare:
        readings.add((value, ""))
    percent = any(base == "" and factor < 1 for factor, base in known)
    return Quantity(frozenset(readings), value, "" if also_bare else unit, run, percent)


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
