"""How long a run still takes: right within a third after a tenth of the time, whatever the machine is."""

import heapq
import json
import os
from pathlib import Path

import pytest

from papertune.cluster.remaining import Planned, left
from papertune.footprint.work import seconds_of
from papertune.jobs.record import OK, RUNNING, JobRecord, folder_of, jobs_folder, write_record
from papertune.records import Document, write_records
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

BASE = {
    "model_type": "llama", "num_hidden_layers": 30, "hidden_size": 576, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152,
    "max_position_embeddings": 8192, "tie_word_embeddings": True, "hidden_act": "silu",
}  # fmt: skip
WRITER = {"backend": "transformers", "model": "base", "prompt": "workflow/prompts/short.txt"}
YEARS = {"train": {"from": 2011, "to": 2021}, "test": {"from": 2022, "to": 2024}}
SETTINGS = {
    "source": {"kind": "files", "path": "papers.csv"},
    "splits": YEARS | {"sample": {"train": 12, "test": 20}},
    "generators": {
        "writer": WRITER | {"pairs": 1},
        "rules": {"backend": "rules", "style": "extractive", "pairs": 1},
    },
    "bases": {"base": {"path": "base"}},
    "models": {
        "baseline": {"base": "base", "method": "baseline"},
        "full": {"base": "base", "method": "full"},
        "lora": {"base": "base", "method": "lora"},
    },
    "seeds": [1, 2],
}
RUN, BEGAN = "here-1", 1e6


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    Path("base/config.json").write_text(json.dumps(BASE))
    return Layout("mine", Experiment.model_validate(SETTINGS))


def jobs_of(layout: Layout) -> list[Planned]:
    """The jobs that take time, each after those of the stage before."""
    jobs: list[Planned] = []

    def stage(rule: str, many: list[dict[str, str]], needs: tuple[int, ...]) -> tuple[int, ...]:
        first = len(jobs)
        for wildcards in many:
            log = "_".join([rule, *wildcards.values()]) + ".log"
            jobs.append(Planned(rule, "mine", wildcards, log, needs, {"_cores": 1}))
        return tuple(range(first, len(jobs)))

    years = stage("list_documents", [{"year": str(y)} for y in layout.experiment.years], ())
    pairs = [{"generator": g, "split": s} for g, s in layout.generated]
    written = stage("synthesize", pairs, years)
    trained = stage("train", [{"model": m, "seed": str(s)} for m, s in layout.models()], written)
    cells = [{"model": m, "seed": str(s), "test_set": t} for m, s, t in layout.by_cell("answers")]
    stage("score", cells, stage("answer", cells, trained))
    return jobs


def played(jobs: list[Planned], took: list[float]) -> tuple[list[tuple[float, float]], float]:
    """When each job begins and ends on two cores that take them as they come, and when all is done."""
    times: list[tuple[float, float]] = []
    cores = [0.0, 0.0]
    for job, seconds in zip(jobs, took, strict=True):
        ready = max((times[place][1] for place in job.needs), default=0.0)
        begin = max(heapq.heappop(cores), ready)
        times.append((begin, begin + seconds))
        heapq.heappush(cores, begin + seconds)
    return times, max(end for _, end in times)


def told(jobs: list[Planned], times: list[tuple[float, float]], now: float) -> None:
    """The records and logs of a moment of that run; a job tells of itself every ten seconds."""
    for job, (begin, end) in zip(jobs, times, strict=True):
        if begin > now:
            continue
        over = end <= now
        folder = folder_of(jobs_folder("mine"), job.rule, job.wildcards)
        record = JobRecord(
            job.rule, job.wildcards, 1, "here", 1, "", 1, 0, None, None, None, BEGAN + begin,
            BEGAN + now, BEGAN + end if over else None, OK if over else RUNNING, run=RUN,
        )  # fmt: skip
        write_record(folder, record)
        share = min((now - begin) / (end - begin), 1)
        if job.rule in ("synthesize", "train", "answer") and share * (end - begin) > 20:
            Path(job.log).write_text(f"2026-01-01 INFO x: {round(share * 1000)}/1000 (1.0/s)\n")
            os.utime(job.log, (BEGAN + now, BEGAN + now))


@pytest.mark.parametrize("slower", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("odd", [{}, {"train": 1.4, "answer": 0.7}, {"train": 0.7, "answer": 1.4}])
def test_after_a_tenth_of_the_time_it_is_right_within_a_third(layout, slower, odd):
    """On machines that are slower or faster than assumed, also where stages differ in that."""
    jobs = jobs_of(layout)
    expected = [seconds_of(layout, job.rule, job.wildcards) for job in jobs]
    took = [
        slower * (start + work * odd.get(job.rule, 1.0))
        for job, (start, work) in zip(jobs, expected, strict=True)
    ]
    times, whole = played(jobs, took)
    for tenth in range(1, 10):
        now = whole * tenth / 10
        told(jobs, times, now)
        seconds, done = left(jobs, {"mine": layout}, {"_cores": 2}, RUN, BEGAN + now)
        assert now + seconds == pytest.approx(whole, rel=1 / 3), tenth
        assert done == sum(end <= now for _, end in times)
    told(jobs, times, whole)
    assert left(jobs, {"mine": layout}, {"_cores": 2}, RUN, BEGAN + whole) == (0, len(jobs))


def test_work_grows_with_what_there_is_and_not_with_what_is_left_out(layout):
    def work(rule: str, **wildcards: str) -> float:
        return seconds_of(layout, rule, wildcards)[1]

    full, lora = (work("train", model=name, seed="1") for name in ("full", "lora"))
    assert full > lora > full / 2
    train, test = (work("synthesize", generator="writer", split=s) for s in ("train", "test"))
    assert train / test == pytest.approx(12 * 11 * 0.9 / (20 * 3))
    assert work("synthesize_here", generator="rules", split="test") == 0
    # longer texts than were assumed
    for year in layout.experiment.years_of("test"):
        many = [Document(f"{n}", "t", "u", year, "word " * 1000) for n in range(20)]
        write_records(layout.by_year("documents")[year], many)
    assert work("synthesize", generator="writer", split="test") > 2 * test


def test_who_needs_room_waits_for_it(layout):
    asks, limits = {"_cores": 1, "mem_mb": 4}, {"_cores": 2}
    models = [{"model": "full", "seed": seed} for seed in "12"]
    jobs = [Planned("train", "mine", model, asks=asks) for model in models]
    at_once, in_turn = (
        left(jobs, {"mine": layout}, limits | {"mem_mb": room}, RUN, BEGAN)[0] for room in (8, 6)
    )
    assert in_turn == pytest.approx(2 * at_once)


def test_a_job_that_should_have_ended_makes_all_others_like_it_longer(layout):
    jobs = jobs_of(layout)
    expected = [sum(seconds_of(layout, job.rule, job.wildcards)) for job in jobs]
    at = next(place for place, job in enumerate(jobs) if job.rule == "train")
    times = [(0.0, 1.0)] * at + [(1.0, 1e9)] + [(1e9, 2e9)] * (len(jobs) - at - 1)
    for now in (expected[at] / 2, 4 * expected[at]):
        told(jobs, times, now)
        Path(jobs[at].log).unlink(missing_ok=True)  # it has not said how far it is
        seconds, _ = left(jobs, {"mine": layout}, {"_cores": 1}, RUN, BEGAN + now)
        rest = sum(expected[at + 1 :])
        assert (seconds > 3 * rest) == (now > expected[at])
