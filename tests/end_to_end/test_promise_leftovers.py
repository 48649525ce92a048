"""Promise: nothing is made or paid for twice, also where jobs outlive the run that was killed."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from end_to_end.conftest import FilesStudy, new_files_study
from end_to_end.test_promise_restart import start
from end_to_end.test_small_study import tables
from loopback import Answer, Handler, serving
from papertune.jobs.running import left_jobs

pytestmark = pytest.mark.slow

PAIR = '[{"question": "What does the text number %d give?", "answer": "It gives caches."}]'


class Service:
    """A language model that answers when it may, and counts how often it was asked what."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = threading.Event()

    def answer(self, handler: Handler) -> Answer:
        prompt = json.loads(handler.asked.body)["messages"][0]["content"]
        self.asked.append(prompt)
        self.open.wait(100)
        message = {"role": "assistant", "content": PAIR % len(prompt)}
        return 200, {}, {"id": "x", "choices": [{"message": message, "finish_reason": "stop"}]}


def study_with(folder: Path, url: str) -> FilesStudy:
    study = new_files_study(folder, one_file=False)

    service = {"backend": "openai", "url": url, "model": "m", "concurrency": 1}

    def change(values: dict[str, Any]) -> None:
        values["generators"]["service"] = service | {"prompt": "workflow/prompts/short.txt"}
        values["test_sets"] = ["extractive", "service"]
        values["training"]["max_steps"] = 300

    study.change(change)
    return study


def wait_for(process, folder: Path, sign) -> None:
    end = time.monotonic() + 120
    while not sign():
        told = (folder / "killed.log").read_text()
        assert process.poll() is None and time.monotonic() < end, told[-4000:]
        time.sleep(0.05)


def test_jobs_of_a_killed_run_are_waited_for_and_make_nothing_twice(tmp_path):
    """A training goes on, and a service is at an answer, when the main process is killed."""
    service = Service()
    with serving(service.answer) as server:
        folder = tmp_path / "killed"
        study = study_with(folder, server.url("/v1"))
        process = start(folder, study.file)
        trained = folder / "logs/mine/models/lora/seed-1.log"
        wait_for(process, folder, lambda: trained.exists() and "step " in trained.read_text())
        wait_for(process, folder, lambda: service.asked)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        jobs = {job.rule: psutil.Process(job.pid) for job in left_jobs(folder)}
        assert set(jobs) == {"train", "synthesize_here"}
        jobs["train"].suspend()  # until the next run has found it
        name = f"train lora 1 (process {jobs['train'].pid}, since 20"
        locked = study.run(check=False)
        assert "was killed and left this directory locked" in locked and name in locked
        planned = study.run("--dry-run")
        assert (
            "cannot be locked" not in planned and "nothing was made" in planned and name in planned
        )
        assert name in study.run("--unlock"), "unlocking hides them"
        again = start(folder, study.file)
        said = folder / "killed.log"
        wait_for(again, folder, lambda: "left 2 jobs at work" in said.read_text())
        time.sleep(2)
        assert len(service.asked) == 1 and "All have ended" not in said.read_text()
        service.open.set()
        jobs["train"].resume()
        assert again.wait(200) == 0, said.read_text()[-4000:]
        assert "All have ended" in said.read_text()
        asked, service.asked = sorted(service.asked), []
        assert "found in the store" in trained.read_text(), "trained twice"
        undisturbed = study_with(tmp_path / "undisturbed", server.url("/v1"))
        undisturbed.run()
        assert asked == sorted(service.asked), "asked twice"
    assert tables(folder) == tables(undisturbed.folder)


def test_leftovers_are_ended_where_the_user_says_so(tmp_path):
    service = Service()
    with serving(service.answer) as server:
        study = study_with(tmp_path, server.url("/v1"))
        process = start(tmp_path, study.file, "--", "datasets")
        wait_for(process, tmp_path, lambda: service.asked)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        left = left_jobs(tmp_path)
        study.run("--unlock")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PAPERTUNE_LEFTOVERS", "cancel")
            again = start(tmp_path, study.file, "--", "datasets")
        said = tmp_path / "killed.log"
        wait_for(again, tmp_path, lambda: "All have ended" in said.read_text())
        service.open.set()
        assert again.wait(100) == 0, said.read_text()[-4000:]
    assert "being stopped" in said.read_text()
    assert left and not any(psutil.pid_exists(job.pid) for job in left)
