"""Short ways to write many models: trial series (``after``) and sweeps (``sweep``).

Both are resolved before anything is checked, so that the rest of the program knows plain models
only::

    models:
      trial-1: {base: small, method: lora}
      trial-2: {after: trial-1, training: {learning_rate: 1.0e-4}}  # trial-1 with one change
      lora:
        base: small
        method: lora
        sweep: {training.learning_rate: [1.0e-5, 5.0e-5], lora.rank: [8, 64]}

The last one stands for four models: lora-1e-5-r8, lora-1e-5-r64, lora-5e-5-r8, lora-5e-5-r64.
"""

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args

from papertune.study.methods import METHODS
from papertune.study.settings.base import NAME, Settings
from papertune.study.settings.models import PARTS, Model

Values = dict[str, Any]
Origins = dict[str, dict[str, str]]  # model → its key → that key as the user wrote it
Made = dict[str, tuple[Any, dict[str, str]]]  # model → its values, and its part of the above

NESTED: dict[str, type[Settings]] = {
    name: kind
    for name, field in Model.model_fields.items()
    for kind in (field.annotation, *get_args(field.annotation))
    if isinstance(kind, type) and issubclass(kind, Settings)
}
# every key that a sweep can have
SWEPT = [
    key for key in Model.model_fields if key not in {"label", "after", "sweep", "seeds", *NESTED}
]
SWEPT += [f"{part}.{key}" for part, kind in NESTED.items() for key in kind.model_fields]
SHORT = {"training.learning_rate": "", "lora.rank": "r"}  # other keys stand there by their own name
OWN = {"label", "sweep", "after"}  # what a trial does not take over from the one before
MOST = 200  # models of one sweep


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after the most similar known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def expand(models: Mapping[str, Any]) -> tuple[Values, Origins]:
    """Plain models, in the order in which they are written, and where their keys come from.

    Raises:
        ValueError: ``after`` or ``sweep`` cannot be resolved; names the key.
    """
    resolved: dict[str, Made] = {}
    values: Values = {}
    origins: Origins = {}
    for name in models:
        for made, (chosen, keys) in _resolve(name, models, resolved, ()).items():
            if made in values:
                first = next(other for other in models if made in resolved[other])
                again = f"models.{name}: makes another model {made!r}"
                raise ValueError(f"{again}; models.{first} makes one")
            values[made], origins[made] = chosen, keys
    return values, origins


def as_written(problem: str, origins: Origins) -> str:
    """``models.<model>.<key>: …`` with the key as the user wrote it, whatever it was resolved to."""
    key, colon, message = problem.partition(": ")
    match key.split("."):
        case ["models", model, *parts] if model in origins:
            starts = [".".join(parts[:count]) for count in range(len(parts) + 1)]
            known = max(n for n, start in enumerate(starts) if start in origins[model])
            key = ".".join([origins[model][starts[known]], *parts[known:]])
    return f"{key}{colon}{message}"


def _resolve(
    name: str, models: Mapping[str, Any], resolved: dict[str, Made], waiting: tuple[str, ...]
) -> Made:
    """The models that a name in the file stands for; ``waiting`` are those that come after it."""
    if name in resolved:
        return resolved[name]
    if name in waiting:
        circle = " → ".join([*waiting[waiting.index(name) :], name])
        raise ValueError(f"models.{name}.after: goes round in a circle, {circle}")
    values, origins, sweep = models[name], {"": f"models.{name}"}, {}
    if isinstance(values, dict):
        sweep = values.get("sweep", {})
        values = {key: value for key, value in values.items() if key != "sweep"}
        origins |= {path: f"models.{name}.{path}" for path in _paths(values)}
        if after := str(values.get("after") or ""):
            for written, model in models.items():
                # a single model of a sweep can be meant; its name begins with that of the sweep
                sweeps = isinstance(model, dict) and "sweep" in model and after not in models
                if after == written or (sweeps and after.startswith(f"{written}-")):
                    _resolve(written, models, resolved, (*waiting, name))
            made = {key: one for some in resolved.values() for key, one in some.items()}
            if after not in made:
                where = f"models.{name}.after: {after!r}"
                if some := resolved.get(after):
                    raise ValueError(f"{where} is a sweep; take one of {', '.join(some)}")
                names = dict.fromkeys([*models, *made])
                raise ValueError(f"{where} is none of {', '.join(names)}{nearest(after, names)}")
            before, keys = made[after]
            if not isinstance(before, dict):
                raise ValueError(f"models.{after}: not a mapping of keys")
            # not what a method of its own has no use for
            known = METHODS.get(str(values.get("method")))
            left = OWN | ({*PARTS} - {*known.uses} if known else set())
            values = _merged({key: before[key] for key in before if key not in left}, values)
            origins = keys | origins
    one = {name: (values, origins)}
    resolved[name] = one if sweep == {} else dict(_swept(name, sweep, values, origins))
    return resolved[name]


