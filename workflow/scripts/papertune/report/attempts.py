"""What one attempt took: its own record, completed and corrected by the cluster's accounting."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from papertune.cluster.slurm_accounting import Usage
from papertune.jobs.record import JobRecord

# seconds that the work may begin before its job does or end after it (clocks differ), and that the
# job may take before and after the work
EARLY, LATE = 60.0, 600.0


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
    """What every recorded attempt took.

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
    began, ended, submitted = record.started, record.ended or record.seen, record.submitted
    threads, gpus, memory = record.threads, record.gpu, record.memory_mb
    cpu, peak = record.cpu_seconds, record.peak_memory
    if usage is not None:
        began, ended = usage.started or began, usage.ended or ended
        submitted = usage.submitted or submitted
        threads = usage.cpus or threads
        gpus = gpus if usage.gpus is None else usage.gpus
        memory = usage.memory_mb or memory
        # of the whole job, its start included
        cpu = usage.cpu_seconds or cpu
        # looked at now and then, so the job itself may have seen more
        peak = max(filter(None, (peak, usage.peak_memory)), default=None)
    queue = None if submitted is None else max(began - submitted, 0.0)
    wall = ended - began
    return Attempt(
        record=record,
        queue=queue if record.job else 0.0,
        wall=wall,
        cpu_asked=wall * threads,
        cpu_used=cpu,
        gpu_asked=wall * gpus,
        gpu_used=record.gpu_seconds if gpus else 0.0,
        memory_asked=None if memory is None else memory * 2**20,
        memory_used=peak,
        energy=None if usage is None else usage.energy,
        source="records" if usage is None else "accounting",
        at_least=usage is None and record.ended is None,
    )
