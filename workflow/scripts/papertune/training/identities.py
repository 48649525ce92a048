"""What a trained model depends on: by this it is found again, whatever its files and names are.

Of the data it is what training reads, not a file's bytes, a generator's key or an experiment's name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.models.loading import weights_digest
from papertune.pairfile import read_pairs
from papertune.records import digest_of_lines
from papertune.scores.embedding import embedder_identity
from papertune.study.recipe import Recipe
from papertune.study.settings import Pretraining, Subset
from papertune.training.corpus import read_corpus
from papertune.training.subsets import choose


def training_identity(
    recipe: Recipe, seed: int, data: list[Path], base: Path, embedder: Path | None = None
) -> dict[str, Any]:
    """What a model depends on.

    Args:
        data: Files of the pairs to train on, and of those that choose the checkpoint.
        base: The base's folder.
        embedder: The folder of an embedder that is not the packaged one.
    """
    known = settings_of_training(recipe, seed) | {"base": weights_digest(base)}
    if recipe.training.best_by == "similarity":
        known["embedder"] = embedder_identity(recipe.embedder, embedder)
    return known | {"data": digest_of_lines(_read(data, recipe.subset))}


def settings_of_training(recipe: Recipe, seed: int) -> dict[str, Any]:
    """The part of it that is known without any file."""
    return {"recipe": recipe.identity(), "seed": seed, "version": versions.TRAIN}


def pretraining_identity(pretraining: Pretraining, documents: list[Path]) -> dict[str, Any]:
    """What a base from scratch depends on; the content of its own files, not where they lie."""
    texts = digest_of_lines(map(list, read_corpus(pretraining.corpus, documents)))
    return settings_of_pretraining(pretraining) | {"texts": texts}


def settings_of_pretraining(pretraining: Pretraining) -> dict[str, Any]:
    """The part of it that is known without any file."""
    settings = pretraining.identity()
    del settings["corpus"]["files"]
    return {"pretraining": settings, "version": versions.PRETRAIN}


def _read(data: list[Path], subset: Subset | None) -> Iterator[list[Any]]:
    for path, some in zip(data, (subset, None), strict=True):
        pairs = choose(list(read_pairs(path)), some, str(path))
        yield [len(pairs)]
        for pair in pairs:
            yield [pair.id, pair.instruction, pair.context, pair.question, pair.answer]
