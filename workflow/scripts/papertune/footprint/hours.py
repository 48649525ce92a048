"""How many hours an experiment takes on one GPU, before anything of it has run: from, and to.

The GPU is an A100 with 80 GB. A training needs 2 operations forwards for each weight and token, 2 backwards
for what is handed on and 2 for the gradient of each weight that is trained (Kaplan et al. 2020, section 2.1);
what is computed again, to save memory, 2 more. Runs reach a share of the GPU's peak, and small ones wait for
the processor: both ends are of figures that others have published (tests/unit/footprint/test_hours.py). What
a model writes comes token by token, for many rows at once; each takes a pass of all layers, and all weights
from memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from papertune.footprint.architecture import Architecture, from_scratch
from papertune.footprint.counts import (
    CHARACTERS,
    asked_in,
    lines_of,
    of_split,
    text_tokens,
    trained_on,
    updates_of,
)
from papertune.footprint.study import architecture_for, architecture_to_be
from papertune.footprint.work import QUESTION, WRITTEN
from papertune.study.layout import Layout
from papertune.study.passing import answering_of
from papertune.study.recipe import Recipe
from papertune.study.settings import OpenAIGenerator, PromptedGenerator

GPU = "an A100 with 80 GB"
PEAK = 312e12  # dense bf16 operations a second, and bytes of memory, from NVIDIA's data sheet
MEMORY = 2.0e12
UNPACKED = 1.3  # times as long with weights in 4 bit, which are unpacked for each pass
BATCH = 32  # rows that are written at once, where memory decides


class Pace(NamedTuple):
    """One end of what a GPU, or a processor, is seen to do."""

    share: float  # of the peak, in large products of matrices
    step: float  # seconds of a step of training, however small it is
    layer: float  # seconds of a layer, for each token that is written
    start: float  # seconds of a job until it works
    whole: bool  # whether all that may be written is
    peak: float = PEAK
    memory: float = MEMORY


FAST = Pace(share=0.55, step=0.05, layer=0.0006, start=15, whole=False)
SLOW = Pace(share=0.15, step=0.4, layer=0.002, start=90, whole=True)


def processor(cores: int) -> tuple[Pace, Pace]:
    """Both ends of what so many cores do: operations in fp32, whose weights are twice as large."""
    quick = Pace(1, step=0.01, layer=1e-4, start=3, whole=False, peak=cores * 6e10, memory=1.5e10)
    slow = Pace(1, step=0.1, layer=1e-3, start=15, whole=True, peak=cores * 1.5e10, memory=4e9)
    return quick, slow


@dataclass(frozen=True, slots=True)
class Hours:
    """Of an experiment, each from and to."""

    training: tuple[float, float]
    answering: tuple[float, float]
    writing: tuple[float, float]
    unknown: tuple[str, ...] = ()  # models and generators that nothing is known of: not counted

    @property
    def total(self) -> tuple[float, float]:
        """All of it, one job after the other."""
        every = (self.training, self.answering, self.writing)
        return sum(least for least, _ in every), sum(most for _, most in every)


def hours_of(layout: Layout, paces: tuple[Pace, Pace] = (FAST, SLOW)) -> Hours:
    """What is to be expected of an experiment as a whole, whatever of it is there already.

    Writers that are servers of their own are not counted.
    """
    ends: list[tuple[float, float]] = []
    unknown: dict[str, None] = {}
    for work in (_trainings, _answers, _writings):
        hours = []
        for pace in paces:
            jobs = list(work(layout, pace))
            unknown |= dict.fromkeys(name for name, arch, _ in jobs if arch is None)
            hours.append(sum(pace.start + seconds for _, arch, seconds in jobs if arch) / 3600)
        ends.append((hours[0], hours[1]))
    training, answering, writing = ends
    return Hours(training, answering, writing, tuple(unknown))


def training_seconds(
    arch: Architecture, recipe: Recipe, tokens: float, steps: float, pace: Pace
) -> float:
    """Of a training that reads so many tokens in so many steps."""
    passes = 2 if recipe.with_adapters else 3
    passes += recipe.training.gradient_checkpointing
    operations = 2 * _weights(arch) * tokens * passes * (UNPACKED if recipe.in_4_bit else 1)
    return steps * pace.step + operations / (pace.peak * pace.share)


def writing_seconds(
    arch: Architecture, rows: float, read: float, new: float, pace: Pace, *,
    batch: int = BATCH, in_4_bit: bool = False,
) -> float:  # fmt: skip
    """Of rows whose ``read`` tokens are read, and so many ``new`` ones written after them."""
    slower = 2 if in_4_bit else 1
    weights = _weights(arch) * (0.5 if in_4_bit else 2)
    operations = 2 * _weights(arch) * min(rows, batch) / (pace.peak * pace.share)
    token = max(arch.layers * pace.layer, weights / pace.memory, operations) * slower
    reading = 2 * _weights(arch) * read * slower / (pace.peak * pace.share)
    return rows * reading + math.ceil(rows / batch) * new * token


def _weights(arch: Architecture) -> int:
    """Those that a token is multiplied with."""
    return arch.layers * arch.layer + arch.embedding


# ---- what an experiment has of each --------------------------------------------

# what a job is of, its architecture (None where nothing is known of it), and its seconds
Job = tuple[str, Architecture | None, float]


def _trainings(layout: Layout, pace: Pace) -> Iterator[Job]:
    study = layout.experiment
    for name, base in study.bases.items():
        if base.pretrain:
            arch = from_scratch(base.pretrain.architecture, base.pretrain.tokenizer)
            recipe = Recipe(method="full", training=base.pretrain.training)
            texts = of_split(layout, "train") if base.pretrain.corpus.documents != "none" else 0
            texts += sum(
                lines_of(path) for path in map(Path, layout.corpora_of(name)) if path.exists()
            )
            yield name, arch, _training(arch, recipe, texts, text_tokens(layout, "train"), 0, pace)
    for model, _ in layout.models():
        recipe, made_of = study.recipe_of(model), architecture_for(layout, model)
        train, validation = trained_on(layout, model)
        length = text_tokens(layout, "train") + QUESTION + WRITTEN
        yield (
            model,
            made_of,
            _training(made_of, recipe, train, length, validation, pace) if made_of else 0.0,
        )


def _training(
    arch: Architecture,
    recipe: Recipe,
    examples: float,
    length: float,
    validation: float,
    pace: Pace,
) -> float:
    training = recipe.training
    updates = updates_of(training, examples)
    seen = updates * training.batch_size * training.accumulation
    length = min(length, training.max_length)
    # parts of a batch are put together where memory holds them
    steps = updates * (training.accumulation if pace.whole else 1)
    looks = (training.evaluations + 1) * validation * length / 3  # forwards alone
    return training_seconds(arch, recipe, seen * length + looks, steps, pace)


def _answers(layout: Layout, pace: Pace) -> Iterator[Job]:
    study = layout.experiment
    for model, _, test_set in layout.by_cell("answers"):
        arch, answering = architecture_for(layout, model), answering_of(study, test_set)
        read = text_tokens(layout, "test") + QUESTION
        # each is read once more for the likelihood of its reference
        new = answering.max_new_tokens if pace.whole else min(WRITTEN, answering.max_new_tokens)
        batch = answering.batch_size if isinstance(answering.batch_size, int) else BATCH
        in_4_bit = study.recipe_of(model).in_4_bit
        rows, seconds = asked_in(layout, test_set) * answering.samples, 0.0
        if arch:
            seconds = writing_seconds(
                arch, rows, 2 * read, new, pace, batch=batch, in_4_bit=in_4_bit
            )
        yield model, arch, seconds


def _writings(layout: Layout, pace: Pace) -> Iterator[Job]:
    study = layout.experiment
    for name, split in layout.generated:
        generator, folder = study.generators[name], layout.generator_model(name)
        if not isinstance(generator, PromptedGenerator) or not folder:
            continue
        arch = architecture_to_be(layout, folder)
        rows = of_split(layout, split) * generator.candidates
        rows *= generator.attempts if pace.whole else 1
        read = len(study.generator_template(name)) / CHARACTERS + text_tokens(layout, split)
        most = generator.decoding.max_new_tokens
        new = most if pace.whole else min(most, generator.pairs * (QUESTION + WRITTEN))
        yield name, arch, writing_seconds(arch, rows, read, new, pace) if arch else 0.0


def requests_of(layout: Layout) -> dict[str, float]:
    """Generator → documents that its server is asked about, of servers whose model is not here."""
    study = layout.experiment
    found: dict[str, float] = {}
    for name, split in layout.generated:
        if isinstance(study.generators[name], OpenAIGenerator) and not layout.generator_model(name):
            found[name] = found.get(name, 0) + of_split(layout, split)
    return found


def span(least: float, most: float) -> str:
    """Hours from and to: ``2–9 h``, ``0.5–3 h``, ``under 1 h``."""
    if most < 1:
        return "under 1 h"
    return "–".join(f"{one:.0f}" if one >= 1 else f"{one:.1f}" for one in (least, most)) + " h"
