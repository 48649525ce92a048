"""Errors of settings in words: the key as it was written, its place, what it may be."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from papertune.errors import PapertuneError, SettingsError
from papertune.study.settings import Settings
from papertune.study.settings.notation import as_written, expand, nearest
from papertune.study.yaml_text import Written

Checked = TypeVar("Checked", bound=Settings)
SHOWN = 50  # problems in one error
KEYS = 25  # longest list of keys or choices that is shown in full
# other names of kinds of sources → what to write
KINDS = {
    **dict.fromkeys(
        ["csv", "tsv", "json", "jsonl", "ndjson", "parquet", "xlsx", "excel", "table", "file", "local"],
        "`kind: files` with `path: papers.csv` (its ending says which)",
    ),
    **dict.fromkeys(["pdf", "folder"], "`kind: pdfs` with `path: papers/` and the folder's name"),
    **dict.fromkeys(["bib", "zotero", "mendeley", "biblatex"], "`kind: bibtex` with `path: papers.bib`"),
    **dict.fromkeys(["qa", "questions", "alpaca", "sharegpt"], "`kind: pairs` with `path: pairs.jsonl`"),
    **dict.fromkeys(["stackoverflow", "stack_overflow", "se"], "`kind: stack_exchange`"),
    **dict.fromkeys(["wiki", "mediawiki"], "`kind: wikipedia`"),
    **dict.fromkeys(["hf", "huggingface", "dataset", "hub"], "`kind: hub_dataset`"),
}  # fmt: skip
_LIMITS = {
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be {le} at most",
    "string_too_short": "has to have at least {min_length} character(s)",
    "string_too_long": "has to have {max_length} characters at most",
    "too_short": "has to have at least {min_length}",
    "too_long": "has to have {max_length} at most",
    "string_pattern_mismatch": "has to look like {pattern}",
    "finite_number": "has to be a finite number",
}
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping of keys",
    "model": "a mapping of keys",
}


def checked(kind: type[Checked], written: Written) -> Checked:
    """Settings of a kind from the values of a file.

    Raises:
        SettingsError: names each key that is unknown, missing or of the wrong kind, and its place.
    """
    try:
        return kind.model_validate(written.values)
    except ValidationError as error:
        values, origins = written.values, dict[str, dict[str, str]]()
        if isinstance(models := values.get("models"), dict):
            with suppress(ValueError):  # the problem is one of the notation itself
                plain, origins = expand(models)
                values = values | {"models": plain}
        found = error.errors()
        told = [as_written(_explain(item, kind, values), origins) for item in found[:SHOWN]]
        problems = list(dict.fromkeys(told))  # all models of a sweep have the same one
        more = len(found) - SHOWN
        raise refused(problems, written, more=max(more, 0)) from None


def refused(problems: Iterable[str], written: Written, more: int = 0) -> SettingsError:
    """One error for problems ``key: what is wrong``, each with its key's file, line and column."""
    told = [(written.place(problem.partition(": ")[0].split(".")), problem) for problem in problems]
    hint = "config/README.md explains every key"
    if len(told) == 1 and not more:
        [(where, what)] = told
        return SettingsError(what, where=where, hint=hint)
    lines = [f"\n  - {where}: {what}" for where, what in told]
    lines += [f"\n  - and {more:,} more"] * bool(more)
    return SettingsError(f"{len(told) + more:,} things are wrong{''.join(lines)}",
                         where=written.path, hint=hint)  # fmt: skip


def of_key(error: PapertuneError, key: str, written: Written) -> SettingsError:
    """An error about what a key refers to, with that key and its file, line and column.

    An error that already names a key keeps that key.
    """
    named = error.where.startswith(f"{key.partition('.')[0]}.")
    key, where = (error.where, "") if named else (key, error.where)
    what = ": ".join(filter(None, (key, where, error.what)))
    return SettingsError(what, where=written.place(key.split(".")), hint=error.hint)


