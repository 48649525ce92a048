"""Promise: kill anything at any moment and start again; at most the batch in flight is lost."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import warm_jobs
from end_to_end.conftest import small_study, write_study
from end_to_end.test_small_study import tables
from snakemake_run import ROOT, snakemake

pytestmark = pytest.mark.slow


def start(folder: Path, study: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--workflow-profile", str(ROOT / "profiles/default"), "--cores", "2"),
        *("--directory", str(folder), "--config", f"experiments={study}", *arguments),
    ]
    env = os.environ | warm_jobs.environment()
    with (folder / "killed.log").open("ab") as log:
        how = {"stdout": log, "stderr": subprocess.STDOUT, "start_new_session": True}
        return subprocess.Popen(command, env=env, **how)


def jobs_in(folder: Path) -> Iterator[psutil.Process]:
    """Processes that work there and have not ended."""
    for process in psutil.process_iter(["cwd", "status"]):
        here = process.info["cwd"] and folder in [cwd := Path(process.info["cwd"]), *cwd.parents]
        if here and process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process


def kill_when(folder: Path, study: Path, sign: str, *arguments: str) -> None:
    """Run until a file appears that was not there before, one of records with a whole line, then kill
    everything."""

    def found() -> set[Path]:
        every = folder.glob(sign)
        return {one for one in every if one.suffix != ".jsonl" or b"\n" in one.read_bytes()}

    before = found()
    process = start(folder, study, *arguments)
    while not found() - before:
        assert process.poll() is None, (folder / "killed.log").read_text()[-3000:]
        time.sleep(0.02)
    # the main process first, then every job that it has started
    process.kill()
    process.wait()
    while jobs := list(jobs_in(folder)):
        for job in jobs:
            with contextlib.suppress(psutil.NoSuchProcess):
                job.kill()
        time.sleep(0.02)
    snakemake(folder, "--config", f"experiments={study}", "--unlock")


def stored(folder: Path, stage: str) -> Counter[str]:
    """How often each item of a stage was written to the store."""
    counts: Counter[str] = Counter()
    for path in (folder / "store" / stage).rglob("*.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                counts[f"{path.parent.name}/{json.loads(line)['key']}"] += 1
    return counts


def test_a_run_killed_in_every_stage_ends_as_an_undisturbed_one(small, tmp_path):
    """So the same settings and seeds give the same tables, byte for byte, whatever comes between."""
    study = write_study(tmp_path, small_study())
    kill_when(tmp_path, study, "store/fetch/*/*.jsonl")
    fetched = stored(tmp_path, "fetch")
    # by itself, or it could come to its end before the others do
    whole = "store/checkpoints/*/steps/checkpoint-*/whole"
    kill_when(tmp_path, study, whole, "--until", "pretrain_base")
    assert fetched.items() <= stored(tmp_path, "fetch").items(), "fetched pages were lost"
    newest = max(int(path.parts[-2].partition("-")[2]) for path in tmp_path.glob(whole))
    logs = ""
    for stage in ("pairs", "answer"):
        kill_when(tmp_path, study, f"store/{stage}/*/*.jsonl")
        logs += (tmp_path / "logs/small/bases/small.log").read_text()
    went_on = re.search(r"resuming from \S*/checkpoint-(\d+)\n", logs)
    assert went_on and int(went_on[1]) >= newest, "training began anew"
    answered = stored(tmp_path, "answer")
    assert answered
    snakemake(tmp_path, "--config", f"experiments={study}")
    assert tables(tmp_path) == tables(small)
    for stage in ("fetch", "pairs", "answer"):
        twice = {key: count for key, count in stored(tmp_path, stage).items() if count > 1}
        assert not twice, f"{stage}: finished work was done again"
    assert answered.items() <= stored(tmp_path, "answer").items()


def test_a_torn_store_and_a_lost_result_are_made_good(small, tmp_path):
    """The last line of a store file is torn, and what was made from it is gone."""
    folder = tmp_path / "study"
    shutil.copytree(small, folder, symlinks=True)
    study = write_study(folder, small_study())
    file = max((folder / "store/answer").rglob("*.jsonl"), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:-20])
    for name in ("answers", "scores", "tables", "figures"):
        shutil.rmtree(folder / "results/small" / name)
    (folder / "results/small/report.html").unlink()
    snakemake(folder, "--config", f"experiments={study}")
    assert tables(folder) == tables(small)
    asked = [path.read_text() for path in (folder / "logs/small/answers").rglob("*.log")]
    assert sum("asked 1 questions" in text for text in asked) == 1
    assert sum("asked 0 questions" in text for text in asked) == len(asked) - 1
