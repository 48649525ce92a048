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

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from papertune.study.methods import METHODS
from papertune.study.settings.base import NAME, Settings
from papertune.study.settings.models import (
    PARTS,
    Model,
)

Origins = dict[str, dict[str, str]]  # model → its key → that key as the user wrote it
Values = dict[str, Any]

NESTED: dict[str, type[Settings]] = {
    name: kind
    for name, field in Model.model_fields.items()
    for kind in (field.annotation, *get_args(field.annotation))
    if isinstance(kind, type) and issubclass(kind, Settings)
}
NOT_SWEPT = {"label", "after", "sweep", "seeds", *NESTED}
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
    for name in models:
        work.resolve(name)
    found: dict[str, str] = {}
    for name in models:
        for made in work.made[name]:
            if made in found:
                raise ValueError(
                    f"models.{name}: makes another model {made!r}; models.{found[made]} makes one"
                )
            found[made] = name
    return {made: work.values[made] for made in found}, {made: work.origins[made] for made in found}


def as_written(key: str, origins: Origins) -> str:
    """``models.<model>.<key>`` as the user wrote it, whatever it was resolved to."""
    match = re.match(r"models\.([^.:]+)\.?(.*)", key)
    if not match or match[1] not in origins:
        return key
    model, inner = match[1], match[2]
    parts = inner.split(".") if inner else []
    for count in range(len(parts), -1, -1):
        written = origins[model].get(".".join(parts[:count]))
        if written is not None:
            return ".".join([written, *parts[count:]])
    return key


class _Work:
    """What is resolved so far."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        self.models = models
        self.made: dict[str, list[str]] = {}  # name in the file → models that it stands for
        self.values: Values = {}
        self.origins: Origins = {}
        self.under_way: list[str] = []

    def resolve(self, name: str) -> None:
        """Make the models of one name, those that it comes after first."""
        if name in self.made:
            return
        own = self.models[name]
        if not isinstance(own, dict):
            self._keep(name, name, own, {"": f"models.{name}"})
            return
        if name in self.under_way:
            circle = " → ".join([*self.under_way[self.under_way.index(name) :], name])
            raise ValueError(f"models.{name}.after: goes round in a circle, {circle}")
        self.under_way.append(name)
        values = {key: value for key, value in own.items() if key != "sweep"}
        origins = {"": f"models.{name}"} | {
            path: f"models.{name}.{path}" for path, _ in _leaves(values)
        }
        if own.get("after"):
            before = self._before(name, str(own["after"]))
            taken = {
                key: value
                for key, value in self.values[before].items()
                if key not in OWN and not _is_unused(key, own.get("method"))
            }
            values = _merged(taken, values)
            origins = self.origins[before] | origins
        if own.get("sweep", {}) != {}:
            self._sweep(name, own["sweep"], values, origins)
        else:
            self._keep(name, name, values, origins)
        self.under_way.pop()

    def _keep(self, name: str, made: str, values: Any, origins: dict[str, str]) -> None:
        self.made.setdefault(name, []).append(made)
        self.values[made], self.origins[made] = values, origins

    def _before(self, name: str, after: str) -> str:
        """The model that a trial comes after."""
        if after in self.models:
            self.resolve(after)
        else:  # a single model of a sweep can be meant; its name begins with that of the sweep
            for written, model in self.models.items():
                sweeps = isinstance(model, dict) and "sweep" in model
                if sweeps and after.startswith(f"{written}-"):
                    self.resolve(written)
        known = [made for several in self.made.values() for made in several]
        if after in self.values:
            return after
        if after in self.made:
            raise ValueError(
                f"models.{name}.after: {after!r} is a sweep; take one of "
                f"{', '.join(self.made[after])}"
            )
        names = [*self.models, *known]
        raise ValueError(
            f"models.{name}.after: {after!r} is none of {', '.join(dict.fromkeys(names))}"
            f"{nearest(after, names)}"
        )

    def _sweep(self, name: str, sweep: Any, values: Values, origins: dict[str, str]) -> None:
        where = f"models.{name}.sweep"
        if not isinstance(sweep, dict) or not sweep:
            raise ValueError(f"{where}: not a mapping of keys to lists of values")
        known = _keys()
        for key, choices in sweep.items():
            if key not in known:
                raise ValueError(f"{where}: unknown key {key!r}{nearest(str(key), known)}")
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
                *outer, inner = key.split(".")
                nested = {inner: value}
                of_this = _merged(of_this, {outer[0]: nested} if outer else nested)
            if values.get("label"):
                of_this["label"] = ", ".join(
                    [values["label"], *(f"{k.split('.')[-1]} {v}" for k, v in change.items())]
                )
            self._keep(name, made, of_this, origins | {key: f"{where}.{key}" for key in change})


def _is_unused(part: str, method: Any) -> bool:
    """Whether a trial with a method of its own has no use for a part of the one before."""
    return part in PARTS and method in METHODS and part not in METHODS[method].uses


def _merged(before: Values, change: Values) -> Values:
    """``before`` with a change on top; mappings are merged, lists and other values replaced.

    A part of which exactly one key is to be given (``subset``) is replaced as a whole.
    """
    merged = dict(before)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict) and key != "subset":
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _leaves(values: Values, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key and its value."""
    for key, value in values.items():
        yield f"{prefix}{key}", value
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")


def _keys() -> list[str]:
    """Every key that a sweep can have."""
    inner = [f"{part}.{key}" for part, kind in NESTED.items() for key in kind.model_fields]
    return [*(key for key in Model.model_fields if key not in NOT_SWEPT), *inner]


def _word(key: str, value: Any) -> str:
    """What a value adds to a model's name: 1e-5, r8, alpha16, schedule-cosine."""
    text = _number(value)
    short = SHORT.get(key, key.rpartition(".")[2])
    if text is not None:
        return f"{short}{text}"
    words = value if isinstance(value, list) else ["none" if value is None else value]
    text = re.sub(r"[^a-z0-9_]+", "-", "-".join(map(str, words)).lower()).strip("-")
    return f"{short}-{text}" if "." in key else text


def _number(value: Any) -> str | None:
    """A number without a dot: 5e-5, 15e-5, 8; None for what is no number.

    YAML 1.1 reads ``1e-5``, without a dot, as text.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        exact = Decimal(str(value)).normalize()
    except InvalidOperation:
        return None
    if not exact.is_finite():
        return None
    if exact == exact.to_integral_value() and abs(exact) < 10**6:
        return str(int(exact))
    sign, digits, exponent = exact.as_tuple()
    return f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"
