"""Answering and synthesis in several processes: the same results, and nothing is asked twice."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.errors import GeneratorError, PapertuneError
from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.identity import fingerprint
from papertune.pairfile import write_pairs
from papertune.records import Document, write_records
from papertune.study.settings import Answering, Decoding, TransformersGenerator
from papertune.study.splits import SplitOf
from tiny_models import make_model
from tiny_training import pairs
from worker_jobs import workers_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

COUNT, BATCH, TOKENS = 24, 2, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    make_model(folder / "model", chat=True, context=512)
    texts = ["the next cache miss " * (1 + number * 5 % 7) for number in range(COUNT)]
    asked = [replace(p, context=text) for p, text in zip(pairs(0, COUNT), texts, strict=True)]
    write_pairs(folder / "test.parquet", asked)
    documents = [Document(fingerprint(n), f"Tern {n}", "u", 2020, t) for n, t in enumerate(texts)]
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
    prompt = "$pairs of $title: $text"
    with pytest.raises(GeneratorError, match=f"not one pair from {COUNT} documents"):
        synthesize(
            Writer(name="g", generator=generator, prompt=prompt, folder=folder / "model"),
            documents=[folder / "2020.jsonl"], mine=SplitOf("test", (2020, 2020), None, None),
            output=made / "output.jsonl", rejected=made / "rejected.jsonl",
            store=made / "store", threads=2, shards=shards,
        )  # fmt: skip


STAGES = {"answer": (run_answer, COUNT), "synthesize": (run_synthesize, 2 * COUNT)}


def lines_of(made: Path) -> list[dict]:
    """The whole lines of the store, of all writers."""
    paths = (path for stage in STAGES for path in (made / "store" / stage).glob("*/*.jsonl"))
    text = "".join(path.read_text() for path in paths)
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
        run(folder, made := tmp_path_factory.mktemp(stage), 1)
        found[stage] = results(made)
        assert len(found[stage][1]) == count
    return found


@pytest.mark.parametrize(("stage", "shards"), [("answer", 3), ("synthesize", 2)])
def test_shards_change_nothing(folder, undisturbed, tmp_path, stage, shards):
    STAGES[stage][0](folder, tmp_path, shards)
    assert results(tmp_path) == undisturbed[stage]
    files = list((tmp_path / "store" / stage).glob("*/*.jsonl"))
    assert len(files) == shards * (STAGES[stage][1] // COUNT)


def test_a_killed_worker_fails_the_job_and_the_rest_is_asked_by_others(
    folder, undisturbed, tmp_path
):
    def kill_one() -> None:
        while len(lines_of(tmp_path)) < 4:
            time.sleep(0.01)
        workers_of(PYTEST_CURRENT_TEST=os.environ["PYTEST_CURRENT_TEST"])[0].kill()

    thread = threading.Thread(target=kill_one, daemon=True)
    thread.start()
    with pytest.raises(PapertuneError, match=r"shard \d/2 was killed by SIGKILL"):
        run_answer(folder, tmp_path, 2)
    thread.join()
    assert not (tmp_path / "output.jsonl").exists()
    assert 4 <= len(lines_of(tmp_path)) < COUNT
    run_answer(folder, tmp_path, 1)
    assert results(tmp_path) == undisturbed["answer"]  # what was finished was not asked again
