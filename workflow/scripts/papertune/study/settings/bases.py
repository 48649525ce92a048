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
        "a distribution's name, as pip spells it",
    ),
]


class PackagePart(Settings):
    """One part of a GGUF file that is split over several packages."""

    name: Distribution = Field(description="distribution, as pip names it")
    version: str = Field("", description="version of the distribution; empty: that of the package")
    file: str = Field(min_length=1, description="path of the part, as in the package's RECORD")


class Packaged(Settings):
    """A GGUF file in an installed Python package, whose code is never run.

    Either one ``file``, or ``parts`` that are joined in order. Licences are searched for in the
    package ``name``, then in those of the parts.
    """

    one_of = ("file", "parts")
    name: Distribution = Field(description="distribution, as pip names it")
    version: str = Field(min_length=1, description="the exact version of the package")
    file: str = Field("", description="path of the GGUF file, as in the package's RECORD")
    parts: list[PackagePart] = Field([], description="parts of a split GGUF file, in order")

    @property
    def pieces(self) -> list[PackagePart]:
        """The parts with their versions; a whole file is the only part."""
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
        description="commit of the base on the Hub, 40 hex digits; required with hub, else empty",
    )
    path: str = Field("", description="folder of a base on disk")
    gguf: str = added(
        "", description="a GGUF file (llama.cpp, Ollama), converted to a model folder"
    )
    package: Packaged | None = added(None, description="a Python package with a GGUF file")
    pretrain: Pretraining | None = Field(
        None, description="a base that is pre-trained here from scratch; null: none"
    )

    @property
    def origin(self) -> str:
        """Its Hub id, folder, file or package, independent of its name in the experiment."""
        packed = f"{self.package.name} {self.package.version}" if self.package else ""
        told = (self.hub, self.path, Path(self.gguf).name, packed)
        return next(filter(None, told), "pre-trained in this experiment")

    @property
    def made(self) -> str:
        """``name/key`` of the model folder that is made from a GGUF file; else empty."""
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
