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
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args

from papertune.study.methods import METHODS
from papertune.study.settings.base import NAME, Settings
from papertune.study.settings.models import PARTS, Model

Origins = dict[str, dict[str, str]]  # model → its key → that key as the user wrote it
Values = dict[str, Any]

NESTED: dict[str, type[Settings]] = {
    name: kind
    for name, field in Model.model_fields.items()
    for kind in (field.annotation, *get_args(field.annotation))
    if isinstance(kind, type) and issubclass(kind, Settings)
}
# every key that a sweep can have
SWEPT = [
    *(
        key
        for key in Model.model_fields
        if key not in {"label", "after", "sweep", "seeds", *NESTED}
    ),
    *(f"{part}.{key}" for part, kind in NESTED.items() for key in kind.model_fields),
]
SHORT = {"training.learning_rate": "", "lora.rank": "r"}  # other keys stand there by their own name
OWN = ("label", "sweep", "after")  # what a trial does not take over from the one before
MOST = 200  # models of one sweep


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after the most similar known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def expand(models: Mapping[str, Any]) -> tuple[Values, Origins]:
    """Plain models, in the order in which they are written, and where their keys come from.

    Args:
        models: ``models`` of an experiment file; what is no mapping is left as it is.

    Raises:
        ValueError: ``after`` or ``sweep`` cannot be resolved; names the key.
    """
    work = _Work(models)
    found: dict[str, str] = {}
    for name in models:
        for made in work.resolve(name):
            if made in found:
                raise ValueError(
                    f"models.{name}: makes another model {made!r}; models.{found[made]} makes one"
                )
            found[made] = name
    return {made: work.values[made] for made in found}, {made: work.origins[made] for made in found}


def as_written(problem: str, origins: Origins) -> str:
    """``models.<model>.<key>: …`` with the key as the user wrote it, whatever it was resolved to."""
    key, colon, message = problem.partition(": ")
    match key.split("."):
        case ["models", model, *parts] if model in origins:
            starts = [".".join(parts[:count]) for count in range(len(parts) + 1)]
            known = max(n for n, start in enumerate(starts) if start in origins[model])
            key = ".".join([origins[model][starts[known]], *parts[known:]])
    return f"{key}{colon}{message}"


class _Work:
    """What is resolved so far."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        self.models = models
        self.made: dict[str, list[str]] = {}  # name in the file → models that it stands for
        self.values: Values = {}
        self.origins: Origins = {}
        self.under_way: list[str] = []

    def resolve(self, name: str) -> list[str]:
        """Make the models of one name, those that it comes after first."""
        if name in self.made:
            return self.made[name]
        if name in self.under_way:
            circle = " → ".join([*self.under_way[self.under_way.index(name) :], name])
            raise ValueError(f"models.{name}.after: goes round in a circle, {circle}")
        self.under_way.append(name)
        values, origins = self.models[name], {"": f"models.{name}"}
        sweep = {}
        if isinstance(values, dict):
            sweep = values.get("sweep", {})
            values = {key: value for key, value in values.items() if key != "sweep"}
            origins |= {path: f"models.{name}.{path}" for path in _paths(values)}
            if values.get("after"):
                before = self._before(name, str(values["after"]))
                values = _merged(self._taken(before, values.get("method")), values)
                origins = self.origins[before] | origins
        if sweep == {}:
            self._keep(name, name, values, origins)
        else:
            self._sweep(name, sweep, values, origins)
        self.under_way.pop()
        return self.made[name]

    def _keep(self, name: str, made: str, values: Any, origins: dict[str, str]) -> None:
        self.made.setdefault(name, []).append(made)
        self.values[made], self.origins[made] = values, origins

    def _before(self, name: str, after: str) -> str:
        """The model that a trial comes after."""
        for written, model in self.models.items():
            # a single model of a sweep can be meant; its name begins with that of the sweep
            sweeps = isinstance(model, dict) and "sweep" in model and after not in self.models
            if after == written or (sweeps and after.startswith(f"{written}-")):
                self.resolve(written)
        if after in self.values:
            return after
        where = f"models.{name}.after: {after!r}"
        if after in self.made:
            raise ValueError(f"{where} is a sweep; take one of {', '.join(self.made[after])}")
        names = dict.fromkeys([*self.models, *self.values])
        raise ValueError(f"{where} is none of {', '.join(names)}{nearest(after, names)}")

    def _taken(self, before: str, method: Any) -> Values:
        """What a trial takes over: not what a method of its own has no use for."""
        known = METHODS.get(str(method))
        unused = {*PARTS} - {*known.uses} if known else set()
        values = self.values[before]
        if not isinstance(values, dict):
            raise ValueError(f"models.{before}: not a mapping of keys")
        return {key: values[key] for key in values if key not in {*OWN, *unused}}

    def _sweep(self, name: str, sweep: Any, values: Values, origins: dict[str, str]) -> None:
        where = f"models.{name}.sweep"
        if not isinstance(sweep, dict):
            raise ValueError(f"{where}: not a mapping of keys to lists of values")
        for key, choices in sweep.items():
            if key not in SWEPT:
                raise ValueError(f"{where}: unknown key {key!r}{nearest(str(key), SWEPT)}")
            if not isinstance(choices, list) or not choices:
                raise ValueError(f"{where}.{key}: not a list of values")
        combinations = list(itertools.product(*sweep.values()))
        if len(combinations) > MOST:
            raise ValueError(f"{where}: {len(combinations)} models, more than {MOST}")
        for chosen in combinations:
            change = dict(zip(sweep, chosen, strict=True))
            made = "-".join([name, *(_word(key, value) for key, value in change.items())])
            if made in self.made.get(name, []) or not re.match(NAME, made):
                raise ValueError(f"{where}: {change} makes no name of its own, but {made!r}")
            of_this = values
            for key, value in change.items():
                outer, _, inner = key.rpartition(".")
                of_this = _merged(of_this, {outer: {inner: value}} if outer else {inner: value})
            if values.get("label"):
                words = [f"{key.split('.')[-1]} {value}" for key, value in change.items()]
                of_this["label"] = ", ".join([values["label"], *words])
            self._keep(name, made, of_this, origins | {key: f"{where}.{key}" for key in change})


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
    if re.fullmatch(r"[+-]?\d*\.?\d+(e[+-]?\d+)?", str(value), re.IGNORECASE):
        return f"{short}{_number(Decimal(str(value)).normalize())}"
    words = value if isinstance(value, list) else ["none" if value is None else value]
    text = re.sub(r"[^a-z0-9_]+", "-", "-".join(map(str, words)).lower()).strip("-")
    return f"{short}-{text}" if "." in key else text


def _number(exact: Decimal) -> str:
    """A number without a dot: 5e-5, 15e-5, 8."""
    if exact == exact.to_integral_value() and abs(exact) < 10**6:
        return str(int(exact))
    sign, digits, exponent = exact.as_tuple()
    return f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"
