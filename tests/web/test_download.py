"""Bringing a model from a Hub: a server on loopback that speaks the part of its API that is used."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from snakemake_run import ROOT

REVISION = "0123456789abcdef0123456789abcdef01234567"
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
    """Serves two models, one of them without safetensors; answers 401 as the Hub does for gated ones."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.path)
            owner = self.path.removeprefix("/api/models").strip("/").split("/")[0]
            files = {
                k: v for k, v in FILES.items() if owner != "pickled" or k != "model.safetensors"
            }
            name = self.path.rpartition("/")[2].partition("?")[0]
            headers, status, body = {}, 200, b""
            if owner == "gated":
                status, headers = 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "no"}
            elif owner not in ("owner", "pickled"):
                status, headers = 404, {"X-Error-Code": "RepoNotFound"}
            elif "/tree/" in self.path:
                body = json.dumps(
                    [
                        {"type": "file", "path": file, "size": len(text), "oid": "0" * 40}
                        for file, text in files.items()
                    ]
                ).encode()
            elif self.path.startswith("/api/"):
                siblings = [{"rfilename": file, "size": len(text)} for file, text in files.items()]
                body = json.dumps(
                    {"id": f"{owner}/model", "sha": REVISION, "siblings": siblings}
                ).encode()
            else:
                body = files[name]
                headers = {
                    "X-Repo-Commit": REVISION,
                    "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
                }
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def download(endpoint: str, model: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # in a process of its own: the Hub's address is read when its library is imported
    return subprocess.run(
        [sys.executable, "-c", CODE, str(folder / "log"), model, REVISION, str(folder / "model")],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(folder / "hub"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",  # tests of training in this process set it
            "HF_TOKEN": "hf_a_secret_of_mine",
            "PYTHONPATH": str(ROOT / "workflow/scripts"),
        },
        timeout=120,
        check=False,
    )


def test_a_model_comes_whole_and_without_pickles(hub, tmp_path):
    run = download(hub[0], "owner/model", tmp_path)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert (tmp_path / "model/model.safetensors").read_bytes() == b"weights"
    assert not [path for path in hub[1] if path.endswith(".bin")]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("gated/model", "agreement to its licence"),
        ("nobody/model", "no such model or revision"),
        ("pickled/model", "no safetensors weights"),
    ],
)
def test_what_cannot_be_had_is_explained_and_leaves_no_folder(hub, tmp_path, model, message):
    run = download(hub[0], model, tmp_path)
    assert run.returncode == 1
    assert message in run.stderr and model in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "model").exists()
    assert "hf_a_secret" not in run.stderr + (tmp_path / "log").read_text()


def test_no_internet_is_explained(tmp_path):
    run = download("http://127.0.0.1:9", "owner/model", tmp_path)
    assert run.returncode == 1
    assert "could not be reached" in run.stderr
    assert "Traceback" not in run.stderr
