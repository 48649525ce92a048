"""The remaining time of a run: right within a third after a tenth of the time, on any machine."""

import heapq
import json
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import pytest
from snakemake.resources import Resource, Resources

from papertune.cluster.remaining import MODELS, Clock, Planned, left
from papertune.footprint.work import seconds_of
from papertune.jobs.record import OK, RUNNING, JobRecord, folder_of, jobs_folder, write_record
from papertune.records import Document, write_records
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from snakemake_run import ROOT

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
            say(job, now, round(share * 1000), 1000)


def say(job: Planned, now: float, done: int, of: int) -> None:
    """A job logs how far it is."""
    when = datetime.fromtimestamp(BEGAN + now)
    with open(job.log, "a") as stream:
        stream.write(f"{when:%Y-%m-%d %H:%M:%S},000 INFO papertune: x: {done}/{of} (1.0/s)\n")


@pytest.mark.parametrize("slower", [0.3, 4.0])
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
    for tenth in (1, 2, 3, 5, 8):
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


def test_a_machine_has_as_many_cores_as_snakemake_was_given(layout):
    """Jobs that do not fit beside each other come one after the other."""
    given = Resources({"_cores": Resource("_cores", 2), "_nodes": Resource("_nodes", None)})
    jobs = [
        Planned("train", "mine", {"model": "full", "seed": s}, asks={"_cores": 2}) for s in "12"
    ]
    clock = Clock(jobs, {"mine": layout}, dict(given.unwrapped_items()), str)
    assert clock.limits == {"_cores": 2}
    seconds, _ = left(jobs, {"mine": layout}, clock.limits, RUN, BEGAN)
    assert seconds == pytest.approx(2 * sum(seconds_of(layout, "train", jobs[0].wildcards)))
    with pytest.raises(KeyError, match="_cores"):
        left(jobs, {"mine": layout}, {}, RUN, BEGAN)


def test_what_a_job_did_lately_tells_how_it_goes_on(layout):
    """The machine was busy at first; and who asks again about some does not begin anew."""
    jobs = [Planned("synthesize", "mine", {"generator": "writer", "split": "train"}, "it.log")]
    jobs[0].asks["_cores"] = 1
    told(jobs, [(0.0, 1e9)], 1000.0)
    for now, done in ((600, 60), (700, 160), (800, 260), (900, 360)):
        say(jobs[0], now, done, 560)
    seconds, _ = left(jobs, {"mine": layout}, {"_cores": 1}, RUN, BEGAN + 900)
    assert seconds == pytest.approx(200, rel=0.01)
    say(jobs[0], 1099, 560, 560)
    say(jobs[0], 1100, 1, 36)
    assert left(jobs, {"mine": layout}, {"_cores": 1}, RUN, BEGAN + 1110)[0] < 30


def test_how_a_writer_s_batches_are_cut_does_not_matter_much(layout):
    """``auto``, which is what a generator has unless it says otherwise, is no number."""
    asked = {"generator": "writer", "split": "train"}
    by_itself = seconds_of(layout, "synthesize", asked)[1]
    said = {"generators": {"writer": WRITER | {"pairs": 1, "batch_size": 16}}, "dataset": "writer"}
    said["models"] = {"full": SETTINGS["models"]["full"]}
    other = Layout("mine", Experiment.model_validate(SETTINGS | said))
    assert seconds_of(other, "synthesize", asked)[1] == pytest.approx(by_itself, rel=0.2)


def test_a_base_that_is_made_here_is_work_of_whichever_experiment_has_it(layout):
    said = {"bases": {"base": {"gguf": "some.gguf"}}}
    other = Layout("other", Experiment.model_validate(SETTINGS | said))
    made = dict(zip(("source", "key"), other.base_named("base").split("/")[-2:], strict=True))
    job = Planned("convert_base", "", made, asks={"_cores": 1})
    for layouts in ({"other": other, "mine": layout}, {"mine": layout, "other": other}):
        assert left([job], layouts, {"_cores": 1}, RUN, BEGAN)[0] > 20


GEMMA = {
    "model_type": "gemma3_text", "num_hidden_layers": 18, "hidden_size": 640, "head_dim": 256,
    "num_attention_heads": 4, "num_key_value_heads": 1, "intermediate_size": 2048, "vocab_size": 262144,
    "max_position_embeddings": 32768, "tie_word_embeddings": True, "hidden_activation": "gelu_pytorch_tanh",
}  # fmt: skip
# seconds of the processor that jobs of the study took, on an EPYC whose threads do so many operations
RATE = 125e9
TOOK = {
    "synthesize gemma train": 476, "synthesize gemma validation": 31, "synthesize gemma test": 192,
    "synthesize smollm2 test": 215, "train full": 469, "train lora": 398, "answer baseline": 190,
    "answer full": 190, "answer lora": 235, "score": 4.5, "list_documents": 0.3,
}  # fmt: skip


def test_the_study_with_language_models_is_told_as_it_went(tmp_path, monkeypatch):
    """Its jobs take what they took of the processor in a real run, on two cores of that machine."""
    monkeypatch.chdir(ROOT)
    study = load_experiment(ROOT / "config/experiments/smollm2.yaml")
    monkeypatch.chdir(tmp_path)
    layout = Layout("mine", study)
    for name, sizes in (("smollm2", BASE), ("gemma", GEMMA)):
        Path(layout.base_named(name)).mkdir(parents=True)
        Path(layout.base_named(name), "config.json").write_text(json.dumps(sizes))
    for year in study.years:
        many = [Document(f"{year}{n}", "t", "u", year, "word " * 230) for n in range(20)]
        write_records(layout.by_year("documents")[year], many[: study.sample_of(year)])
    jobs, threads = jobs_of(layout), 2
    for job in jobs:
        job.asks["_cores"] = threads if job.rule in MODELS else 1
    took = [
        next(
            (n / (1.8 if job.rule in MODELS else 1) for name, n in TOOK.items() if said(job, name)),
            0.0,
        ) + 0.7
        for job in jobs
    ]  # fmt: skip
    # one after the other, as each takes both cores
    ends = [*accumulate(took)]
    times, whole = list(zip([0.0, *ends], ends, strict=False)), ends[-1]
    for tenth in (1, 2, 3, 4, 6, 8):
        now = whole * tenth / 10
        told(jobs, times, now)
        how = {"loaded": True, "rate": RATE}
        seconds, _ = left(jobs, {"mine": layout}, {"_cores": 2}, RUN, BEGAN + now, **how)
        assert now + seconds == pytest.approx(whole, rel=1 / 3), tenth


def said(job: Planned, name: str) -> bool:
    """Whether a name begins what a job is called."""
    return " ".join([job.rule, *job.wildcards.values()]).startswith(name)
