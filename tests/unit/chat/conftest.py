"""One small study for all tests of the chat."""

import pytest

from chat_study import make_chat_study
from papertune.chat.choices import Choices
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return make_chat_study(tmp_path_factory.mktemp("talk"))


@pytest.fixture
def choices(folder):
    """What there is to choose, with some settings changed."""

    def made(**changes):
        study = load_experiment(folder / "config/experiments/talk.yaml")
        study = type(study).model_validate(study.model_dump(exclude_unset=True) | changes)
        return Choices(Layout("talk", study, "resources", str(folder / "results")))

    return made
