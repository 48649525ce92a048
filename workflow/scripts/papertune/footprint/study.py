"""The memory of an experiment's models: what their jobs ask for, and whether a GPU holds them."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from papertune.errors import PapertuneError
from papertune.footprint.architecture import (
    Architecture,
    architecture_of,
    from_scratch,
    read_architecture,
)
from papertune.footprint.peaks import (
    LIBRARIES,
    Peak,
    answering_peak,
    exporting_peak,
    training_peak,
)
from papertune.footprint.trained import Machine
from papertune.models.cards import card_of
from papertune.models.gguf import sizes_of
from papertune.models.sources import from_hub, header_of_source
from papertune.study.layout import Layout
from papertune.study.recipe import Recipe
from papertune.study.settings import Base

UNKNOWN_MB = 4000  # asked for where a base is not here yet; when its job starts, it is
MORE = 1.15  # times the estimate: it may be a little too small, and a job that is killed costs more
LARGER, LARGEST = 0.5, 2.0  # what each further attempt adds, and at most
STEP_MB = 500
GB = 10**9

Work = Literal["pretrain_base", "train", "answer", "export_model"]
DOING: dict[Work, str] = {
    "pretrain_base": "pre-training",
    "train": "training",
    "answer": "answering of",
    "export_model": "export of",
}
_told: dict[str, Architecture] = {}  # of bases that are not here, as the Hub told


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of job of an experiment: pre-training a base, training a model, or its answers."""

    layout: Layout
    work: Work
    name: str  # of the base, or of the model

    def __str__(self) -> str:
        return f"{self.layout.name}: {DOING[self.work]} {self.name}"

    @property
    def trains(self) -> bool:
        """Whether a model is made."""
        return self.work in ("pretrain_base", "train")

    @property
    def on_gpu(self) -> bool:
        """Whether it asks for a GPU."""
        return self.layout.experiment.compute.gpu > 0 and self.work != "export_model"


def tasks_of(layout: Layout) -> list[Task]:
    """All kinds of job of an experiment that run a language model of its own."""
    study = layout.experiment
    pretrained = [name for name, base in study.bases.items() if base.pretrain]
    return [
        *(Task(layout, "pretrain_base", name) for name in pretrained),
        *(Task(layout, "train", name) for name in layout.experiment.trained),
        *(Task(layout, "answer", name) for name in study.models),
    ]


def remember(folder: str, config: Any) -> None:
    """Keep what the Hub told of a base that is not downloaded yet."""
    if found := architecture_of(config):
        _told[folder] = found


def peak_of(task: Task) -> Peak | None:
    """The most that a process of a task takes; None where its base is not known yet."""
    arch, recipe, machine = _parts(task)
    if arch is None:
        return None
    if task.work == "export_model":
        return exporting_peak(arch)
    if task.work == "answer":
        answering = task.layout.experiment.answering
        peak = answering_peak(arch, recipe, answering, machine)
        if answering.engine == "job" or answering.url:
            return peak
        # the server has the model while the job waits with its libraries; before that an adapter may
        # be merged, and after it likelihoods are the job's
        merged = recipe.with_adapters and (recipe.in_4_bit or not answering.adapters)
        host = max(peak.host + LIBRARIES, exporting_peak(arch).host if merged else 0)
        return replace(peak, host=host, device=peak.device if machine.on_gpu else host)
    return training_peak(arch, recipe, machine)


