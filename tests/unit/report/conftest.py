"""One study in small for all tests of tables and of the page."""

import pytest

from sample_study import make_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), metrics=["token_f1", "perplexity"])
