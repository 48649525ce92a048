"""The numbers of a text with their units, so that 5 ms, 0.005 s and 5 s can be told apart."""

import re
from dataclasses import dataclass

from papertune.sentences import composed

# a factor and what it is a factor of: 5 ms is (0.005, "s")
Unit = tuple[float, str]

_PREFIXES = {
    **{"n": 1e-9, "µ": 1e-6, "u": 1e-6, "m": 1e-3, "c": 1e-2, "": 1.0},
    **{"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18},
    **{"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40},
}
_SPELT = {
    **{"nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "": 1.0},
    **{"kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12, "peta": 1e15},
}
_SYMBOLS = (
    *("s", "Hz", "B", "b", "bit", "m", "g", "l", "L", "W", "Wh", "J", "eV", "V", "A", "Pa", "Ω"),
    *("FLOP", "FLOPs", "FLOPS", "FLOP/s"),
)
_NAMES = {
    **{"second": "s", "sec": "s", "hertz": "Hz", "byte": "B", "bit": "b", "meter": "m"},
    **{"metre": "m", "gram": "g", "watt": "W", "joule": "J", "volt": "V"},
}
_SAME = {"bit": "b", "L": "l", "FLOPs": "FLOP", "FLOP/s": "FLOPS"}
_OTHERS: dict[str, Unit] = {
    **dict.fromkeys(("%", "percent", "percents", "pct", "٪"), (0.01, "")),
    **{"‰": (0.001, ""), "pp": (1.0, "pp")},
    **dict.fromkeys(("x", "×", "times", "fold"), (1.0, "×")),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), (60.0, "s")),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), (3600.0, "s")),
    **dict.fromkeys(("day", "days"), (86400.0, "s")),
    **dict.fromkeys(("week", "weeks"), (604800.0, "s")),
    **dict.fromkeys(("$", "usd", "dollar", "dollars"), (1.0, "$")),
    **dict.fromkeys(("€", "eur", "euro", "euros"), (1.0, "€")),
    **dict.fromkeys(("£", "gbp"), (1.0, "£")),
    **{"°": (1.0, "°"), "°C": (1.0, "°C"), "°F": (1.0, "°F"), "dB": (1.0, "dB")},
    **{"kb": (1e3, "B"), "mb": (1e6, "B"), "gb": (1e9, "B"), "tb": (1e12, "B")},
    **{"khz": (1e3, "Hz"), "mhz": (1e6, "Hz"), "ghz": (1e9, "Hz")},
    **{"thousand": (1e3, ""), "million": (1e6, ""), "billion": (1e9, ""), "trillion": (1e12, "")},
}
# what a letter can mean beside a unit
_MULTIPLES = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_UNITS: dict[str, Unit] = {
    **_OTHERS,
    **{
        prefix + name + end: (factor, symbol)
        for prefix, factor in _SPELT.items()
        for name, symbol in _NAMES.items()
        for end in ("", "s")
    },
    **{
        prefix + symbol: (factor, _SAME.get(symbol, symbol))
        for prefix, factor in _PREFIXES.items()
        for symbol in _SYMBOLS
        if prefix + symbol not in ("min", "cd")
    },
}
_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)

