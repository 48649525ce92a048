"""The doctor before the big studies, on an empty machine without a network."""

import pytest

from snakemake_run import snakemake

NEEDED = {
    "isca": ("!! google/gemma-2-2b-it is gated", "a GPU of 24 GB", "1,144 documents"),
    "research-approach": (
        "!! research-approach: source.path: data/ai-papers: no such folder",
        "a GPU of 32 GB",
        "qwq:32b",
    ),
    "ho-chi-minh": (
        "tiiuae/falcon-7b-instruct: freely available",
        "a GPU of 24 GB",
        "144 documents",
    ),
    "translation-code": (
        "!! meta-llama/Llama-3.2-1B is gated",
        "english, spanish",
        "a GPU of 12 GB",
    ),
    "translation-code-python": ("!! meta-llama/Llama-3.2-1B is gated", "a GPU of 12 GB"),
    "cross-validated": (
        "!! meta-llama/Llama-3.2-3B-Instruct is gated",
        "STACKEXCHANGE_KEY is not set",
    ),
}
OFFLINE = {
    **{
        "HF_HUB_OFFLINE": "1",
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "",
        "no_proxy": "",
    },
    **{"HF_TOKEN": "", "STACKEXCHANGE_KEY": "", "CUDA_VISIBLE_DEVICES": ""},
}


@pytest.mark.parametrize("name", NEEDED)
def test_it_ends_with_what_it_found_and_nothing_else(tmp_path, name):
    quiet = ("--quiet", "host", "progress", "rules")
    # the two tasks of one report have a base that reads the text of both
    both = "translation-code,translation-code-python"
    config = ("--config", f"experiments={both if name in both else name}")
    run = snakemake(tmp_path, "doctor", *quiet, *config, check=False, **OFFLINE)
    assert run.returncode == 1
    assert "must be fixed before this can run" in run.stdout.strip().splitlines()[-1]
    for machinery in (".smk", "Traceback", "WorkflowError", "{language}"):
        assert machinery not in run.stdout
    for needed in (*NEEDED[name], " h on one GPU such as "):
        assert needed in run.stdout
    assert "not known yet" not in run.stdout
