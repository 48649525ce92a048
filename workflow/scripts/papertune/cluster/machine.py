"""Check that this machine has what jobs need: disk space, internet, models and memory."""

import getpass
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from papertune.cluster.findings import Finding, doubt, fine, wrong
from papertune.cluster.reach import answer_of
from papertune.cluster.slurm import ClusterError, ask
from papertune.collect.web.transport import PageError
from papertune.errors import PapertuneError
from papertune.footprint.hours import hours_of, processor, span
from papertune.footprint.study import Task, judge, tasks_of
from papertune.models.examination import AGAIN, problems
from papertune.models.sources import header_of_source, licence_of_source, not_there, notice
from papertune.sandbox import run as sandbox
from papertune.scores.embedders import INSTALL, not_installed
from papertune.study import tracking
from papertune.study.layout import Layout
from papertune.study.passing import runs_programs

GIGABYTE = 10**9
LITTLE, FEW = 20 * GIGABYTE, 10_000  # free bytes and free inodes below which to warn
PROBE = 100_000  # bytes written to detect a full quota
MOST_BYTES = 10**6  # of a config.json
APART = 5.0  # seconds by which a file's time may differ from the clock
GPU_SIZES = (8, 12, 16, 24, 32, 40, 48, 80, 96, 141, 192)  # GB of common GPUs
RESOURCE = "gpu_memory_gb"  # in a profile, under set-resources
WORKS = ("pretrain_base", "train", "answer")
Room = Callable[[Task], float | None]  # bytes available to a task, None if unknown


def check_folders(folders: Iterable[str | Path]) -> Iterator[Finding]:
    """Check space, inodes, quota and clock of the folders' file systems."""
    seen = set()
    for folder in map(Path, folders):
        path = folder.absolute()
        while not path.exists():  # it will be made there
            path = path.parent
        if (device := path.stat().st_dev) in seen:
            continue
        seen.add(device)
        yield _space(folder, path)
        yield _probe(folder, path)
        # no such command, no name of the user, or not a Lustre file system
        with suppress(ClusterError, KeyError, OSError):
            said = ask("lfs", "quota", "-q", "-u", getpass.getuser(), str(path), seconds=5)
            if "*" in said:  # marks a value over its limit
                yield doubt(f"a quota of {path} is exceeded", f"`lfs quota -h {path}` shows it")
    # quota(1) prints, and exits with a status, if a limit is exceeded; else it is silent
    if shutil.which("quota"):
        try:
            said = ask("quota", "--quiet", "--quiet-refuse", seconds=5)
        except ClusterError as error:
            said = error.what
        if said := " ".join(said.split()):
            yield doubt(f"a quota is exceeded: {said[:200]}", "`quota -s` shows it")


def room_on(folder: str | Path) -> int:
    """Free bytes on the file system of a folder, which need not exist yet."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    has = os.statvfs(path)
    return has.f_bavail * has.f_frsize


def _space(folder: Path, path: Path) -> Finding:
    has, free = os.statvfs(path), room_on(path)
    files = f" and {has.f_favail} files" if has.f_files else ""  # some do not count them
    text = f"{folder}: room for {free / GIGABYTE:.0f} GB{files}"
    if free < LITTLE or (files and has.f_favail < FEW):
        return doubt(text, "free some space, or replace it by a link to a folder elsewhere")
    return fine(text)


def _probe(folder: Path, path: Path) -> Finding:
    """Write a file, to detect a full quota and to compare the file system's clock."""
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".papertune-check-") as file:
            before = time.time()
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
            made, after = os.stat(file.name).st_mtime, time.time()
    except OSError as error:
        return wrong(
            f"{folder} cannot be written to: {error.strerror}",
            "check permissions and quota, or run where you may write",
        )
    if (apart := max(before - made, made - after)) > APART:
        return doubt(
            f"{folder}: this machine's clock and the file system's are {apart:.0f} seconds apart",
            "tell your site: results may look older than their inputs",
        )
    return fine(f"{folder} can be written to, and its clock agrees with this machine's")