def memory_mb(task: Task, attempt: int = 1) -> int:
    """The memory that a job asks for on each node, in megabytes.

    What the experiment says, if it does. Else the estimate, of all processes of the node; a later
    attempt asks for more, as the one before may have run out of it.
    """
    compute = task.layout.experiment.compute
    shards = compute.shards if task.work == "answer" else 1
    if compute.memory_mb is not None:
        return compute.memory_mb * shards
    processes = max(1, compute.gpu) if task.trains else shards
    peak = peak_of(task)
    each = UNKNOWN_MB if peak is None else math.ceil(MORE * peak.host / 1e6 / STEP_MB) * STEP_MB
    grown = min(1 + LARGER * (attempt - 1), LARGEST)
    return math.ceil(each * processes * grown)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a task fits what there is."""

    task: Task
    peak: Peak | None  # None where its base is not known yet
    room: float | None = None  # bytes that a GPU has, or the machine; None where not known
    advice: str = ""  # what would fit, where it does not
    note: str = ""  # what of it is a guess

    @property
    def fits(self) -> bool | None:
        """None where it is not known."""
        if self.peak is None or self.room is None:
            return None
        return self.peak.device <= self.room

    def __str__(self) -> str:
        if self.peak is None:
            return f"{self.task}: its base is not here yet"
        what = "GPU memory" if self.task.on_gpu else "memory"
        said = f"{self.task} takes about {in_gb(self.peak.device)} of {what}"
        if self.fits is not None:
            said += f", {'and' if self.fits else 'but'} {in_gb(self.room or 0)} are there"
        return said + self.note


def judge(tasks: Iterable[Task], room: Callable[[Task], float | None]) -> Iterator[Verdict]:
    """Compare tasks with the memory that they are given; ``room`` says how many bytes."""
    for task in tasks:
        arch, recipe, machine = _parts(task)
        verdict = Verdict(task, peak_of(task), room(task))
        if arch and not arch.exact:
            name = arch.family or "this architecture"
            verdict = replace(verdict, note=f" ({name} is not known: a generous guess)")
        if verdict.fits is False and arch and task.trains and recipe.training.find_batch:
            # training finds what fits, down to a single example at once
            update = recipe.training.batch_size * recipe.training.accumulation
            least = _with_training(recipe, batch_size=1, accumulation=update)
            verdict = replace(verdict, peak=training_peak(arch, least, machine))
        if verdict.fits is False and arch:
            advice = "lower answering.batch_size or answering.max_new_tokens, or take a larger GPU"
            if task.trains:
                others = task.work == "train" and recipe.method != "scratch"
                advice = what_would_fit(arch, recipe, machine, verdict.room or 0, methods=others)
            verdict = replace(verdict, advice=advice)
        yield verdict


def _parts(task: Task) -> tuple[Architecture | None, Recipe, Machine]:
    study, compute = task.layout.experiment, task.layout.experiment.compute
    alone = task.work == "pretrain_base"
    pretrain = study.bases[task.name if alone else study.models[task.name].base].pretrain
    if alone and pretrain:
        sharded = compute.shards_weights("pretrain")
        recipe = Recipe(method="full", training=pretrain.training, sharded=sharded)
    else:
        recipe = study.recipe_of(task.name)
    processes = max(1, compute.gpu) * compute.nodes if task.trains else 1
    parted = processes > 1 and recipe.sharded
    machine = Machine(task.on_gpu, half=task.on_gpu, processes=processes, sharded=parted)
    if pretrain:
        return from_scratch(pretrain.architecture, pretrain.tokenizer), recipe, machine
    return architecture_to_be(task.layout, task.layout.base(task.name)), recipe, machine


def architecture_to_be(layout: Layout, folder: str) -> Architecture | None:
    """That of a base's or a generator's folder; of one that is not here yet, what the Hub told, its
    card or its GGUF file says.
    """
    config = Path(folder, "config.json")
    if config.exists():
        return _read(folder, config.stat().st_mtime_ns)
    bases = layout.experiment.bases.items()
    own = (base for name, base in bases if layout.base_named(name) == folder)
    card = card_of(from_hub(layout).get(folder, ("", ""))[0])
    return (
        _told.get(folder)
        or (architecture_of(card.config) if card else None)
        or next((_of_source(base) for base in own), None)
    )


def architecture_for(layout: Layout, model: str) -> Architecture | None:
    """That of a model of an experiment, which may still have to be made."""
    return _parts(Task(layout, "answer", model))[0]


def _of_source(base: Base) -> Architecture | None:
    """The architecture that a GGUF file says it has, before a folder is made of it."""
    try:
        return architecture_of(sizes_of(header_of_source(base))) if base.made else None
    except PapertuneError:  # the doctor says what is wrong
        return None


@lru_cache(maxsize=64)
def _read(folder: str, _: int) -> Architecture | None:
    """The architecture of a folder, read once as long as its file is the same."""
    return read_architecture(folder)


# ---- what would fit where a model does not -------------------------------------


def in_gb(size: float) -> str:
    """Bytes in words: ``12.3 GB``, ``120 GB``."""
    return f"{size / GB:.1f} GB" if size < 100 * GB else f"{size / GB:.0f} GB"


def what_would_fit(
    arch: Architecture, recipe: Recipe, machine: Machine, room: float, *, methods: bool = True
) -> str:
    """What to do about a recipe that does not fit: of each kind what changes least and fits.

    ``room`` is bytes; ``methods`` says whether another method is an answer, as a base from scratch
    needs all its weights.
    """
    others = {"lora": ["qlora"], "qlora": []}.get(recipe.method, ["lora", "qlora"])
    kinds = [[("this", recipe)], _smaller_batches("training.", recipe)]
    if not recipe.training.gradient_checkpointing:
        kinds.append(_checkpointed("training.", recipe))
    for method in others if methods else []:
        name, other = f"method: {method}", recipe.model_copy(update={"method": method})
        kinds.append([(name, other), *_checkpointed(f"{name}, ", other)])
    sizes = [[(name, training_peak(arch, one, machine).device) for name, one in k] for k in kinds]
    if machine.processes > 1 and not machine.sharded and recipe.method != "qlora":
        parts = training_peak(arch, recipe, replace(machine, sharded=True))
        sizes.append([("compute.parallel: fsdp", parts.device)])
    fitting = [[change for change in kind if change[1] <= room] for kind in sizes]
    if found := [f"{name} ({in_gb(size)})" for name, size in (kind[0] for kind in fitting if kind)]:
        return f"what would fit: {'; '.join(found)}"
    name, size = min((change for kind in sizes for change in kind), key=lambda one: one[1])
    return (
        f"no smaller batch, checkpointing{' or adapters' * methods} would fit; the least is {name} "
        f"with {in_gb(size)}: lower training.max_length too, or take a larger GPU or a smaller base"
    )


def _checkpointed(before: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    saved = _with_training(recipe, gradient_checkpointing=True)
    name = f"{before}gradient_checkpointing: true"
    return [(name, saved), *_smaller_batches(f"{name}, ", saved)]


def _smaller_batches(before: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    """Half the batch and twice the steps of an update, as long as it can be halved."""
    found = []
    batch, accumulation = recipe.training.batch_size, recipe.training.accumulation
    while batch % 2 == 0:
        batch, accumulation = batch // 2, accumulation * 2
        name = f"{before}batch_size: {batch} with accumulation: {accumulation}"
        smaller = _with_training(recipe, batch_size=batch, accumulation=accumulation)
        found.append((name, smaller))
    return found


def _with_training(recipe: Recipe, **changes: object) -> Recipe:
    training = recipe.training.model_copy(update=changes)
    return recipe.model_copy(update={"training": training})
