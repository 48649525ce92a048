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
Made = dict[str, tuple[Any, dict[str, str]]]  # model → its values, and its entry of Origins

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
SHORT = {"training.learning_rate": "", "lora.rank": "r"}  # in names; other keys are not abbreviated
OWN = {"label", "sweep", "after"}  # keys that a trial does not inherit
MOST = 200  # models of one sweep
SHOWN = 12  # names that an error lists


def nearest(name: str, known: Iterable[str]) -> str:
    """``" (did you mean 'name'?)"`` with the most similar known name; empty if none is similar."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def expand(models: Mapping[str, Any]) -> tuple[Values, Origins]:
    """Plain models, in the order in which they are written, and where their keys come from.

    Raises:
        ValueError: ``after`` or ``sweep`` cannot be resolved; names the key.
    """
    resolved: dict[str, Made] = {}
    made: Made = {}
    for name in models:
        if not isinstance(name, str):
            raise ValueError(f"models.{name}: a name is a text; write it in quotes")
        for one in _in_turn(name, models, resolved):
            resolved[one] = _resolved(one, models, resolved, made)
            for own in resolved[one]:
                if own in made:
                    first, again = sorted((one, _origin(own, resolved)), key=[*models].index)
                    twice = f"models.{again}: makes a model {own!r}, as models.{first} does"
                    raise ValueError(f"{twice}; rename one of them")
            made |= resolved[one]
    written = [item for name in models for item in resolved[name].items()]
    return {own: one for own, (one, _) in written}, {own: keys for own, (_, keys) in written}


def as_written(problem: str, origins: Origins) -> str:
    """``models.<model>.<key>: …`` with the key as the user wrote it, whatever it was resolved to."""
    key, colon, message = problem.partition(": ")
    match key.split("."):
        case ["models", model, *parts] if model in origins:
            starts = [".".join(parts[:count]) for count in range(len(parts) + 1)]
            known = max(n for n, start in enumerate(starts) if start in origins[model])
            key = ".".join([origins[model][starts[known]], *parts[known:]])
    return f"{key}{colon}{message}"


def _origin(made: str, resolved: Mapping[str, Made]) -> str:
    """The first name in the file that stands for a model."""
    return next(name for name, some in resolved.items() if made in some)


def _in_turn(name: str, models: Mapping[str, Any], resolved: Mapping[str, Made]) -> Iterator[str]:
    """The names that must still be resolved for ``name``, in order, itself last.

    Without recursion, as a series may be long.
    """
    waiting = {name: None}  # each comes after the next
    while waiting:
        last = next(reversed(waiting))
        before = next((one for one in _before(last, models) if one not in resolved), None)
        if before in waiting:
            circle = [*waiting]
            circle = [*circle[circle.index(before) :], before]
            shown = circle if len(circle) <= SHOWN else [*circle[: SHOWN - 2], "…", before]
            where = f"models.{before}.after: makes a cycle"
            raise ValueError(f"{where}, {' → '.join(shown)}; one of them needs base and method")
        if before is not None:
            waiting[before] = None
        else:
            if last not in resolved:
                yield last
            del waiting[last]


def _before(name: str, models: Mapping[str, Any]) -> list[str]:
    """The names in the file that may define the model that ``after`` names."""
    after = _after(models[name])
    if not after or after in models:
        return [after] * bool(after)
    # it may be one model of a sweep, whose name begins with that of the sweep
    sweeps = (one for one, model in models.items() if isinstance(model, dict) and "sweep" in model)
    return [one for one in sweeps if after.startswith(f"{one}-")]


def _after(values: Any) -> str:
    return str(values.get("after") or "") if isinstance(values, dict) else ""


def _resolved(
    name: str, models: Mapping[str, Any], resolved: Mapping[str, Made], made: Made
) -> Made:
    """The models that a name in the file stands for; the one that it comes after is in ``made``."""
    values, origins, sweep = models[name], {"": f"models.{name}"}, {}
    if isinstance(values, dict):
        sweep = values.get("sweep", {})
        values = {key: value for key, value in values.items() if key != "sweep"}
        origins |= {path: f"models.{name}.{path}" for path in _paths(values)}
        if after := _after(values):
            if after not in made:
                where = f"models.{name}.after: {after!r}"
                if some := resolved.get(after):
                    raise ValueError(f"{where} is a sweep; take one of {_listed(some)}")
                names = dict.fromkeys([*models, *made])
                near = nearest(after, names)
                raise ValueError(f"{where} is none of {_listed(names)}{near}")
            before, keys = made[after]
            if not isinstance(before, dict):
                raise ValueError(f"models.{after}: not a mapping of keys")
            # a model with another method inherits no part that this method does not use
            known = METHODS.get(str(values.get("method")))
            left = OWN | ({*PARTS} - {*known.uses} if known else set())
            values = _merged({key: before[key] for key in before if key not in left}, values)
            origins = keys | origins
    one = {name: (values, origins)}
    return one if sweep == {} else dict(_swept(name, sweep, values, origins))


def _listed(names: Iterable[str]) -> str:
    """The names in a row, at most :data:`SHOWN` of them."""
    told = list(names)
    more = f" and {len(told) - SHOWN:,} more" if len(told) > SHOWN else ""
    return ", ".join(told[:SHOWN]) + more


def _swept(
    name: str, sweep: Any, values: Values, origins: dict[str, str]
) -> Iterator[tuple[str, tuple[Values, dict[str, str]]]]:
    """A model for each combination."""
    where = f"models.{name}.sweep"
    if not isinstance(sweep, dict):
        raise ValueError(f"{where}: not a mapping of keys to lists of values")
    for key, choices in sweep.items():
        if key not in SWEPT:
            near = (
                nearest(str(key), SWEPT) or "; keys are such as training.learning_rate, lora.rank"
            )
            raise ValueError(f"{where}: unknown key {key!r}{near}")
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
            raise ValueError(f"{where}: {change} needs a unique, valid name, and makes {made!r}")
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