def check_source(layout: Layout) -> Iterator[Finding]:
    """Check what collecting needs, if it is not complete: the source's server, and Chromium."""
    from papertune.collect.web.chromium import HOW_TO_GET_ONE
    from papertune.collect.web.installed import find_browser

    if all(Path(path).exists() for path in layout.documents()):
        return
    study = layout.experiment
    for host in dict.fromkeys(filter(None, map(study.source.server, study.parts))):
        try:
            answer_of(host, study.fetching.allow_hosts)
            yield fine(f"{host} answers")
        except PageError as error:
            yield wrong(
                f"{host} does not answer ({error.what}), and {layout.name} is not collected yet",
                error.hint
                or "start where there is internet (a login or data-transfer node; set https_proxy if "
                f"your site has a proxy): snakemake documents --config experiments={layout.name}",
            )
    if study.source.with_texts or "browser" not in study.fetching.resolvers:
        return
    if found := find_browser():
        yield fine(f"Chromium is installed: {found}")
    else:
        yield doubt(
            f"Chromium is not installed: pages of {layout.name} that need it will count as missing",
            HOW_TO_GET_ONE,
        )


def check_embedders(layouts: Iterable[Layout]) -> Iterator[Finding]:
    """Check that the packages of embedders are installed."""
    chosen = {
        study.embedder_named(name): None
        for study in (layout.experiment for layout in layouts)
        for name in (*study.scoring_embedders, *sorted(study.judges))
    }
    for lacking in filter(None, map(not_installed, chosen)):
        yield wrong(lacking, f"run: {INSTALL}")


def check_trackers(layouts: Iterable[Layout]) -> Iterator[Finding]:
    """Check that the packages for tracking trainings are installed."""
    chosen = dict.fromkeys(layout.experiment.tracking for layout in layouts)
    for lacking in filter(None, map(tracking.not_installed, chosen)):
        yield wrong(lacking, "run: make tracking (trackio), or pip install it into .venv")


def check_container(image: str) -> Iterator[Finding]:
    """Check that the container for jobs exists."""
    if "://" not in image and not Path(image).exists():
        hint = "run: make container, or set container: in config/config.yaml (docker://… is pulled)"
        yield wrong(f"--sdm apptainer is set, but there is no {image}", hint)


def check_programs(layouts: Iterable[Layout]) -> Iterator[Finding]:
    """Check which sandbox would run programs written by models on this machine."""
    running = {
        name: layout.experiment.programs.allow_unsafe
        for layout in layouts
        for name in [layout.name] * runs_programs(layout.experiment)
    }
    if not running:
        return
    chosen = sandbox.way()
    if chosen != "none":
        by = {"bubblewrap": "bubblewrap", "namespaces": "namespaces of its own (unshare)"}[chosen]
        yield fine(f"programs that models write run in a sandbox here: {by}")
        return
    hint = "install bubblewrap, or allow user namespaces (sysctl user.max_user_namespaces)"
    if refused := [name for name, unsafe in running.items() if not unsafe]:
        who = ", ".join(refused)
        yield wrong(
            f"there is no sandbox here for programs that models write: {who} cannot score", hint
        )
    if len(refused) < len(running):
        yield doubt("programs that models write run as you here, with resource limits only", hint)


