"""The jobs whose results an experiment's matrix is made of, and the rows of the cost table."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from papertune.study.layout import Layout

# rules in the order of the work; what comes after the matrix (tables, figures, the page) is no part
# of its cost
STAGES = (
    *("list_documents", "fetch_documents", "render_documents", "download_base"),
    *("synthesize", "write_archive", "pretrain_base", "train"),
    *("answer", "score", "compare"),
)
Job = tuple[str, tuple[tuple[str, str], ...]]  # stage, wildcards


def job_of(rule: str, wildcards: Mapping[str, str]) -> Job:
    """A job, by its stage and its wildcards; a generator's work is one stage wherever it is done."""
    return rule.removesuffix("_here"), tuple(sorted(wildcards.items()))


def jobs_of(layout: Layout) -> dict[Job, tuple[str, str]]:
    """Every job from listing to matrix → its row: the stage, and the model or generator."""
    found = {job_of(stage, wildcards): (stage, who) for stage, who, wildcards in _jobs(layout)}
    return dict(sorted(found.items(), key=lambda item: STAGES.index(item[1][0])))


def _jobs(layout: Layout) -> Iterator[tuple[str, str, dict[str, str]]]:
    study = layout.experiment
    for year in map(str, study.parts):
        for stage in ("list_documents", "fetch_documents", "render_documents"):
            yield stage, "", {"year": year}
    for generator, split in layout.generated:
        yield "synthesize", study.set_label(generator), {"generator": generator, "split": split}
    for model, seed in layout.models():
        yield "train", study.model_label(model), {"model": model, "seed": str(seed)}
    for model, seed, test_set in layout.by_cell("answers"):
        for stage in ("answer", "score"):
            cell = {"model": model, "seed": str(seed), "test_set": test_set}
            yield stage, study.model_label(model), cell
    yield "compare", "", {}
    generators = {generator for generator, _ in layout.generated}
    folders = {
        layout.embedder(),
        *map(layout.base, study.models),
        *map(layout.generator_model, generators),
    }
    for folder in sorted(map(Path, filter(None, folders))):
        if folder.parent.parent == Path(layout.resources, "models"):
            hub = folder.parent.name
            yield "download_base", hub.replace("--", "/"), {"hub": hub, "revision": folder.name}
        if folder.parent == Path(layout.root, "bases"):
            yield "pretrain_base", folder.name, {"base": folder.name}
            pretrain = study.bases[folder.name].pretrain
            if pretrain and f"{layout.resources}/demo/archive.jsonl" in pretrain.corpus.files:
                yield "write_archive", "", {}
