"""What an experiment's results cost: its jobs, the attempts at them, and the table of both."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from papertune.cluster.slurm_accounting import Usage, accounting
from papertune.files import atomic_write, read_json
from papertune.jobs.record import OK, JobRecord, jobs_folder, read_records_below
from papertune.report.numbers import Shown
from papertune.report.table import Table, write_table
from papertune.study.layout import Layout

log = logging.getLogger("papertune")

# rules in the order of the work; what comes after the matrix (tables, figures, the page) is no part
# of its cost
STAGES = (
    *("list_documents", "fetch_documents", "render_documents", "download_base"),
    *("convert_base", "keep_apart", "synthesize", "write_archive", "pretrain_base", "train"),
    *("answer", "score", "compare"),
)
SHARED = (
    "download_base",
    "convert_base",
    "write_archive",
)  # an attempt may be another experiment's
COLUMNS = ("Stage", "Model or generator", "Numbers from", "Jobs", "Attempts")
COST = "Estimated cost (GPU hours asked × price)"
DAY = 86_400.0
# seconds that the work may begin before its job does or end after it (clocks differ), and that the
# job may take before and after the work
EARLY, LATE = 60.0, 600.0

Job = tuple[str, tuple[tuple[str, str], ...]]  # stage, wildcards


# ---- jobs -------------------------------------------------------------------


def job_of(rule: str, wildcards: Mapping[str, str]) -> Job:
    """A job, by its stage and its wildcards; a generator's work is one stage wherever it is done."""
    return rule.removesuffix("_here"), tuple(sorted(wildcards.items()))


def jobs_of(layout: Layout) -> dict[Job, tuple[str, str]]:
    """Every job from listing to matrix → its row: the stage, and the model or generator."""
    found = {job_of(stage, wildcards): (stage, who) for stage, who, wildcards in _jobs(layout)}
    return dict(sorted(found.items(), key=lambda item: STAGES.index(item[1][0])))


def _jobs(layout: Layout) -> Iterator[tuple[str, str, dict[str, str]]]:
    study = layout.experiment
    for year in map(str, study.parts):
        for stage in ("list_documents", "fetch_documents", "render_documents"):
            yield stage, "", {"year": year}
    for split in layout.left_out():
        yield "keep_apart", "", {"split": split}
    for generator, split in layout.generated:
        yield "synthesize", study.writer_label(generator), {"generator": generator, "split": split}
    for model, seed in layout.models():
        yield "train", study.model_label(model), {"model": model, "seed": str(seed)}
    for model, seed, test_set in [*layout.by_cell("answers"), *layout.of_probes("answers")]:
        for stage in ("answer", "score"):
            cell = {"model": model, "seed": str(seed), "test_set": test_set}
            yield stage, study.model_label(model), cell
    yield "compare", "", {}
    writers = {layout.generator_model(generator) for generator, _ in layout.generated}
    folders = {*layout.embedders().values(), *map(layout.base, study.models), *writers}
    for path in sorted(map(Path, filter(None, folders))):
        if path.parent.parent == Path(layout.resources, "models"):
            source, key = path.parent.name, path.name
            if len(key) == 40:  # a commit
                yield "download_base", source.replace("--", "/"), {"hub": source, "revision": key}
            else:
                yield "convert_base", source, {"source": source, "key": key}
        if path.parent == Path(layout.root, "bases"):
            yield "pretrain_base", path.name, {"base": path.name}
            pretrain = study.bases[path.name].pretrain
            if pretrain and f"{layout.resources}/demo/archive.jsonl" in pretrain.corpus.files:
                yield "write_archive", "", {}


