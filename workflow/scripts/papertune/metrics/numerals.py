"""Canonical forms of numbers and quantities: equal values are written the same."""

import regex

from papertune.metrics.characters import UNSPACED, plain
from papertune.metrics.units import units_named

_SIGN = r"(?:(?<![\w)\]%.+-])[-+](?=[$€£¥]?\.?[0-9]))?"
_DIGITS = (
    r"(?:[0-9]++(?:(?:[.,:/]|\^-?|-)[0-9]++)*+|(?<![\w.])\.[0-9]++)(?:[eE][-+]?[0-9]++(?!\w))?"
)
_NUMBER = rf"{_SIGN}[$€£¥]?{_DIGITS}"
_SYMBOL = r"(?:%|per ?cent|°[CF]?|[$€£¥]|[a-zA-Zμ]++(?:\^?-?[23])?)"
_UNIT = rf"{_SYMBOL}(?:/{_SYMBOL})?(?![\w--{UNSPACED}])"
QUANTITY = rf"(?V1)(?P<number>{_NUMBER})(?P<unit> ?{_UNIT})?"
ALONE = regex.compile(
    rf"(?V1)\s*(?:[~≈<>]=?|about|ca\.?)?\s*{_NUMBER}(?:\s?(?:\+/?-|±|-|to)\s?{_NUMBER})?"
    rf"(?:\s?(?P<unit>{_UNIT}))?[\s.]*"
)
_POWER = regex.compile(r"(?<=[0-9]) ?[x*·] ?10\^(?=-?[0-9])")
_WIDE = regex.compile(r"(?<![0-9.,]|[0-9] )[0-9]{1,3}(?: [0-9]{3})+(?! ?[0-9])")


def unit_named(text: str) -> str:
    """A unit's canonical form ({0.001s} for ms and milliseconds), empty if it is unknown."""
    meant = units_named(text.replace("per cent", "percent").replace("^", ""))
    return f"{{{meant[0][0]:g}{meant[0][1]}}}" if meant else ""


def is_cased(unit: str) -> bool:
    """Whether letter case distinguishes a unit, as with mW and MW."""
    forms = {unit_named(f"{one}{unit[1:]}") for one in (unit[0].lower(), unit[0].upper())}
    return len(unit) < 5 and len(forms - {""}) > 1


def number(written: str) -> str:
    """A number's canonical form: 1,500.0 and 1.5e3 become 1500, 1,5 becomes 1.5, +.50 becomes 0.5.
    Anything but a decimal number (a date, a range, a version) stays unchanged.
    """
    sign = "-" if written.startswith("-") else ""
    text = written.lstrip("+-").lower()
    base, _, exponent = text.partition("e")
    if regex.fullmatch(r"[1-9][0-9]{0,2}(?:,[0-9]{3})++(?:\.[0-9]++)?", base):
        base = base.replace(",", "")
    elif regex.fullmatch(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:\.[0-9]{3}|,[0-9]+)", base):
        base = base.replace(".", "").replace(",", ".")
    elif regex.fullmatch(r"[0-9]++,[0-9]++", base):
        base = base.replace(",", ".")
    if not regex.fullmatch(r"[0-9]*+(?:\.[0-9]++)?", base) or len(exponent) > 3:
        return sign + text
    whole, _, part = base.partition(".")
    power = int(exponent or 0)
    if power >= 0:
        part = part.ljust(power, "0")
        whole, part = whole + part[:power], part[power:]
    else:
        whole = whole.rjust(-power, "0")
        whole, part = whole[:power], whole[power:] + part
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    value = f"{whole}.{part}" if part else whole
    return value if value == "0" else sign + value


def split(found: regex.Match[str]) -> tuple[str, str]:
    """The digits of a number with their sign, and the currency before or the unit after it."""
    digits = found["number"]
    for money in "$€£¥":
        if money in digits:
            return digits.replace(money, ""), money
    return digits, (found["unit"] or "").strip()


def even(text: str) -> str:
    """Plain text with 1 000 as 1000 and 5 x 10^3 as 5e3."""
    return _POWER.sub("e", _WIDE.sub(lambda found: found[0].replace(" ", ""), plain(text)))
