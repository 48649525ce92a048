"""Spellings of units, each as a factor of a base unit."""

import re
from functools import lru_cache

# a factor and its base unit: ms is (0.001, "s")
Unit = tuple[float, str]

_PREFIXES = {
    **{"f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "u": 1e-6, "m": 1e-3, "c": 1e-2, "": 1.0},
    **{"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18},
    **{"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40},
}
_SPELT = {
    **{"pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "mikro": 1e-6, "milli": 1e-3, "mili": 1e-3},
    **{"centi": 1e-2, "": 1.0},
    **{"kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12, "peta": 1e15},
}
_SYMBOLS = (
    *("s", "Hz", "B", "b", "bit", "m", "g", "l", "L", "W", "Wh", "J", "eV", "V", "A", "Ah", "Pa"),
    *("Ω", "N", "mol", "cal", "bps", "Bps", "FLOP", "FLOPs", "FLOPS", "FLOP/s"),
)
_NAMES = {
    **{"second": "s", "sec": "s", "hertz": "Hz", "byte": "B", "bit": "b", "meter": "m"},
    **{"metre": "m", "gram": "g", "watt": "W", "joule": "J", "volt": "V", "gramm": "g"},
    **{"sekunde": "s", "seconde": "s", "segundo": "s"},
}
_SAME = {"bit": "b", "L": "l", "bps": "b/s", "Bps": "B/s", "FLOPs": "FLOP", "FLOP/s": "FLOPS"}
_OTHERS: dict[str, Unit] = {
    **dict.fromkeys(("%", "percent", "percents", "pct", "٪", "prozent", "procent"), (0.01, "")),
    **dict.fromkeys(("процент", "процента", "процентов"), (0.01, "")),
    **{"‰": (0.001, ""), "pp": (1.0, "pp"), "ppm": (1e-6, ""), "ppb": (1e-9, "")},
    **dict.fromkeys(("x", "×", "times", "fold"), (1.0, "×")),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "minuten", "мин"), (60.0, "s")),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "stunde", "stunden"), (3600.0, "s")),
    **dict.fromkeys(("day", "days"), (86400.0, "s")),
    **dict.fromkeys(("week", "weeks"), (604800.0, "s")),
    **dict.fromkeys(("month", "months"), (1.0, "month")),
    **dict.fromkeys(("year", "years", "yr", "yrs"), (12.0, "month")),
    **dict.fromkeys(("$", "usd", "dollar", "dollars"), (1.0, "$")),
    **dict.fromkeys(("€", "eur", "euro", "euros"), (1.0, "€")),
    **dict.fromkeys(("£", "gbp"), (1.0, "£")),
    **dict.fromkeys(("¥", "yen", "jpy"), (1.0, "¥")),
    **{"°": (1.0, "°"), "°C": (1.0, "°C"), "°F": (1.0, "°F"), "dB": (1.0, "dB")},
    **{"kb": (1e3, "B"), "mb": (1e6, "B"), "gb": (1e9, "B"), "tb": (1e12, "B")},
    **{"khz": (1e3, "Hz"), "mhz": (1e6, "Hz"), "ghz": (1e9, "Hz")},
    **{"thousand": (1e3, ""), "million": (1e6, ""), "billion": (1e9, ""), "trillion": (1e12, "")},
    **{"mio": (1e6, ""), "mrd": (1e9, ""), "тыс": (1e3, ""), "млн": (1e6, ""), "млрд": (1e9, "")},
    **{"мс": (1e-3, "s"), "мкс": (1e-6, "s"), "нс": (1e-9, "s"), "сек": (1.0, "s")},
}
# written without a space after the number; 年, 月 and 分 have other meanings, too
SPACELESS_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("秒", "초", "วินาที"), (1.0, "s")),
    **dict.fromkeys(("毫秒", "ミリ秒", "밀리초", "มิลลิวินาที"), (1e-3, "s")),
    **dict.fromkeys(("微秒", "マイクロ秒"), (1e-6, "s")),
    **dict.fromkeys(("纳秒", "奈秒", "ナノ秒"), (1e-9, "s")),
    **dict.fromkeys(("分钟", "分鐘", "分間"), (60.0, "s")),
    **dict.fromkeys(("小时", "小時", "時間", "시간"), (3600.0, "s")),
    **dict.fromkeys(("千", "천"), (1e3, "")),
    **dict.fromkeys(("万", "萬", "만"), (1e4, "")),
    **dict.fromkeys(("亿", "億", "억"), (1e8, "")),
    **{"百万": (1e6, ""), "ล้าน": (1e6, ""), "十亿": (1e9, ""), "倍": (1.0, "×"), "천만": (1e7, "")},
    **dict.fromkeys(("パーセント", "퍼센트", "เปอร์เซ็นต์", "प्रतिशत"), (0.01, "")),
    **dict.fromkeys(("个百分点", "個百分點"), (1.0, "pp")),
}
# multiples that a letter after a number can mean
_MULTIPLES = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_UNITS: dict[str, Unit] = {
    **_OTHERS,
    **SPACELESS_UNITS,
    **{
        prefix + name + end: (factor, symbol)
        for prefix, factor in _SPELT.items()
        for name, symbol in _NAMES.items()
        for end in ("", "s", "n")
    },
    **{
        prefix + symbol: (factor, _SAME.get(symbol, symbol))
        for prefix, factor in _PREFIXES.items()
        for symbol in _SYMBOLS
        if prefix + symbol not in ("min", "cd")
    },
}

# mm², km3
_SPACE = re.compile(r"([nµumck]?m)\^?([23])")


@lru_cache(maxsize=10_000)
def units_named(unit: str) -> list[Unit]:
    """The possible meanings of a unit, the likeliest first; empty if it is unknown."""
    many, _, of = unit.partition(" ")
    if of:
        return [(a * c, f"{b}{d}") for a, b in units_named(many) for c, d in units_named(of)]
    if space := _SPACE.fullmatch(unit):
        (factor, _), power = _UNITS[space[1]], int(space[2])
        return [(factor**power, f"m{power}")]
    over, _, under = unit.partition("/")
    if under and unit not in _UNITS:
        tops, bottoms = units_named(over), units_named(under)
        if not bottoms:  # 5 ms/token
            return [(a, f"{b}{end}") for end in (f"/{under.lower()}", "") for a, b in tops]
        return [(a / c, f"{b}/{d}") for a, b in tops or [(1.0, over.lower())] for c, d in bottoms]
    unit = unit.rstrip(".")
    found = [_UNITS.get(unit) or _UNITS.get(unit.lower())] if unit else []
    found.append((_MULTIPLES[unit], "") if unit in _MULTIPLES else None)
    return [one for one in found if one]
