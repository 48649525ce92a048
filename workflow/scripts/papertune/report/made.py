"""The findings and the origin of a run as one file, against which texts about it can be checked.

It names no person, machine or folder, so that it can be published.
"""

import json
import math
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import papertune
from papertune.collect.web.installed import browser_version
from papertune.files import file_digest, read_json
from papertune.jobs.record import OK, JobRecord, jobs_folder, read_records_below
from papertune.models.licences import licence_of
from papertune.models.modelfolder import write_json
from papertune.report.claims import Claim
from papertune.report.conclusion import Conclusion
from papertune.report.cost import Job, attempts, jobs_of, made_and_other
from papertune.report.counts import Count, total
from papertune.report.numbers import interval
from papertune.report.tables import comparison_table
from papertune.scores.matrix import Cell, find_cell
from papertune.scores.writers import Contrast
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.settings import Answering

ROOT = Path(papertune.__file__).parents[3]  # of the workflow
ARCHIVED = ".git_archival.txt"  # of the workflow: git archive writes the commit there
LIBRARIES = ("torch", "transformers", "sentence-transformers", "numpy", "scipy")

Made = dict[str, Any]


def write_made(
    layout: Layout,
    page: str | Path,
    conclusion: Conclusion,
    cells: list[Cell],
    contrasts: Iterable[Contrast],
    counts: list[Count],
    facts: Mapping[tuple[str, int], Any],
    figures: str | Path,
) -> Made:
    """Write ``made.json`` beside the page, with the digests of the run's figures.

    Infinite and undefined numbers are ``null`` there.
    """
    made = what_was_made(layout, conclusion, cells, contrasts, counts, facts)
    files = sorted(Path(figures).glob("*.svg"))
    made["figures"] = {file.name: file_digest(file) for file in files}
    write_json(Path(page).with_name("made.json"), _finite(made))
    return made


def what_was_made(
    layout: Layout,
    conclusion: Conclusion,
    cells: list[Cell],
    contrasts: Iterable[Contrast],
    counts: list[Count],
    facts: Mapping[tuple[str, int], Any],
) -> Made:
    """Headline, claims, the matrix of the comparison's metric, kept gains, and the run's origin."""
    study = layout.experiment
    found = (
        find_cell(cells, model=model, test_set=name, metric=study.comparison.metric)
        for model in study.models
        for name in study.usual_sets
    )
    shown = [cell for cell in found if cell is not None]
    trained = [*facts.values(), *_of_bases(layout)]
    records = read_records_below([jobs_folder(layout.name), jobs_folder(None)])
    parameters = {model: said.get("total_parameters") for (model, _), said in facts.items()}
    return {
        "experiment": layout.name,
        "title": study.title,
        "settings": shown_settings(study),
        "how": how_it_was_made(counts, trained) | engine_of(study.answering) | weights_of(layout),
        "took": time_taken(records, jobs_of(layout), trained),
        "documents": total(counts, "collect", outcome="kept"),
        "test_documents": total(counts, "split", part="test", outcome="kept"),
        "questions": {cell.test_set: cell.questions for cell in shown},
        "seeds": {model: len(study.seeds_of(model)) for model in study.models},
        "models": {model: study.model_label(model) for model in study.models},
        "test_sets": {name: study.set_label(name) for name in study.usual_sets},
        "parameters": parameters,
        "metric": study.comparison.metric,
        "legend": comparison_table(cells, study).title,
        "headline": conclusion.headline,
        "claims": [_claimed(claim) for claim in conclusion.claims],
        "matrix": [asdict(cell) | {"shown": interval(cell)} for cell in shown],
        "kept": [asdict(one) for one in contrasts],
    }


def shown_settings(study: Experiment) -> Made:
    """The settings, including defaults; without contact address and passwords in urls."""
    left: Any = {"fetching": {"contact"}}
    text = study.model_dump_json(by_alias=True, exclude_none=True, exclude=left)
    values: Made = json.loads(re.sub(r"//[^/@\s\"]+@", "//…@", text))
    return values


def _claimed(claim: Claim) -> Made:
    """A claim without the numbers behind it."""
    said: Made = {name: getattr(claim, name) for name in ("model", "baseline", "verdict", "kind")}
    gains = [(gain.cell.test_set, gain.better, gain.kind, gain.own) for gain in claim.gains]
    names = ("test_set", "better", "kind", "own")
    return said | {
        "kept": claim.kept is not None,
        "this_run_only": claim.this_run_only,
        "gains": [dict(zip(names, gain, strict=True)) for gain in gains],
    }


