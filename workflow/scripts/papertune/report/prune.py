"""Find what no experiment refers to in the store, and delete it after confirmation.

The ``identity.json`` of a store's folder records what it was made for. An experiment refers to the
folder if this agrees with everything that is known of the experiment: a model's training data, for
example, is known only if the data exists. Folders without an identity are kept.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from papertune.answering.task import Task
from papertune.errors import PapertuneError
from papertune.files import read_json
from papertune.generators.asking import asking_identity, checking_identity
from papertune.models.digests import weights_digest
from papertune.models.modelfolder import BASES, MODELS, UNFINISHED
from papertune.scores.embedders import embedder_identity
from papertune.scores.programs import running_identity
from papertune.store import IDENTITY
from papertune.study import versions
from papertune.study.layout import Layout
from papertune.training.data import (
    pretraining_identity,
    settings_of_pretraining,
    settings_of_training,
    training_identity,
)

ANSWERS = ("answer", "served", "samples")  # stages: `served` has answers of a model server
log = logging.getLogger("papertune")

Identity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of the store, its identity, and the digest of its weights."""

    folder: Path
    kind: str
    identity: Identity
    weights: str = ""

    def agrees(self, reference: Identity) -> bool:
        """Whether the folder's identity agrees with a reference, as far as that is known."""
        return all(self.identity.get(key) == value for key, value in reference.items())

    def size(self) -> int:
        """Bytes that deletion frees, without files that results link to."""
        states = [path.stat() for path in self.folder.rglob("*") if path.is_file()]
        return sum(state.st_size for state in states if state.st_nlink == 1)


def prune(store: Path, layouts: Iterable[Layout], agree: Callable[[str], bool]) -> list[Path]:
    """Delete what no experiment refers to, after confirmation; returns the deleted folders.

    Args:
        store: The store's root.
        layouts: All experiments whose work must be kept.
        agree: Asked for confirmation, with the number and size of folders.
    """
    kept = list(_kept(store))
    references: dict[str, list[Identity]] = {}
    missing: set[str] = set()
    for layout in layouts:
        for kind, identity in _references(layout, kept, missing):
            references.setdefault(kind, []).append(identity)
    if missing:
        said = ", ".join(sorted(missing))
        log.info("results of %s are incomplete: what agrees with the settings is kept", said)
    unwanted = [one for one in kept if not any(map(one.agrees, references.get(one.kind, [])))]
    sizes = {one.folder: one.size() / 1e6 for one in unwanted}
    for folder, size in sizes.items():
        log.info("no experiment refers to %s (%.1f MB)", folder, size)
    said = f"{len(sizes)} of {len(kept)} folders of {store}, {sum(sizes.values()):,.1f} MB"
    if not unwanted or not agree(f"Delete {said}?"):
        log.info("nothing was deleted; no experiment refers to %s", said)
        return []
    for folder in sizes:
        shutil.rmtree(folder.rename(folder.with_name(f".{folder.name}.pruned")))
    log.info("deleted %s", said)
    return list(sizes)


def _kept(store: Path) -> Iterator[Kept]:
    for path in sorted(store.glob(f"*/*/{IDENTITY}")):
        if any(folder.is_symlink() for folder in path.parents[:2]):
            continue  # a link out of the store
        kind = path.parts[-3]
        try:
            said = read_json(path)
            if kind in (MODELS, BASES, UNFINISHED):
                kind, identity = said.get("kind", kind), said["identity"]
                yield Kept(path.parent, kind, identity, said.get("weights", ""))
            elif kind in ANSWERS:
                yield Kept(path.parent, kind, said | said["model"])
            elif kind in ("synthesize", "pairs", "embed", "run", "fetch", "render"):
                yield Kept(path.parent, kind, said)
        except (OSError, ValueError, LookupError, TypeError):
            log.warning("%s cannot be read, so its folder is kept", path)


def _references(
    layout: Layout, kept: list[Kept], missing: set[str]
) -> Iterator[tuple[str, Identity]]:
    """Kinds of folders that an experiment refers to, with possible identities of each.

    The experiment is added to ``missing`` if not all of that is known.
    """
    study = layout.experiment

    def known(identity: Callable[..., Any], *of: Any) -> Any:
        """An identity, or None if something that it depends on is missing."""
        try:
            return identity(*of)
        except (OSError, PapertuneError):
            missing.add(layout.name)
            return {}

    def pretrained(base: str) -> dict[str, Any]:
        """The identity of a base from scratch; empty for other bases."""
        pretraining = study.bases[base].pretrain
        if pretraining is None:
            return {}
        found = (layout.corpus_documents(base), layout.corpora_of(base))
        made = known(pretraining_identity, pretraining, *([*map(Path, paths)] for paths in found))
        return {**settings_of_pretraining(pretraining), **made}

    for stage in ("fetch", "render"):
        yield stage, {"version": versions.COLLECT, "fetching": study.fetching.identity()}
    for name in study.generators:
        generator, template = study.generator(name), study.generator_template(name)
        yield "synthesize", asking_identity(generator, template)
        yield "pairs", checking_identity(generator, template)
    yield "run", running_identity(study.programs)
    for name in ["", *study.embedders]:
        embedder = known(embedder_identity, study.embedder_named(name), layout.embedder(name))
        yield "embed", {"version": versions.EMBED, **({"model": embedder} if embedder else {})}
    yield from ((BASES, made) for base in study.bases if (made := pretrained(base)))
    for model in study.models:
        base, judge = Path(layout.base(model)), layout.judge(model)
        data = [
            [Path(path) for path in layout.training_data(model, split)]
            for split in ("train", "validation")
        ]
        recipe = study.recipe_of(model)
        asked = {study.asked_template(name, model) for name in layout.asked()}
        tasks = [
            Task(
                model=base, test_set=base, prompt=prompt,
                asked=recipe.examples.asked, answering=study.answering,
            ).identity({})
            for prompt in sorted(asked)
        ]  # fmt: skip
        answers = [{k: v for k, v in task.items() if k != "model"} for task in tasks]
        for seed in study.seeds_of(model):
            kind, made = BASES, pretrained(study.models[model].base)
            if model in study.trained:
                by = Path(judge) if judge else None
                trained = known(training_identity, recipe, seed, data, base, by)
                kind, made = MODELS, {**settings_of_training(recipe, seed), **trained}
                yield kind, made
            found = [one for one in kept if one.kind == kind and made and one.agrees(made)]
            weights = [one.weights for one in found if one.weights]
            if not weights and (digest := known(weights_digest, layout.model(model, seed))):
                weights = [digest]
            for stage, how in product(ANSWERS, answers):
                yield from ((stage, {**how, "model": one}) for one in weights)
                # any identity of this kind, if the model has results but is missing itself
                if not weights and Path(layout.root).is_dir():
                    yield stage, how
