"""The doctor before the big studies, on a machine that has nothing yet and reaches nobody."""

import pytest

from snakemake_run import snakemake

ORIGINALS = (
    *("isca", "research-approach", "ho-chi-minh", "translation-code", "translation-code-python"),
    "cross-validated",
)
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "https_proxy": "http://127.0.0.1:9",
    "HF_TOKEN": "",
    "no_proxy": "",
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_it_ends_with_what_it_found_and_nothing_else(tmp_path, name):
    quiet = ("--quiet", "host", "progress", "rules")
    config = ("--config", f"experiments={name}")
    run = snakemake(tmp_path, "doctor", *quiet, *config, check=False, **OFFLINE)
    assert run.returncode == 1
    assert "checks found something wrong" in run.stdout.strip().splitlines()[-1]
    for machinery in (".smk", "Traceback", "WorkflowError", "{language}"):
        assert machinery not in run.stdout