def _of_bases(layout: Layout) -> list[Made]:
    """The ``training.json`` of bases that were pre-trained here."""
    bases = (Path(layout.root, "bases", name, "training.json") for name in layout.experiment.bases)
    return [read_json(path) for path in bases if path.exists()]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def time_taken(
    records: Iterable[JobRecord], jobs: Iterable[Job], trained: Iterable[Mapping[str, Any]]
) -> Made | None:
    """The time that the jobs behind the results took, by their own records.

    Args:
        trained: The ``training.json`` of each model and base.

    Returns:
        ``seconds`` in which at least one of them ran, ``cores`` that they held at once,
        ``complete``: whether every job has a record of a good end, and ``found``: whether models
        took longer than the jobs did, so that some came from the store. None without any record.
    """
    made = made_and_other(attempts(records, {}), jobs)[0]
    tried = [attempt.record for mine in made.values() for attempt in mine]
    turns = [(one.started, one.threads) for one in tried]
    turns += [(one.ended or one.seen, -one.threads) for one in tried]
    seconds, running, most, before = 0.0, 0, 0, 0.0
    for when, threads in sorted(turns):  # ends sort before starts
        seconds += when - before if running else 0.0
        # clocks of starts and ends may differ slightly
        most = max(most, running) if when - before > 1 else most
        running, before = running + threads, when
    training = (mine for job, mine in made.items() if job[0] in ("train", "pretrain_base"))
    spent = sum(attempt.wall for mine in training for attempt in mine)
    return {
        "seconds": round(seconds, 1),
        "cores": most,
        "complete": all(mine and mine[-1].record.status == OK for mine in made.values()),
        "found": sum(facts.get("wall_seconds", 0.0) for facts in trained) > spent,
    } if tried else None  # fmt: skip


# ---- how --------------------------------------------------------------------


def how_it_was_made(counts: list[Count], trained: Iterable[Mapping[str, Any]]) -> Made:
    """Date, version and commit, processors, GPUs, browser, libraries of a run.

    Args:
        trained: The ``training.json`` of each model and base. Those from the store may have been
            trained on another machine, with other libraries.
    """
    facts = [*trained]
    libraries = {f"{name} {n}" for of in facts for name, n in (of.get("versions") or {}).items()}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "papertune": papertune.VERSION,
        **commit_of(ROOT),
        "processors": sorted({of["processor"] for of in facts if of.get("processor")}),
        "gpus": sorted({of["device"] for of in facts if of.get("device", "cpu") != "cpu"}),
        "browser": browser_version() or "none",
        "read_by_browser": sum(
            row.count
            for row in counts
            if (row.stage, row.outcome) == ("collect", "kept") and row.reason.startswith("browser")
        ),
        "wait_for_browser": total(counts, "collect", reason="needs_browser"),
        "libraries": sorted(libraries | _installed()),
    }


def engine_of(answering: Answering) -> Made:
    """The model server that wrote the answers, if any: its command line without folders."""
    if answering.engine == "job":
        return {}
    words = f"{answering.serve} {answering.adapters}".split()
    return {"engine": " ".join(word.rpartition("/")[2] for word in words) or "one that ran already"}


def weights_of(layout: Layout) -> Made:
    """Licences of bases and generators that others trained, by base or generator."""
    study, found = layout.experiment, {}
    for name, base in study.bases.items():
        if not base.pretrain and Path(folder := layout.base_named(name)).is_dir():
            found[base.origin] = licence_of(Path(folder))[0]
    for name, generator in study.generators.items():
        folder = layout.generator_model(name) or ""
        if folder and Path(folder).is_dir():
            model = getattr(generator.with_base(study.bases), "model", name)
            found.setdefault(model, licence_of(Path(folder))[0])
    return {"weights": found} if found else {}


def _installed() -> set[str]:
    """Libraries of this environment, which computed scores and comparison."""
    found = {f"python {python_version()}"}
    for name in LIBRARIES:
        try:
            found.add(f"{name} {version(name)}")
        except PackageNotFoundError:  # a conda environment has only its stage's libraries
            continue
    return found


def commit_of(root: Path) -> Made:
    """The ``commit`` of the workflow's files, and whether they have ``changed`` since.

    The commit is empty if the folder is neither its own checkout nor an archive made by git (as
    GitHub's are); ``changed`` is None if unknown.
    """

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
        how: dict[str, Any] = {"text": True, "timeout": 20, "stderr": subprocess.DEVNULL}
        return subprocess.check_output(command, stdin=subprocess.DEVNULL, **how).strip()

    try:
        # if the folder is inside another repository, that one's commit is irrelevant
        if Path(git("rev-parse", "--show-toplevel")).resolve() == root.resolve():
            changed = bool(git("status", "--porcelain", "--", "Snakefile", "workflow"))
            return {"commit": git("rev-parse", "HEAD"), "changed": changed}
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        found = re.search(r"^node: ([0-9a-f]{40,64})$", (root / ARCHIVED).read_text("utf-8"), re.M)
    except (OSError, ValueError):
        found = None
    return {"commit": found[1] if found else "", "changed": None}


def told(how: Made) -> list[tuple[str, str]]:
    """The lines of the page's footer."""
    commit = how["commit"] or "unknown: the workflow is not a checkout"
    commit += {True: ", with changes", False: "", None: ""}[how["changed"]]
    read, waiting = how["read_by_browser"], how["wait_for_browser"]
    seen = [f"{read:,} texts read by a browser"] * bool(read)
    seen += [f"{waiting:,} papers wait for one"] * bool(waiting)
    shown = f" ({', '.join(seen)})" if seen else ""
    lines = {
        "Date": how["date"],
        "Papertune": how["papertune"],
        "Commit": commit,
        "Models trained on": "; ".join(how["gpus"] + how["processors"]) or "not known",
        "Browser": f"{how['browser']}{shown}",
        "Libraries": ", ".join(how["libraries"]),
    }
    if weights := how.get("weights"):
        lines["Weights of others"] = "; ".join(f"{name} ({by})" for name, by in weights.items())
    return [*lines.items()]