def _explain(problem: Any, kind: type[Settings], values: Any) -> str:
    """One line: the key as the user wrote it, what is wrong, what to write."""
    of, loc, given = problem["type"], problem["loc"], problem["input"]
    outer = of in {"extra_forbidden", "missing"}  # the problem is in the mapping around the key
    keys, here = _walk(kind, values, loc[:-1] if outer else loc)
    keys += map(str, loc[-1:] if outer else ())
    where = ".".join(keys) or "the file"
    context = problem.get("ctx", {})
    if of == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {message}" if keys else message
    if of == "extra_forbidden":
        known = _keys_of(here)
        elsewhere = [place for one in here for place in _places(one, keys[-1])]
        near = f"; it belongs in {elsewhere[0]}" if elsewhere else nearest(keys[-1], known)
        return f"{where}: unknown key{near or _listed(known)}"
    if of == "missing":
        return f"{where}: missing"
    if of == "union_tag_not_found":
        name = context["discriminator"].strip("'")  # pydantic names it in quotes
        return f"{where}.{name}: missing; write one of {', '.join(_tags(here, name))}"
    if of == "union_tag_invalid":
        name, tag = context["discriminator"].strip("'"), str(context["tag"])
        kinds = context["expected_tags"].replace("'", "").split(", ")
        if tag.lower() in KINDS and "files" in kinds:
            return f"{where}.{name}: there is no {tag!r}; write {KINDS[tag.lower()]}"
        return f"{where}.{name}: {_none_of(tag, kinds)}"
    if of == "literal_error":
        choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"{where}: {_none_of(given, choices)}{_advice(given)}"
    if of in _LIMITS:
        return f"{where}: {_LIMITS[of].format(**context)} (it is {given!r:.200})"
    wanted = _WANTED.get(of.partition("_")[0])
    if wanted and of.endswith(("_type", "_parsing", "_from_float", "_unicode")):
        said = str(given) if isinstance(given, date) else repr(given)
        this = "nothing is there" if given is None else f"this is {said:.200}"
        advice = _listed(_keys_of(here)) if wanted.startswith("a mapping") else ""
        if wanted == "a list" and not isinstance(given, dict | None):
            advice = f"; write [{given}]"[:200]
        advice = advice or _advice(given)
        if wanted == "a text" and isinstance(given, date | float | int):
            advice = advice or "; put it into quotes"
        return f"{where}: {wanted} is wanted, and {this}{advice}"
    return f"{where}: {problem['msg']} (it is {given!r:.200})"


def _none_of(given: Any, choices: list[str]) -> str:
    near = nearest(str(given), choices)
    listed = "" if near and len(choices) > KEYS else f" of {', '.join(choices)}"
    return f"{given!r:.200} is none{listed or ' of the choices'}{near}"


def _advice(given: Any) -> str:
    """What to write for a value that means something else in YAML or here."""
    if isinstance(given, bool):
        return "; YAML reads yes, no, on and off as true and false: put a word into quotes"
    if isinstance(given, str) and (share := re.fullmatch(r"([\d.]{1,9}) ?%", given)):
        with suppress(ValueError):
            return f"; write {float(share[1]) / 100:g}"
    return ""


def _walk(
    kind: type[Settings], values: Any, loc: tuple[Any, ...]
) -> tuple[list[str], list[type[Settings]]]:
    """Keys as they were written, and the classes of settings that are possible there.

    ``loc`` cannot be used as it is: pydantic names the branches of unions as if they were keys.
    """
    keys, here, nested, value = list[str](), [kind], 0, values
    for part in loc:
        there = isinstance(value, dict) and part in value
        item = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if not (there or item):
            continue
        keys.append(str(part))
        value = value[part]
        if nested:
            nested -= 1
        else:
            fields = [field for one in here for field in [_field(one, str(part))] if field]
            found = [_settings_in(field.annotation) for field in fields]
            here = list(dict.fromkeys(one for some, _ in found for one in some)) or here
            nested = max((depth for _, depth in found), default=0)
        if not nested and isinstance(value, dict):
            here = [one for one in here if _fits(one, value)] or here
    return keys, here


def _field(kind: type[Settings], key: str) -> Any:
    fields = kind.model_fields
    return fields.get(key) or next((one for one in fields.values() if one.alias == key), None)


def _settings_in(annotation: Any) -> tuple[list[type[Settings]], int]:
    """The classes of settings in an annotation, and the depth of lists or mappings around them."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation], 0
    inner = [_settings_in(one) for one in get_args(annotation)]
    found = [one for some, _ in inner for one in some]
    deep = max((depth for some, depth in inner if some), default=0)
    return found, deep + (get_origin(annotation) in (list, dict) and bool(found))


def _fits(kind: type[Settings], value: dict[str, Any]) -> bool:
    """Whether a mapping has the literal (its ``kind``, say) that these settings require."""
    for name, field in kind.model_fields.items():
        if get_origin(field.annotation) is Literal and field.is_required() and name in value:
            return value[name] in get_args(field.annotation)
    return True


def _tags(kinds: Iterable[type[Settings]], name: str) -> list[str]:
    fields = [kind.model_fields[name] for kind in kinds if name in kind.model_fields]
    return [tag for field in fields for tag in get_args(field.annotation)]


def _places(kind: type[Settings], key: str, above: tuple[str, ...] = ()) -> list[str]:
    """Dotted paths at which settings of a kind can have a key, below the top: ``training.epochs``."""
    found = [".".join([*above, key])] * bool(above and _field(kind, key))
    for name, field in kind.model_fields.items():
        inner, depth = _settings_in(field.annotation)
        if len(inner) == 1 and not depth and len(above) < 2:
            found += _places(inner[0], key, (*above, field.alias or name))
    return sorted(found, key=len)


def _keys_of(kinds: Iterable[type[Settings]]) -> list[str]:
    """The keys of some settings, as a file spells them."""
    fields = (item for kind in kinds for item in kind.model_fields.items())
    return list(dict.fromkeys(field.alias or name for name, field in fields))


def _listed(keys: list[str]) -> str:
    return f"; there can be {', '.join(keys)}" if 0 < len(keys) <= KEYS else ""
