"""Settings of base language models: where each comes from."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from papertune.identity import fingerprint
from papertune.study.settings.base import CommitOrNone, Like, OnHubOrNone, Settings, added
from papertune.study.settings.pretraining import Pretraining

Distribution = Annotated[
    str,
    Like(
        re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,100}[A-Za-z0-9])?$"),
        "a distribution's name, as pip has it",
    ),
]


class PackagePart(Settings):
    """One part of a file that several packages carry."""

    name: Distribution = Field(description="distribution, as pip names it")
    version: str = Field("", description="that of the package itself where it is empty")
    file: str = Field(min_length=1, description="as the package's own record names it")


class Packaged(Settings):
    """A GGUF file in an installed Python package, whose code is never run.

    One ``file`` of it, or ``parts`` of one that are joined in their order. Licences are looked for
    in the package that ``name`` says, then in those of the parts.
    """

    one_of = ("file", "parts")
    name: Distribution = Field(description="distribution, as pip names it")
    version: str = Field(min_length=1, description="exactly this one")
    file: str = Field("", description="the GGUF file, as the package's own record names it")
    parts: list[PackagePart] = Field([], description="its parts in order, where it is cut up")

    @property
    def pieces(self) -> list[PackagePart]:
        """The parts with their versions; the file itself as the only one."""
        whole = [PackagePart(name=self.name, file=self.file)] if self.file else self.parts
        return [one.model_copy(update={"version": one.version or self.version}) for one in whole]

    @property
    def distributions(self) -> dict[str, str]:
        """Distribution → version of all that have to be installed, the package itself first."""
        return {self.name: self.version} | {one.name: one.version for one in self.pieces}


class Base(Settings):
    """Exactly one of: a Hub id with its revision, a local folder, a GGUF file, a GGUF file in a
    package, a base pre-trained here.
    """

    one_of = ("hub", "path", "gguf", "package", "pretrain")
    hub: OnHubOrNone = Field("", description="the base's id on the Hub; needs a revision")
    revision: CommitOrNone = Field(
        "",
        description=(
            "commit of the model on the Hub, 40 hex digits; empty for a local folder or a "
            "name that needs none"
        ),
    )
    path: str = Field("", description="folder of a base on disk")
    gguf: str = added(
        "", description="a file of llama.cpp's or Ollama's; a model folder is made of it"
    )
    package: Packaged | None = added(None, description="a Python package that has such a file")
    pretrain: Pretraining | None = Field(
        None, description="a base that is pre-trained here from scratch; null: none"
    )

    @property
    def origin(self) -> str:
        """What it is, whatever its name in the experiment."""
        packed = f"{self.package.name} {self.package.version}" if self.package else ""
        told = (self.hub, self.path, Path(self.gguf).name, packed)
        return next(filter(None, told), "pre-trained in this experiment")

    @property
    def made(self) -> str:
        """The name under which a model folder is made of a GGUF file, ``name/key``; else empty."""
        if self.package:
            what: Any = [[one.name, one.version, one.file] for one in self.package.pieces]
            name = f"{self.package.name}-{self.package.version}"
        elif self.gguf:
            what, name = self.gguf, Path(self.gguf).name.removesuffix(".gguf")
        else:
            return ""
        shown = re.sub(r"[^A-Za-z0-9_.+-]+", "-", name)[:100].strip("-.")
        return f"{shown or 'model'}/{fingerprint(what)}"

    @model_validator(mode="after")
    def _with_revision(self) -> Self:
        if self.hub and not self.revision:
            raise ValueError("a Hub base needs revision: a commit, 40 hex digits")
        return self
