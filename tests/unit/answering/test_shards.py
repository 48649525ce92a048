"""Answering and synthesis in several processes: the same results, and nothing is asked twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from papertune.answering.inference import Task, answer
from papertune.errors import GeneratorError, PapertuneError
from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.identity import fingerprint
from papertune.pairfile import write_pairs
from papertune.records import Document, Pair, write_records
from papertune.study.settings import Answering, Decoding, TransformersGenerator
from papertune.study.splits import SplitOf
from snakemake_run import ROOT
from tiny_models import make_model
from worker_jobs import workers_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

COUNT, BATCH, TOKENS = 24, 2, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    make_model(folder / "model", chat=True, context=512)
    numbers = [(number, "the next cache miss " * (1 + number * 5 % 7)) for number in range(COUNT)]
    pairs = [
        Pair(f"{n:016x}", f"{n:016x}", 2020, "read", text, "what", f"{n} percent", "g")
        for n, text in numbers
    ]
    write_pairs(folder / "test.parquet", pairs)
    documents = [Document(fingerprint(n), f"Tern {n}", "u", 2020, text) for n, text in numbers]
    write_records(folder / "2020.jsonl", documents)
    return folder


def run_answer(folder: Path, made: Path, shards: int) -> None:
    task = Task(
        model=folder / "model", test_set=folder / "test.parquet", prompt="$context $question",
        answering=Answering(max_new_tokens=TOKENS, batch_size=BATCH),
    )  # fmt: skip
    how = {"output": made / "output.jsonl", "store": made / "store", "identity": {"model": "m"}}
    answer(task, threads=2, shards=shards, **how)


def run_synthesize(folder: Path, made: Path, shards: int) -> None:
    """A random model writes nothing readable: each document is asked twice and there is no pair."""
    generator = TransformersGenerator(
        backend="transformers", model="tiny", prompt="p.txt", batch_size=BATCH, attempts=2,
        decoding=Decoding(max_new_tokens=TOKENS),
    )  # fmt: skip
    with pytest.raises(GeneratorError, match=f"not one pair from {COUNT} documents"):
        synthesize(
            Writer(
                name="g", generator=generator, prompt="$pairs of $title: $text",
                folder=folder / "model",
            ),
            documents=[folder / "2020.jsonl"], mine=SplitOf("test", (2020, 2020), None, None),
            output=made / "output.jsonl", rejected=made / "rejected.jsonl",
            store=made / "store", threads=2, shards=shards,
        )  # fmt: skip


STAGES = {"answer": (run_answer, COUNT), "synthesize": (run_synthesize, 2 * COUNT)}


def stores(made: Path) -> list[Path]:
    return [path for stage in STAGES for path in (made / "store" / stage).glob("*/*.jsonl")]


def lines_of(made: Path) -> list[dict]:
    """The whole lines of the store, of all writers."""
    text = "".join(path.read_text() for path in stores(made))
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def results(made: Path) -> tuple[bytes, dict]:
    """The output, and the store's values; no item is there twice."""
    lines = lines_of(made)
    values = {line["key"]: line["value"] for line in lines}
    assert len(values) == len(lines)
    output = made / "output.jsonl"
    return output.read_bytes() if output.exists() else b"", values


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    found = {}
    for stage, (run, count) in STAGES.items():
        run(folder, tmp_path_factory.mktemp(stage), 1)
        found[stage] = results(tmp_path_factory.getbasetemp() / f"{stage}0")
        assert len(found[stage][1]) == count
    return found


@pytest.mark.parametrize(("stage", "shards"), [("answer", 3), ("synthesize", 2)])
def test_shards_change_nothing(folder, undisturbed, tmp_path, stage, shards):
    STAGES[stage][0](folder, tmp_path, shards)
    assert results(tmp_path) == undisturbed[stage]
    assert len(stores(tmp_path)) == shards * (STAGES[stage][1] // COUNT)


def when_stored(made: Path, act) -> threading.Thread:
    """Act once there are four lines in the store."""

    def wait() -> None:
        while len(lines_of(made)) < 4:
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_killed_worker_fails_the_job_and_the_rest_is_asked_by_others(
    folder, undisturbed, tmp_path
):
    def kill_one() -> None:
        workers_of(PYTEST_CURRENT_TEST=os.environ["PYTEST_CURRENT_TEST"])[0].kill()

    thread = when_stored(tmp_path, kill_one)
    with pytest.raises(PapertuneError, match=r"shard \d/2 was killed by SIGKILL"):
        run_answer(folder, tmp_path, 2)
    thread.join()
    assert not (tmp_path / "output.jsonl").exists()
    assert 4 <= len(lines_of(tmp_path)) < COUNT
    run_answer(folder, tmp_path, 1)
    assert results(tmp_path) == undisturbed["answer"]  # what was finished was not asked again


CODE = """
import sys
from pathlib import Path
import test_shards as here
from papertune.jobs.progress import job_log
with job_log(sys.argv[1]):
    here.STAGES[sys.argv[2]][0](Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
"""


@pytest.mark.parametrize(("stage", "shards"), [("answer", 1), ("synthesize", 2)])
def test_a_stopped_job_keeps_what_is_finished(folder, undisturbed, tmp_path, stage, shards):
    folders = ("workflow/scripts", "tests", "tests/unit/answering")
    path = ":".join([*(str(ROOT / one) for one in folders), os.environ["PYTHONPATH"]])
    arguments = [tmp_path / "job.log", stage, folder, tmp_path, shards]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    when_stored(tmp_path, lambda: process.send_signal(signal.SIGTERM)).join(60)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 75, told
    assert "stopped by SIGTERM" in told and "Traceback" not in told
    before = len(lines_of(tmp_path))
    assert 4 <= before < STAGES[stage][1] and before % BATCH == 0
    STAGES[stage][0](folder, tmp_path, 1)
    assert results(tmp_path) == undisturbed[stage]
