"""The cost of an experiment's results: its jobs, their attempts, and the table of both."""

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

# rules in order; what comes after the matrix (tables, figures, the page) is not part of its cost
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
# seconds by which the work may begin before its job or end after it (clocks differ), and which the
# job may take before and after the work
EARLY, LATE = 60.0, 600.0

Job = tuple[str, tuple[tuple[str, str], ...]]  # stage, wildcards


# ---- jobs -------------------------------------------------------------------


def job_of(rule: str, wildcards: Mapping[str, str]) -> Job:
    """A job, by stage and wildcards; a generator's work is one stage, whichever rule does it."""
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

    ``None`` means unknown. A job without a cluster has no queue time. A killed attempt is known
    up to the last write of its record: it took ``at_least`` that.
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
    """The resources of every recorded attempt, completed by the cluster's accounting.

    The accounting of a cluster job is used if it contains exactly one attempt. If it contains
    several, or a whole run of Snakemake, only the attempts' own records are used.
    """
    records = list(records)
    matched = [_start_of(record, accounted.get(record.job, [])) for record in records]
    return [
        _attempt(record, usage if usage and matched.count(usage) == 1 else None)
        for record, usage in zip(records, matched, strict=True)
    ]


def _start_of(record: JobRecord, starts: Iterable[Usage]) -> Usage | None:
    """The start of a cluster job that begins and ends with this attempt."""
    fitting = {}
    for usage in starts:
        if usage.started is None or usage.ended is None:
            continue
        late = record.started - usage.started
        left = usage.ended - (record.ended or record.seen)
        # the duration of a killed attempt is not known
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
        cpu_used=told.cpu_seconds or record.cpu_seconds,  # of the whole job, including its start
        gpu_asked=wall * gpus,
        gpu_used=record.gpu_seconds if gpus else 0.0,
        memory_asked=None if memory is None else memory * 2**20,
        # the accounting samples it, so the job's own record may be higher
        memory_used=max(filter(None, (record.peak_memory, told.peak_memory)), default=None),
        energy=told.energy,
        source="accounting" if usage else "records",
        at_least=not usage and record.ended is None,
    )


def made_and_other(
    found: Iterable[Attempt], jobs: Iterable[Job]
) -> tuple[dict[Job, list[Attempt]], dict[Job, list[Attempt]]]:
    """Job → the attempts for its result; and all other attempts of this experiment."""
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
    """The cluster's accounting of all recorded jobs.

    Data of ended jobs is stored, as the cluster deletes it after some months.
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
        log.info("the cluster's accounting has %d of %d jobs", len(found), len(asked))
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
    """The cost of the present results, a row for each stage and model or generator.

    For each job, the newest successful attempt counts, as it made the result, and the failed
    attempts before it, back to the previous success. All other work for the experiment is in one
    row below the total: runs whose results were made again since (with what they left in the
    store), and jobs that the experiment no longer has.

    An empty cell is unknown. ``≥`` marks a lower bound: an attempt was killed, or a job has no
    record. Numbers of an attempt come from the cluster's accounting if it has the attempt, else
    from the job's own record.

    Args:
        records: Of this experiment's jobs and of jobs that experiments share.
        accounted: The cluster's accounting, by job id.
        jobs: The experiment's jobs → their rows.
        price: Price of a GPU hour; if given, the last column is an estimate: the GPU hours that
            jobs requested, whether busy or not, times the price.
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
    if measure != "memory_asked":  # a job without a request for memory is not a gap in the data
        complete = complete and len(known) == len(tried)
        if measure != "queue":
            complete = complete and not any(attempt.at_least for attempt in tried)
    value = max(known) if measure.startswith("memory") else sum(known)
    text = ("" if complete else "≥ ") + show(value)
    return Shown(text, {name: value * factor, "(at least)": "" if complete else "yes"})


def _clock(seconds: float) -> str:
    """Whole seconds, rounded up so that short times are not zero."""
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


# heading → the attempt's number, its format, and for CSV a factor and a suffix of the heading
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