_LETTER = "A-Za-z\u00b5\u00c0-\u024f\u0370-\u04ff"
_RUN = re.compile(
    # a digit within a name (GPT-4, L2, x86) is no number; a hyphen after a digit is no minus
    rf"(?<![{_LETTER}_\d])(?<![{_LETTER}]-)(?<!\d[.,])"
    r"(?P<money>[$€£])?(?P<sign>(?<![\w)])[-−–])?(?P<run>\.?\d+(?:[.,]\d+)*)"
    r"(?:[eE](?P<e>[-+−]?\d{1,3})(?!\w)|\s?[x×·*]\s?10\^(?P<power>[-+−]?\d{1,3}))?"
    rf"(?P<attached>-?(?:fold|times)\b|[{_LETTER}°%‰٪×$€£Ω]+(?:/[{_LETTER}]+)?)?"
    rf"(?P<apart>\s?[%‰٪×]|\s(?:per\s?cent\b|percentage points?\b|[{_LETTER}°Ω$€£]+(?:/[{_LETTER}]+)?))?"
)
_RANGE = re.compile(r"\s?(?:-|–|—|−|±|to|and|or)\s?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it may be read: values in base units, and the bare number without its unit."""

    readings: frozenset[tuple[float | str, str]]
    bare: float | str
    unit: str  # as written; nothing where there is none
    percent: bool = False


def quantities(text: str) -> list[Quantity]:
    """The numbers of a text in their order, each with its unit where one is known or attached.

    Thousands may be set apart by a comma, a narrow or plain blank or an apostrophe; a decimal comma
    is read as a point. Percentages are numbers (5 % = 0.05), SI prefixes and spelt units are
    reduced (5 ms = 0.005 s), the first number of a range may have the unit of the last.
    """
    text = re.sub(r"(?<=\d)[⁻⁺]?[⁰¹²³⁴-⁹]+", lambda power: f"^{power[0]}", text)
    text = composed(text, "NFKC").replace("μ", "µ")
    text = re.sub(r"(?<=\d)['’](?=\d{3}(?!\d))", "", text)
    text = re.sub(
        r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d]|[.,]?\d)", lambda m: m[0].replace(" ", ""), text
    )
    found: list[Quantity] = []
    ends: list[int] = []
    for match in _RUN.finditer(text):
        unit, end = _unit_of(match)
        power = int((match["e"] or match["power"] or "0").replace("−", "-"))
        for value in _values(match["run"]):
            if not isinstance(value, str):
                value = _rounded((-value if match["sign"] else value) * 10.0**power)
            if (
                found
                and unit
                and not found[-1].unit
                and _RANGE.fullmatch(text, ends[-1], match.start())
            ):
                found[-1] = _quantity(found[-1].bare, unit, also_bare=True)
            found.append(_quantity(value, unit))
            ends.append(end)
    return found


def same_numbers(reference: str, text: str) -> bool | None:
    """Whether every number of a reference, with its unit, stands in a text; None where it has none.

    A reference without a unit is met by the same number with any unit but a percentage.
    """
    wanted = quantities(reference)
    if not wanted:
        return None
    given = quantities(text)
    readings = {reading for one in given for reading in one.readings}
    said = set(re.findall(r"\w+", text.lower()))
    readings |= {(float(value), "") for value, word in enumerate(_WORDS) if word in said}
    bare = {one.bare for one in given if not one.percent}
    return all(one.readings & readings or (not one.unit and one.bare in bare) for one in wanted)


def _values(run: str) -> list[float | str]:
    """The number of a run of digits, points and commas; several where it is a list, a text for
    what is no number but has digits (1.2.3).
    """
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", run):
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
        return match["money"], before
    if attached:
        attached = attached.removeprefix("-")
        return ("" if attached in ("st", "nd", "rd", "th") else attached), before
    apart = re.sub(r"per\s?cent", "percent", apart, flags=re.IGNORECASE)
    if apart.lower().startswith("percentage"):
        return "pp", match.end()
    known = units_named(apart)
    return (apart, match.end()) if known else ("", before)


def units_named(unit: str) -> list[Unit]:
    """What a unit can mean, the likeliest first; nothing where it is unknown."""
    over, _, under = unit.partition("/")
    if under and unit not in _UNITS:
        tops, bottoms = units_named(over) or [(1.0, over.lower())], units_named(under)
        return [(a / c, f"{b}/{d}") for a, b in tops for c, d in bottoms]
    found = [_UNITS.get(unit) or _UNITS.get(unit.lower())] if unit else []
    found.append((_MULTIPLES[unit], "") if unit in _MULTIPLES else None)
    return [one for one in found if one]


def _quantity(value: float | str, unit: str, *, also_bare: bool = False) -> Quantity:
    known = units_named(unit)
    readings: set[tuple[float | str, str]] = {(value, unit.lower())} if not known else set()
    if not isinstance(value, str):
        readings |= {(_rounded(value * factor), base) for factor, base in known}
    if also_bare:
        readings.add((value, ""))
    percent = any(base == "" and factor < 1 for factor, base in known)
    return Quantity(frozenset(readings), value, "" if also_bare else unit, percent)


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
