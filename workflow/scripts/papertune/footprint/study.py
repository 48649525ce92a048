"""The memory of an experiment's jobs: how much they request, and whether they fit on a GPU."""

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
from papertune.footprint.fitting import in_gb, what_would_fit, with_training
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
from papertune.study.settings import Answering, Base, Training, TransformersGenerator

UNKNOWN_MB = 4000  # requested while a base is not here yet; it is once its job starts
MORE = 1.15  # safety factor on the estimate: a killed job costs more than unused memory
LARGER, LARGEST = 0.5, 2.0  # increase per further attempt, and its maximum
STEP_MB = 500

PROMPT = 2048  # tokens of a writer's prompt, with a text of some pages

Work = Literal["pretrain_base", "synthesize", "train", "answer", "export_model"]
DOING: dict[Work, str] = {
    "synthesize": "writing by",
    "pretrain_base": "pre-training",
    "train": "training",
    "answer": "answering of",
    "export_model": "export of",
}
_told: dict[str, Architecture] = {}  # folder → architecture from the Hub, for bases not here yet


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of job of an experiment, with a base, a generator or a model."""

    layout: Layout
    work: Work
    name: str  # of the base, the generator or the model

    def __str__(self) -> str:
        return f"{self.layout.name}: {self.doing}"

    @property
    def doing(self) -> str:
        """The task in words: ``training lora``."""
        return f"{DOING[self.work]} {self.name}"

    @property
    def trains(self) -> bool:
        """Whether the task trains a model."""
        return self.work in ("pretrain_base", "train")

    @property
    def on_gpu(self) -> bool:
        """Whether the task asks for a GPU."""
        return self.layout.experiment.compute.gpu > 0 and self.work != "export_model"


def tasks_of(layout: Layout) -> list[Task]:
    """All kinds of job of an experiment that load a language model themselves."""
    study = layout.experiment
    pretrained = [name for name, base in study.bases.items() if base.pretrain]
    return [
        *(Task(layout, "pretrain_base", name) for name in pretrained),
        *(Task(layout, "synthesize", name) for name in _writers(layout)),
        *(Task(layout, "train", name) for name in layout.experiment.trained),
        *(Task(layout, "answer", name) for name in study.models),
    ]


def _writers(layout: Layout) -> list[str]:
    """Generators whose job loads a model itself."""
    every = layout.experiment.generators.items()
    return [name for name, one in every if isinstance(one, TransformersGenerator)]


def remember(folder: str, config: Any) -> None:
    """Keep the Hub's config of a base that is not downloaded yet."""
    if found := architecture_of(config):
        _told[folder] = found


def peak_of(task: Task) -> Peak | None:
    """The peak of one process of a task; None if its base is not known yet."""
    arch, recipe, machine = _parts(task)
    if arch is None:
        return None
    if task.work == "synthesize":
        writer = task.layout.experiment.generators[task.name]
        assert isinstance(writer, TransformersGenerator)
        new = writer.decoding.max_new_tokens
        written = Answering(max_new_tokens=new, batch_size=writer.batch_size)
        return answering_peak(arch, recipe, written, machine)
    if task.work == "export_model":
        return exporting_peak(arch)
    if task.work == "answer":
        answering = task.layout.experiment.answering
        peak = answering_peak(arch, recipe, answering, machine)
        if answering.engine == "job" or answering.url:
            return peak
        # the server holds the model while the job waits with its libraries; before that the job may
        # merge an adapter, and after it compute likelihoods
        merged = recipe.with_adapters and (recipe.in_4_bit or not answering.adapters)
        host = max(peak.host + LIBRARIES, exporting_peak(arch).host if merged else 0)
        return replace(peak, host=host, device=peak.device if machine.on_gpu else host)
    return training_peak(arch, recipe, machine)


def memory_mb(task: Task, attempt: int = 1) -> int:
    """The memory that a job asks for on each node, in megabytes.

    The value in the experiment file, if given; else the estimate for all processes of the node. A
    later attempt requests more, because the one before may have run out of memory.
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
    """Whether a task fits into the available memory."""

    task: Task
    peak: Peak | None  # None if its base is not known yet
    room: float | None = None  # bytes of the GPU or the machine; None if unknown
    advice: str = ""  # what would fit, if it does not
    note: str = ""  # which part is a guess

    @property
    def fits(self) -> bool | None:
        """Whether it fits; None if unknown."""
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
    """Compare tasks with the memory that they get, ``room`` in bytes."""
    for task in tasks:
        arch, recipe, machine = _parts(task)
        verdict = Verdict(task, peak_of(task), room(task))
        if arch and not arch.exact:
            name = arch.family or "this architecture"
            verdict = replace(verdict, note=f" ({name} is not known: a generous guess)")
        if verdict.fits is False and arch and task.trains and recipe.training.find_batch:
            # training reduces its batch until it fits, down to one example
            update = recipe.training.batch_size * recipe.training.accumulation
            least = with_training(recipe, batch_size=1, accumulation=update)
            verdict = replace(verdict, peak=training_peak(arch, least, machine))
        if verdict.fits is False and arch:
            advice = "lower answering.batch_size or answering.max_new_tokens, or take a larger GPU"
            if task.work == "synthesize":
                where = f"generators.{task.name}"
                advice = (
                    f"lower {where}.batch_size or {where}.decoding.max_new_tokens, or take a larger "
                    "GPU or a smaller model"
                )
            if task.trains:
                others = task.work == "train" and recipe.method != "scratch"
                advice = what_would_fit(arch, recipe, machine, verdict.room or 0, methods=others)
            verdict = replace(verdict, advice=advice)
        yield verdict


def _parts(task: Task) -> tuple[Architecture | None, Recipe, Machine]:
    study, compute = task.layout.experiment, task.layout.experiment.compute
    if task.work == "synthesize":
        reads = Recipe(method="baseline", training=Training(max_length=PROMPT))
        machine = Machine(task.on_gpu, half=task.on_gpu)
        return _of_writer(task.layout, task.name), reads, machine
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


def _of_writer(layout: Layout, name: str) -> Architecture | None:
    """The architecture of a generator's model, which may be a base of the experiment."""
    study, folder = layout.experiment, layout.generator_model(name)
    base = study.bases.get(study.generators[name].base_in(study.bases))
    if base and base.pretrain:
        return from_scratch(base.pretrain.architecture, base.pretrain.tokenizer)
    return architecture_to_be(layout, folder) if folder else None


def architecture_to_be(layout: Layout, folder: str) -> Architecture | None:
    """The architecture of a base's or generator's folder; if that is missing, from the Hub's
    config, the base's card or its GGUF file.
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
    """The architecture of an experiment's model, which may not exist yet."""
    return _parts(Task(layout, "answer", model))[0]


def _of_source(base: Base) -> Architecture | None:
    """The architecture stated by a GGUF file that is not converted yet."""
    try:
        return architecture_of(sizes_of(header_of_source(base))) if base.made else None
    except PapertuneError:  # the doctor reports it
        return None


@lru_cache(maxsize=64)
def _read(folder: str, _: int) -> Architecture | None:
    """The architecture of a folder, read again only after its config changed."""
    return read_architecture(folder)