# ---- attempts ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """Seconds, bytes and joules of one attempt.

    ``None`` is what is not known. A job that ran without a cluster waited in no queue. An attempt
    that was killed is known up to when its record was written last: it took ``at_least`` that.
    """

    record: JobRecord
    queue: float | None
    wall: float
    cpu_asked: float
    cpu_used: float | None
    gpu_asked: float
    gpu_used: float | None
    memory_asked: int | None
    memory_used: int | None
    energy: float | None
    source: str
    at_least: bool


def attempts(records: Iterable[JobRecord], accounted: Mapping[str, list[Usage]]) -> list[Attempt]:
    """What every recorded attempt took, completed and corrected by the cluster's accounting.

    A start of a cluster's job counts for the one attempt that fills it. It does not if several
    attempts or a whole run of Snakemake were inside: then their own records are all there is.
    """
    records = list(records)
    matched = [_start_of(record, accounted.get(record.job, [])) for record in records]
    return [
        _attempt(record, usage if usage and matched.count(usage) == 1 else None)
        for record, usage in zip(records, matched, strict=True)
    ]


def _start_of(record: JobRecord, starts: Iterable[Usage]) -> Usage | None:
    """The start of a job that this attempt fills: it begins and ends with it."""
    fitting = {}
    for usage in starts:
        if usage.started is None or usage.ended is None:
            continue
        late = record.started - usage.started
        left = usage.ended - (record.ended or record.seen)
        # how long a killed attempt went on is not known
        if -EARLY <= late <= LATE and -EARLY <= left <= (LATE if record.ended else left):
            fitting[abs(late)] = usage
    return fitting[min(fitting)] if fitting else None


def _attempt(record: JobRecord, usage: Usage | None) -> Attempt:
    told = usage or Usage(record.job, "", *[None] * 9)
    began, ended = told.started or record.started, told.ended or record.ended or record.seen
    submitted, memory = told.submitted or record.submitted, told.memory_mb or record.memory_mb
    queue = None if submitted is None else max(began - submitted, 0.0)
    wall, gpus = ended - began, record.gpu if told.gpus is None else told.gpus
    return Attempt(
        record=record,
        queue=queue if record.job else 0.0,
        wall=wall,
        cpu_asked=wall * (told.cpus or record.threads),
        cpu_used=told.cpu_seconds or record.cpu_seconds,  # of the whole job, its start included
        gpu_asked=wall * gpus,
        gpu_used=record.gpu_seconds if gpus else 0.0,
        memory_asked=None if memory is None else memory * 2**20,
        # looked at now and then, so the job itself may have seen more
        memory_used=max(filter(None, (record.peak_memory, told.peak_memory)), default=None),
        energy=told.energy,
        source="accounting" if usage else "records",
        at_least=not usage and record.ended is None,
    )


def made_and_other(
    found: Iterable[Attempt], jobs: Iterable[Job]
) -> tuple[dict[Job, list[Attempt]], dict[Job, list[Attempt]]]:
    """Job → the attempts that its result took; and all others of this experiment."""
    made: dict[Job, list[Attempt]] = {job: [] for job in jobs}
    other: dict[Job, list[Attempt]] = {}
    by_job: dict[Job, list[Attempt]] = {}
    for attempt in found:
        job = job_of(attempt.record.rule, attempt.record.wildcards)
        by_job.setdefault(job, []).append(attempt)
    for job, mine in by_job.items():
        good = [place for place, attempt in enumerate(mine, 1) if attempt.record.status == OK]
        first = good[-2] if len(good) > 1 else 0
        last = good[-1] if good else len(mine)
        if job in made:
            made[job], mine = mine[first:last], mine[:first] + mine[last:]
        if mine and job[0] in STAGES and (job in made or job[0] not in SHARED):
            other[job] = mine
    return made, other


# ---- the table --------------------------------------------------------------


def write_cost(layout: Layout, folder: str | Path) -> Table:
    """Write ``cost`` into a folder, as .csv, .md and .tex."""
    records = read_records_below([jobs_folder(layout.name), jobs_folder(None)])
    accounted = _accounting(records, jobs_folder(layout.name).with_name("accounting.json"))
    price = layout.experiment.compute.gpu_hour_price
    table = cost_table(records, accounted, jobs_of(layout), price)
    write_table(Path(folder, "cost"), table)
    return table


def _accounting(records: Iterable[JobRecord], memory: Path) -> dict[str, list[Usage]]:
    """What the cluster's accounting says of all recorded jobs.

    What it said of jobs that have ended is kept: it forgets them after some months.
    """
    started = {record.job: record.started for record in reversed(list(records)) if record.job}
    try:
        kept = read_json(memory)
        known = {job: [Usage(**values) for values in usages] for job, usages in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        known = {}  # it is asked again
    asked = {job: start for job, start in started.items() if job not in known}
    found = accounting(asked, min(asked.values()) - DAY) if asked else {}
    if asked:
        log.info("the cluster's accounting knows %d of %d jobs", len(found), len(asked))
    if ended := {job: usages for job, usages in found.items() if usages[-1].final}:
        with atomic_write(memory) as stream:
            known |= ended
            json.dump({job: [asdict(usage) for usage in known[job]] for job in known}, stream)
    return known | found


def cost_table(
    records: Iterable[JobRecord],
    accounted: Mapping[str, list[Usage]],
    jobs: Mapping[Job, tuple[str, str]],
    price: float | None = None,
) -> Table:
    """What made the results that are there now, a row for each stage and model or generator.

    Of a job counts the newest attempt with a good end, as it made the result, and with it the
    attempts before it that came to none, back to the good end before. Everything else that was done
    for the experiment stands in one row below the total: runs whose results were made anew since
    (with what they left in the store), and jobs that the experiment has no more.

    An empty cell is not known. ``≥`` stands where not all of it is known: of an attempt that was
    killed, or of a job without a record. Numbers of an attempt come from the cluster's accounting
    where it knows it, from the job's own record where not.

    Args:
        records: Of this experiment's jobs and of those that experiments share.
        accounted: What the cluster's accounting knows, by its ids of jobs.
        jobs: The experiment's jobs → their rows.
        price: Of an hour of a GPU; with one, the last column is an estimate: the hours that jobs
            asked GPUs for, whether busy or not, at that price.
    """
    made, other = made_and_other(attempts(records, accounted), jobs)
    measures = dict(MEASURES)
    if price is not None:
        per = price / 3600
        measures[COST] = ("gpu_asked", lambda seconds: f"{seconds * per:.2f}", per, "")
    of_row: dict[tuple[str, str], list[list[Attempt]]] = {}
    for job, row in jobs.items():
        of_row.setdefault(row, []).append(made[job])
    of_row["Total", ""] = list(made.values())
    if other:
        of_row["Other runs", ""] = list(other.values())
    rows = []
    for row, tries in of_row.items():
        tried = [attempt for job in tries for attempt in job]
        sources = {attempt.source for attempt in tried}
        said = "both" if len(sources) > 1 else "".join(sources)
        cells = (_cell(tried, *how, complete=all(tries)) for how in measures.values())
        rows.append([*row, said, str(len(tries)), str(len(tried)), *cells])
    return Table("What it cost", [*COLUMNS, *measures], rows, left=3)


def _cell(
    tried: list[Attempt],
    measure: str,
    show: Callable[[float], str],
    factor: float,
    name: str,
    *,
    complete: bool,
) -> Shown:
    known = [value for attempt in tried if (value := getattr(attempt, measure)) is not None]
    if not known:
        return Shown("", {name: None, "(at least)": ""})
    if measure != "memory_asked":  # jobs that asked for none are no gap in what is known
        complete = complete and len(known) == len(tried)
        if measure != "queue":
            complete = complete and not any(attempt.at_least for attempt in tried)
    value = max(known) if measure.startswith("memory") else sum(known)
    text = ("" if complete else "≥ ") + show(value)
    return Shown(text, {name: value * factor, "(at least)": "" if complete else "yes"})


def _clock(seconds: float) -> str:
    """Whole seconds, rounded up: what took a moment did not take nothing."""
    minutes, seconds = divmod(math.ceil(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _hours(amount: float, unit: float = 3600) -> str:
    if not amount:
        return "0"
    value = amount / unit
    digits = 4 if value < 0.01 else 3 if value < 10 else 1
    return "<0.0001" if value < 0.0001 else f"{value:.{digits}f}"


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:.0f}"


# heading → which number of an attempt stands below it, and how; and for programs, times what, and
# below which name
MEASURES: dict[str, tuple[str, Callable[[float], str], float, str]] = {
    "Queue time (h:mm:ss)": ("queue", _clock, 1, "(s)"),
    "Wall time (h:mm:ss)": ("wall", _clock, 1, "(s)"),
    "CPU hours asked": ("cpu_asked", _hours, 1 / 3600, ""),
    "CPU hours used": ("cpu_used", _hours, 1 / 3600, ""),
    "GPU hours asked": ("gpu_asked", _hours, 1 / 3600, ""),
    "GPU hours used": ("gpu_used", _hours, 1 / 3600, ""),
    "Peak memory (MiB)": ("memory_used", _mebibytes, 2**-20, ""),
    "Memory asked (MiB)": ("memory_asked", _mebibytes, 2**-20, ""),
    "Energy (kWh)": ("energy", lambda joules: _hours(joules, 3.6e6), 1 / 3.6e6, ""),
}
