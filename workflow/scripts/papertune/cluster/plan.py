"""What a run would submit, before it does: jobs, what each asks for, and the sum."""

from papertune.cluster.requests import Kind

HEAD = ("rule", "jobs", "runs", "GPUs", "CPUs", "memory", "time", "GPU-hours")


def gpu_hours(kind: Kind, attempts: int = 1) -> float:
    """GPU-hours that jobs ask for if each takes so many attempts, every one to its time limit."""
    asks = kind.attempts[:attempts]
    return kind.jobs * sum(ask.gpus * (ask.minutes or 0) / 60 for ask in asks)


def show_plan(kinds: list[Kind]) -> str:
    """The plan as text: a row for each kind of job, then what they come to."""
    if not kinds:
        return "Nothing to be done.\n"
    rows = [HEAD, *(_row(kind) for kind in kinds)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, 2) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", *_sums(kinds)]) + "\n"


def _row(kind: Kind) -> tuple[str, ...]:
    if kind.here:
        return (kind.rule, str(kind.jobs), "here", "", "", "", "", "")
    ask = kind.attempts[0]
    hours, minutes = gpu_hours(kind), ask.minutes
    nodes = f"{ask.nodes} × " if ask.nodes > 1 else ""
    return (
        kind.rule,
        str(kind.jobs),
        "cluster",
        f"{nodes}{ask.gpus_each} {ask.model}".strip() if ask.gpus else "",
        f"{nodes}{ask.cpus}",
        f"{nodes}{ask.memory_mb / 1000:g} GB" if ask.memory_mb else "",
        "" if minutes is None else f"{minutes // 60}:{minutes % 60:02d} h",
        f"{hours:g}" if hours else "",
    )


def _sums(kinds: list[Kind]) -> list[str]:
    submitted = [kind for kind in kinds if not kind.here]
    there, here = (sum(kind.jobs for kind in kinds if kind.here is here) for here in (False, True))
    said = [f"Submitted to the cluster: {_jobs(there)}. Run here: {_jobs(here)}."]
    once = sum(gpu_hours(kind) for kind in submitted)
    if not once:
        return said
    most = max(len(kind.attempts) for kind in submitted)
    worst = sum(gpu_hours(kind, most) for kind in submitted)
    said.append(f"GPU-hours asked for: {once:g}, if every job takes all of its time.")
    if most > 1:
        said.append(f"At most {worst:g}, if every job also fails until its last attempt ({most}).")
    return said


def _jobs(number: int) -> str:
    return f"{number} job{'s' * (number != 1)}"
