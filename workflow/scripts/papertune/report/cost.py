"""The table of what an experiment's results cost, by stage and by model or generator."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from papertune.cluster.slurm_accounting import Usage, accounting
from papertune.jobs.record import OK, JobRecord, jobs_folder, read_records_below
from papertune.records import atomic_write
from papertune.report.attempts import Attempt, attempts
from papertune.report.expected import STAGES, Job, job_of, jobs_of
from papertune.report.tabular import Table, write_table
from papertune.study.layout import Layout

log = logging.getLogger("papertune")

COLUMNS = ("Stage", "Model or generator", "Numbers from", "Jobs", "Attempts")
COST = "Estimated cost (GPU hours asked × price)"
DAY = 86_400.0


def write_cost(layout: Layout, folder: str | Path) -> Table:
    """Write ``cost`` into a folder, as .csv, .md and .tex."""
    records = read_records_below([jobs_folder(layout.name), jobs_folder(None)])
    accounted = _accounting(records, jobs_folder(layout.name).with_name("accounting.json"))
    table = cost_table(
        records, accounted, jobs_of(layout), layout.experiment.compute.gpu_hour_price
    )
    write_table(Path(folder, "cost"), table)
    return table


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
    made, other = _apart(attempts(records, accounted), jobs)
    measures = dict(MEASURES)
    if price is not None:
        measures[COST] = ("gpu_asked", lambda seconds: f"{seconds / 3600 * price:.2f}")
    of_row: dict[tuple[str, str], list[list[Attempt]]] = {}
    for job, row in jobs.items():
        of_row.setdefault(row, []).append(made[job])
    of_row["Total", ""] = list(made.values())
    if other:
        of_row["Other runs", ""] = list(other.values())
    rows = [[*row, *_cells(tried, measures)] for row, tried in of_row.items()]
    return Table("What it cost", [*COLUMNS, *measures], rows, left=3)


def _apart(
    found: Iterable[Attempt], jobs: Mapping[Job, tuple[str, str]]
) -> tuple[dict[Job, list[Attempt]], dict[Job, list[Attempt]]]:
    """Job → the attempts that its result took; and all others of this experiment."""
    by_job: dict[Job, list[Attempt]] = {}
    for attempt in found:
        job = job_of(attempt.record.rule, attempt.record.wildcards)
        by_job.setdefault(job, []).append(attempt)
    made, other = {}, {}
    for job in jobs:
        mine = by_job.pop(job, [])
        good = [place for place, attempt in enumerate(mine) if attempt.record.status == OK]
        last = good[-1] + 1 if good else len(mine)
        first = good[-2] + 1 if len(good) > 1 else 0
        made[job] = mine[first:last]
        if rest := mine[:first] + mine[last:]:
            other[job] = rest
    shared = {"download_base", "write_archive"}  # another experiment's, if not this one's
    kept = {job: mine for job, mine in by_job.items() if job[0] in STAGES and job[0] not in shared}
    return made, other | kept


# ---- what the accounting said -----------------------------------------------


def _accounting(records: Iterable[JobRecord], memory: Path) -> dict[str, list[Usage]]:
    """What the cluster's accounting says of all recorded jobs.

    What it said of jobs that have ended is kept: it forgets them after some months.
    """
    started = {record.job: record.started for record in reversed(list(records)) if record.job}
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        known = {job: [Usage(**values) for values in usages] for job, usages in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        known = {}  # it is asked again
    asked = {job: start for job, start in started.items() if job not in known}
    found = accounting(asked, min(asked.values()) - DAY) if asked else {}
    if asked:
        log.info("the cluster's accounting knows %d of %d jobs", len(found), len(asked))
    ended = {job: usages for job, usages in found.items() if usages[-1].final}
    if ended:
        with atomic_write(memory) as stream:
            known |= ended
            json.dump({job: [asdict(usage) for usage in known[job]] for job in known}, stream)
    return known | found


# ---- cells ------------------------------------------------------------------


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


# heading → which number of an attempt stands below it, and how
Measures = dict[str, tuple[str, Callable[[float], str]]]
MEASURES: Measures = {
    "Queue time (h:mm:ss)": ("queue", _clock),
    "Wall time (h:mm:ss)": ("wall", _clock),
    "CPU hours asked": ("cpu_asked", _hours),
    "CPU hours used": ("cpu_used", _hours),
    "GPU hours asked": ("gpu_asked", _hours),
    "GPU hours used": ("gpu_used", _hours),
    "Peak memory (MiB)": ("memory_used", _mebibytes),
    "Memory asked (MiB)": ("memory_asked", _mebibytes),
    "Energy (kWh)": ("energy", lambda joules: _hours(joules, 3.6e6)),
}


def _cells(jobs: list[list[Attempt]], measures: Measures) -> list[str]:
    """The cells of a row after its name; ``jobs`` holds each job's attempts."""
    tried = [attempt for job in jobs for attempt in job]
    sources = {attempt.source for attempt in tried}
    said = "both" if len(sources) > 1 else "".join(sources)
    measured = (_cell(tried, *how, complete=all(jobs)) for how in measures.values())
    return [said, str(len(jobs)), str(len(tried)), *measured]


def _cell(
    tried: list[Attempt], measure: str, show: Callable[[float], str], *, complete: bool
) -> str:
    known = [value for attempt in tried if (value := getattr(attempt, measure)) is not None]
    if not known:
        return ""
    if measure != "memory_asked":  # jobs that asked for none are no gap in what is known
        complete = complete and len(known) == len(tried)
        if measure != "queue":
            complete = complete and not any(attempt.at_least for attempt in tried)
    value = max(known) if measure.startswith("memory") else sum(known)
    return ("" if complete else "≥ ") + show(value)
