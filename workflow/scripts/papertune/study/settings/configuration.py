"""``config/config.yaml``: which experiments to run and where shared things lie."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from papertune.study.settings.base import Settings


def _as_list(value: object) -> object:
    """``--config experiments=demo,isca`` gives one text."""
    return value.split(",") if isinstance(value, str) else value


class Configuration(Settings):
    """What a run makes and where it keeps what outlives it."""

    experiments: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(min_length=1, description="names of files in config/experiments, or paths"),
        BeforeValidator(_as_list),
    ]
    store: str = Field("store", min_length=1, description="folder of finished per-item work")
    resources: str = Field(
        "resources", min_length=1, description="folder of what experiments share"
    )

    yes: bool = Field(False, description="`snakemake prune` deletes without asking")

    @field_validator("experiments")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("an experiment is named twice")
        return names