def check_memory(tasks: Iterable[Task], room: Room) -> Iterator[Finding]:
    """Check each task's memory against what there is, and say which GPU size is needed."""
    # experiment → bytes and task of its largest need, if the memory of GPUs is not known
    largest: dict[str, tuple[int, str]] = {}
    unknown: list[str] = []
    for verdict in judge(tasks, room):
        if verdict.peak is None:
            unknown.append(str(verdict.task))
            continue
        # a machine without a GPU may have other memory, such as swap space
        no = wrong if verdict.task.on_gpu else doubt
        yield no(str(verdict), verdict.advice) if verdict.fits is False else fine(str(verdict))
        if verdict.fits is None and verdict.task.on_gpu:
            name, most = verdict.task.layout.name, (verdict.peak.device, verdict.task.doing)
            largest[name] = max(largest.get(name, most), most)
    if unknown:
        yield doubt(
            f"the memory of {', '.join(unknown)} is not known yet: the base is not here",
            "get it (snakemake --until download_base, if it is on the Hub), then check again",
        )
    for name, (most_bytes, task) in largest.items():
        size = next((one for one in GPU_SIZES if most_bytes <= one * GIGABYTE), None)
        needed = f"a GPU of {size} GB or more is needed" if size else "no GPU is large enough"
        yield fine(f"{name}: {needed} ({task} needs the most)")
    if largest:
        yield fine(f"the memory of the GPUs is not known: set {RESOURCE} in the profile")


def check_processor(layouts: Iterable[Layout], memory: float) -> Iterator[Finding]:
    """Check experiments that ask for GPUs on a machine that has none: time and memory."""
    for layout in layouts:
        study = layout.experiment
        if not study.compute.gpu:
            continue
        without = study.compute.model_copy(update={"gpu": 0})
        alone = replace(layout, experiment=study.model_copy(update={"compute": without}))
        tasks = tasks_of(alone)
        doing = [task.doing for task in tasks]
        more = f" and {len(doing) - 4} more" if len(doing) > 4 else ""
        cores = os.cpu_count() or 1
        hours = hours_of(alone, processor(cores)).total
        yield doubt(
            f"{layout.name}: compute.gpu asks for a GPU for {', '.join(doing[:4])}{more}, and "
            f"nvidia-smi finds none here: the {cores} cores of this machine would take "
            f"{span(*hours)}, by a rough estimate",
            "run it on a machine with a GPU, or submit it (--profile profiles/slurm); for this one, "
            "take smaller bases or fewer documents",
        )
        for verdict in judge(tasks, lambda task: memory):
            if verdict.fits is False:
                yield wrong(f"{verdict}, without a GPU", "take a smaller base, or a larger machine")


def show_memory(tasks: Iterable[Task], room: Room) -> str:
    """The memory of each task, as lines of a plan; empty without tasks."""
    lines, marks = [], {True: "ok", False: "!!", None: "  "}
    for verdict in judge(tasks, room):
        lines.append(f"  {marks[verdict.fits]} {verdict}\n")
        if verdict.advice:
            lines.append(f"     {verdict.advice}\n")
    return "".join(["\nMemory at most (an estimate):\n", *lines]) if lines else ""


def check_bases(layouts: Iterable[Layout]) -> Iterator[Finding]:
    """Check that language models can be trained and asked, that missing ones can be made, and under
    which licences those are.
    """
    layouts = list(layouts)
    bases = {
        layout.base_named(name): (f"{layout.name}: base {name}", base)
        for layout in layouts
        for name, base in layout.experiment.bases.items()
    }
    for folder in dict.fromkeys(one for layout in layouts for one in layout.language_models()):
        if os.path.lexists(folder):
            made = folder in bases and (bases[folder][1].made or bases[folder][1].pretrain)
            again = f"delete {folder} and run again to make it anew" if made else AGAIN
            for what, hint in problems(Path(folder)):
                yield wrong(f"{folder}: {what}", again if hint == AGAIN else hint)
        elif folder in bases:
            name, base = bases[folder]
            if lacking := not_there(base):
                yield wrong(f"{name}: {lacking[0]}", lacking[1])
            elif base.made:
                try:
                    said = licence_of_source(base, header_of_source(base).metadata)
                    yield fine(f"{name}: {notice(said)}")
                except PapertuneError as error:
                    yield wrong(f"{name}: {error.what}", error.hint)
