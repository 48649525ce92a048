"""``config/config.yaml``, and the keys that ``--config`` replaces."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from papertune.study.mistakes import checked
from papertune.study.settings import Settings, Words
from papertune.study.yaml_text import Written, read


class Configuration(Settings):
    """The experiments of a run, its folders, and what it allows."""

    experiments: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="names of files in config/experiments, or paths"
    )
    store: str = Field("store", min_length=1, description="folder of finished per-item work")
    resources: str = Field("resources", min_length=1, description="folder that experiments share")
    container: str = Field(
        "papertune.sif",
        min_length=1,
        description="image of `--sdm apptainer`: a file, or an address (docker://…)",
    )
    trust_group: bool = Field(
        False, description="share the store and resources with the members of a group"
    )
    commands: list[Words] = Field(
        [], description="command lines (`serve`, `adapters`) that experiment files may run"
    )
    yes: bool = Field(False, description="`snakemake prune` deletes without asking")

    @field_validator("experiments", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        """``--config experiments=demo,isca`` gives one text."""
        names = value.split(",") if isinstance(value, str) else value
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            raise ValueError("an experiment is named twice")
        return names


def check_configuration(values: dict[str, Any]) -> Configuration:
    """The configuration from ``config/config.yaml`` and the command line together.

    Raises:
        SettingsError: a key is unknown, missing or of the wrong kind.
    """
    path = Path("config/config.yaml")
    root = read(path).root if path.is_file() else None
    told = Written(f"{path} or --config", values, root, str(path))
    return checked(Configuration, told)