def _swept(
    name: str, sweep: Any, values: Values, origins: dict[str, str]
) -> Iterator[tuple[str, tuple[Values, dict[str, str]]]]:
    """A model for each combination."""
    where = f"models.{name}.sweep"
    if not isinstance(sweep, dict):
        raise ValueError(f"{where}: not a mapping of keys to lists of values")
    for key, choices in sweep.items():
        if key not in SWEPT:
            raise ValueError(f"{where}: unknown key {key!r}{nearest(str(key), SWEPT)}")
        if not isinstance(choices, list) or not choices:
            raise ValueError(f"{where}.{key}: not a list of values")
    if (count := math.prod(map(len, sweep.values()))) > MOST:
        raise ValueError(f"{where}: {count} models, more than {MOST}")
    combinations = list(itertools.product(*sweep.values()))
    names = set()
    for chosen in combinations:
        change = dict(zip(sweep, chosen, strict=True))
        made = "-".join([name, *(_word(key, value) for key, value in change.items())])
        if made in names or not re.match(NAME, made):
            raise ValueError(f"{where}: {change} makes no name of its own, but {made!r}")
        names.add(made)
        of_this = values
        for key, value in change.items():
            outer, _, inner = key.rpartition(".")
            of_this = _merged(of_this, {outer: {inner: value}} if outer else {inner: value})
        if values.get("label"):
            words = [f"{key.split('.')[-1]} {value}" for key, value in change.items()]
            of_this["label"] = ", ".join([values["label"], *words])
        yield made, (of_this, origins | {key: f"{where}.{key}" for key in change})


def _merged(before: Values, change: Values) -> Values:
    """``before`` with a change on top; mappings are merged, lists and other values replaced.

    A part of which exactly one key is to be given (``subset``) is replaced as a whole.
    """
    merged = before | change
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(before.get(key), dict) and key != "subset":
            merged[key] = _merged(before[key], value)
    return merged


def _paths(values: Values, prefix: str = "") -> Iterator[str]:
    """Every dotted key."""
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")


def _word(key: str, value: Any) -> str:
    """What a value adds to a model's name: 1e-5, r8, alpha16, schedule-cosine."""
    short = SHORT.get(key, key.rpartition(".")[2])
    # YAML 1.1 reads 1e-5, without a dot, as text
    if re.fullmatch(r"[+-]?(?:\d++(?:\.\d++)?|\.\d++)(?:e[+-]?\d++)?", str(value), re.IGNORECASE):
        exact = Decimal(str(value)).normalize()
        if exact == exact.to_integral_value() and abs(exact) < 10**6:
            return f"{short}{int(exact)}"
        sign, digits, exponent = exact.as_tuple()
        return f"{short}{'-' * sign}{''.join(map(str, digits))}e{exponent}"
    words = value if isinstance(value, list) else ["none" if value is None else value]
    text = re.sub(r"[^a-z0-9_]+", "-", "-".join(map(str, words)).lower()).strip("-")
    return f"{short}-{text}" if "." in key else text
