"""What all settings have in common: immutable, no unknown keys, an identity."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from papertune.errors import has_user, keys_in


@dataclass(frozen=True)
class Like:
    """Require a text to match ``pattern``, which an error describes in ``words``."""

    pattern: re.Pattern[str]
    words: str

    def check(self, value: str) -> str:
        """The text; ValueError where it does not match."""
        if not self.pattern.fullmatch(value):
            raise ValueError(f"has to be {self.words} (it is {value!r:.200})")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) | {"pattern": self.pattern.pattern}


NAME = r"^[a-z0-9][a-z0-9_-]*$"  # names become folder names and wildcards
NAMED = "a name of lower-case letters, digits, - and _"
Name = Annotated[str, Like(re.compile(NAME), NAMED)]
Commit = Annotated[str, Like(re.compile(r"^[0-9a-f]{40}$"), "a commit: 40 hex digits")]
CommitOrNone = Annotated[
    str, Like(re.compile(r"^([0-9a-f]{40})?$"), "a commit: 40 hex digits, not a branch or tag")
]
OnHub = Annotated[str, Like(re.compile(r"^[\w.-]+(/[\w.-]+)?$"), "a name of the Hub: owner/name")]

OnHubOrNone = Annotated[
    str, Like(re.compile(r"^([\w.-]+(/[\w.-]+)?)?$"), "a name of the Hub: owner/name")
]

BatchSize = Literal["auto"] | Annotated[int, Field(ge=1)]  # rows; auto: what memory holds


def _each_once(seeds: list[int]) -> list[int]:
    if twice := [seed for place, seed in enumerate(seeds) if seed in seeds[:place]]:
        raise ValueError(f"{twice[0]} is listed twice, and would count as two runs")
    return seeds


Seeds = Annotated[list[int], AfterValidator(_each_once)]


def _one_or_several(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        if len(set(value)) < len(value):
            raise ValueError("a generator is named twice")
        return value if len(value) > 1 else next(iter(value), "")
    if not isinstance(value, str):
        raise ValueError(f"name a generator, or a list of several (it is {value!r:.200})")
    return value


# a list of one is that name and an empty list the default, so identities have one spelling of each
Writers = Annotated[str | list[str], BeforeValidator(_one_or_several)]


def writers(value: str | list[str]) -> list[str]:
    """The names in a field of :data:`Writers`; none where it is empty."""
    return value if isinstance(value, list) else [value] if value else []


Place = tuple[int | str, ...]


def _words_for_numbers(kind: Any, value: Any, at: Place) -> Iterator[tuple[Place, bool, str]]:
    """Each place in a value with true or false for a number: place, value, the number's kind."""
    if not isinstance(value, (bool, list, dict)):
        return  # before anything is looked up: most values are none of these
    kinds = _alternatives(kind)
    if isinstance(value, bool):
        literal = {type(one) for k in kinds if get_origin(k) is Literal for one in get_args(k)}
        if {int, float} & (allowed := {*kinds} | literal) and bool not in allowed:
            yield at, value, "a whole number" if int in allowed else "a number"
    else:
        inside = [get_args(one)[-1] for one in kinds if get_origin(one) in (list, tuple, dict)]
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            for inner in inside[:1]:
                yield from _words_for_numbers(inner, one, (*at, key))


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        return [one for inner in get_args(kind) for one in _alternatives(inner)]
    return [kind]


def cosmetic(default: Any = ..., **how: Any) -> Any:
    """A field that no result depends on: a label, a thread count, a batch size of answering."""
    return Field(default, json_schema_extra={"cosmetic": True}, **how)


def added(default: Any, **how: Any) -> Any:
    """A field that is newer than some results: its default, which must mean what was done before,
    enters no identity."""
    return Field(default, json_schema_extra={"added": True}, **how)


class Settings(BaseModel):
    """Immutable, and every unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )
    one_of: ClassVar[tuple[str, ...]] = ()  # exactly one of these fields must be given
    some_of: ClassVar[tuple[str, ...]] = ()  # at least one of these

    @model_validator(mode="before")
    @classmethod
    def _no_word_for_a_number(cls, values: Any) -> Any:
        """Reject true and false for a number: Python takes true for 1, and YAML reads yes as true."""
        if not isinstance(values, dict):
            return values
        wrong: list[InitErrorDetails] = []
        for name, field in cls.model_fields.items():
            key = field.alias or name
            for where, word, wanted in _words_for_numbers(
                field.annotation, values.get(key), (key,)
            ):
                said = (
                    f"{wanted} is wanted, and this is {word}; YAML reads yes, no, on and off as true "
                    "and false"
                )
                error = PydanticCustomError("value_error", "{said}", {"said": said})
                wrong.append({"type": error, "loc": where, "input": word})
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return values

    @field_validator("*")
    @classmethod
    def _without_secrets(cls, value: Any, info: ValidationInfo) -> Any:
        """Reject addresses with keys: settings appear in logs, identities and results."""
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or (info.field_name == "query" and len(text.split()) > 1):
                continue  # a SPARQL query may contain `?token=?x`
            # libraries also accept a user name with blanks and quotes
            if has_user(text) or "@" in urlsplit(text).netloc or keys_in(text):
                what = "a user, password or key in an address would be sent, logged and kept"
                raise ValueError(f"{what}; leave it out, and give keys in environment variables")
        return value

    @model_validator(mode="after")
    def _are_given(self) -> Self:
        if self.one_of and sum(bool(getattr(self, name)) for name in self.one_of) != 1:
            raise ValueError(f"give exactly one of {', '.join(self.one_of)}")
        if self.some_of and not any(getattr(self, name) for name in self.some_of):
            raise ValueError(f"give at least one of {', '.join(self.some_of)}")
        return self

    def identity(self) -> dict[str, Any]:
        """The fields that results depend on, as JSON values."""
        values = {}
        for name, field in type(self).model_fields.items():
            marks = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            value = getattr(self, name)
            if marks.get("cosmetic") or (marks.get("added") and value == field.default):
                continue
            values[name] = identity_of(value)
        return values


def identity_of(value: Any) -> Any:
    """The identity of settings, data classes and containers of these, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: identity_of(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Settings):
        return value.identity()
    if isinstance(value, dict):
        return {key: identity_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [identity_of(item) for item in value]
    return value


class Years(Settings):
    """Years from first to last, both included."""

    first: int = Field(alias="from", ge=1600, le=2200, description="first year, included")
    last: int = Field(alias="to", ge=1600, le=2200, description="last year, included")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.last < self.first:
            none = f"no years from {self.first} to {self.last}"
            raise ValueError(f"{none}; put the earlier one in 'from'")
        return self

    def span(self) -> list[int]:
        """The years in order."""
        return list(range(self.first, self.last + 1))
