"""Experiments and their files, as a run from the current directory finds them."""

from pathlib import Path

from papertune.owned import part_of
from papertune.study.configuration import check_configuration
from papertune.study.experiment_file import load_experiment, locate, name_of
from papertune.study.layout import Layout
from papertune.study.prompts import WORKFLOW
from papertune.study.yaml_text import read

CONFIG = "config/config.yaml"
FOLDERS = [Path("config/experiments"), WORKFLOW / "config/experiments"]


def layout_of(experiment: str) -> Layout:
    """The layout of an experiment given by name or path, for a run from the current directory.

    Raises:
        SettingsError: there is no such experiment, or its file or the configuration is wrong.
    """
    file = locate(experiment, FOLDERS)
    own = next(path for path in (Path(CONFIG), WORKFLOW / CONFIG) if path.exists())
    settings = check_configuration(read(own).values)
    resources = part_of(settings.resources, trust=settings.trust_group)
    return Layout(name_of(file), load_experiment(file), str(resources))
