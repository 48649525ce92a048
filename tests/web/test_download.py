"""Downloading a model from a Hub: a server on loopback with the part of its API that is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub_server import REVISION, hub_answer
from loopback import serving
from snakemake_run import ROOT

FILES = {
    "config.json": b'{"model_type": "gpt2"}',
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle that must stay where it is",
    "README.md": b"# A model",
}
CODE = """
import sys
from pathlib import Path
from papertune.models.download import download_model
from papertune.jobs.progress import job_log
with job_log(sys.argv[1]):
    download_model(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
"""


@pytest.fixture
def hub():
    """Serves two models, one of them without safetensors."""
    safe = {name: data for name, data in FILES.items() if name != "model.safetensors"}
    repositories = {"owner/model": FILES, "owner/pickled": safe}
    with serving(lambda handler: hub_answer(handler, repositories)) as server:
        yield server


def download(endpoint: str, model: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # in a process of its own: the Hub's address is read when its library is imported
    environment = {
        "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hub"), "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",  # tests of training in this process set it
        "HF_TOKEN": "hf_a_secret_of_mine", "PYTHONPATH": str(ROOT / "workflow/scripts"),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", CODE, str(folder / "log"), model, REVISION, str(folder / "model")],
        capture_output=True, text=True, env=os.environ | environment, timeout=120, check=False,
    )  # fmt: skip


def test_a_model_comes_whole_and_without_pickles(hub, tmp_path):
    run = download(hub.url(), "owner/model", tmp_path)
    assert run.returncode == 0, run.stderr
    found = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    assert found == {name: FILES[name] for name in FILES if not name.endswith(".bin")}
    assert not [path for path in hub.paths if path.endswith(".bin")]


REFUSED = {
    "owner/gated": "its licence must be accepted", "nobody/model": "no such model or revision",
    "owner/pickled": "no safetensors weights", "owner/unreachable": "could not be reached",
    "https://huggingface.co/owner/model": "not a name of a model on the Hub",
}  # fmt: skip


@pytest.mark.parametrize("model", REFUSED)
def test_what_cannot_be_had_is_explained_and_leaves_no_folder(hub, tmp_path, model):
    url = "http://127.0.0.1:9" if model == "owner/unreachable" else hub.url()
    run = download(url, model, tmp_path)
    assert run.returncode == 1 and not (tmp_path / "model").exists()
    assert REFUSED[model] in run.stderr and model in run.stderr and "Traceback" not in run.stderr
    assert "hf_a_secret" not in run.stderr + (tmp_path / "log").read_text()
