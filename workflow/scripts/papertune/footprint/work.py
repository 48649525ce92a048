"""How long jobs may take: their work from settings and from what is there already, at assumed rates.

Rates are of one thread of a processor without bf16 units. Whoever has seen jobs run corrects them
(:mod:`papertune.cluster.remaining`); what counts here is how jobs compare with each other.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from papertune.footprint.architecture import Architecture, from_scratch
from papertune.footprint.study import architecture_for, architecture_in
from papertune.records import count_lines
from papertune.study.layout import Layout
from papertune.study.settings import PromptedGenerator, Training

START = 3.0  # seconds of a job whose work is a moment
LOADING = 12.0  # of one that loads torch and a model, or an embedder
RATE = 60e9  # operations of a thread and second, of many tokens at once
WRITING = 2.0  # times as long for an operation of tokens that are written one after the other
CHARACTERS = 3.6  # of a token, in English with formulas
TEXT = 1100.0  # characters of a text that is not there yet
WRITTEN, QUESTION, SENTENCE = 30, 15, 40  # tokens of an answer, of a question, of a sentence
ATTEMPTS = 1.2  # times that a writer is asked about a document, where it may be asked twice
CORPUS = 4000  # texts to pre-train with, where nothing is known of them
DOCUMENTS = 50  # of a year that nothing is known of
STEP = 0.03  # seconds of an update, however small the model is
PARAMETERS = 135_000_000  # of a base that is not there yet


def seconds_of(layout: Layout, rule: str, wildcards: Mapping[str, str]) -> tuple[float, float]:
    """Seconds that a job takes to start, and then to do its work, on the threads that it asks for."""
    rule = rule.removesuffix("_here")
    study = layout.experiment
    threads = max(study.compute.threads, 1)
    if rule == "fetch_documents" and study.source.kind not in ("files", "demo"):
        count = _documents(layout, [wildcards["year"]], ("fetched",))
        return START, count * (study.fetching.delay + 0.3)
    if rule in ("train", "pretrain_base"):
        steps, operations = (_training if rule == "train" else _pretraining)(layout, wildcards)
        return LOADING, steps * STEP + operations / RATE / threads
    if rule == "answer":
        return LOADING, _answering(layout, wildcards) / RATE / threads
    if rule == "synthesize" and (operations := _writing(layout, wildcards)):
        return LOADING, operations / RATE / threads
    if rule in ("score", "find_suspects", "convert_base"):
        return LOADING, 0.1 * _questions(layout, wildcards.get("test_set", ""), "test")
    return START, 0.0


def _writing(layout: Layout, wildcards: Mapping[str, str]) -> float:
    study, name, split = layout.experiment, wildcards["generator"], wildcards["split"]
    generator = study.generators[name]
    if not isinstance(generator, PromptedGenerator) or not (folder := layout.generator_model(name)):
        return 0.0
    arch = architecture_in(folder)
    asked = _of_split(layout, split) * (ATTEMPTS if generator.attempts > 1 else 1)
    template = study.generator_template(name)
    # what the prompts of a batch share is read once
    frame = len(template) / CHARACTERS / getattr(generator, "batch_size", 8)
    own = _text(layout, split) if "$text" in template else SENTENCE
    whole = QUESTION + (WRITTEN if "$text" in template else 0)  # a sentence is the answer itself
    new = min(generator.decoding.max_new_tokens, whole * generator.pairs)
    return asked * generator.candidates * (_reading(arch, frame + own) + _new(arch, new))


def _training(layout: Layout, wildcards: Mapping[str, str]) -> tuple[float, float]:
    """Updates, and operations."""
    study, model = layout.experiment, wildcards["model"]
    recipe, arch = study.recipe_of(model), architecture_for(layout, model)
    training = recipe.training
    train, validation = (
        sum((_questions(layout, writer, split) for writer in study.datasets_of(model)), 0.0)
        for split in ("train", "validation")
    )
    if (subset := recipe.subset) and train:
        train *= subset.fraction or min(1.0, (subset.top or subset.first or train) / train)
    length = min(training.max_length, _text(layout, "train") + 2 * WRITTEN)
    steps = _steps(training, train)
    seen = steps * training.batch_size * training.accumulation
    # backwards takes twice as long as forwards, where weights have gradients; else as long
    passes = 2 if recipe.with_adapters else 3
    read = passes * seen + (training.evaluations + 1) * validation
    return steps, read * length * 2 * (_body(arch) + _head(arch))


def _pretraining(layout: Layout, wildcards: Mapping[str, str]) -> tuple[float, float]:
    pretrain = layout.experiment.bases[wildcards["base"]].pretrain
    assert pretrain is not None
    files = [Path(file) for file in pretrain.corpus.files]
    texts = sum((_lines(file, file.stat().st_mtime_ns) for file in files if file.exists()), 0.0)
    texts += _of_split(layout, "train") if pretrain.corpus.documents != "none" else 0
    training, arch = pretrain.training, from_scratch(pretrain.architecture, pretrain.tokenizer)
    steps = _steps(training, texts or CORPUS)
    tokens = steps * training.batch_size * training.accumulation * training.max_length / 2
    return steps, 3 * tokens * 2 * (_body(arch) + _head(arch))


def _steps(training: Training, examples: float) -> float:
    if training.max_steps > 0:
        return float(training.max_steps)
    return training.epochs * examples / (training.batch_size * training.accumulation)


def _answering(layout: Layout, wildcards: Mapping[str, str]) -> float:
    study, arch = layout.experiment, architecture_for(layout, wildcards["model"])
    asked = _questions(layout, wildcards["test_set"], "test")
    prompt = _text(layout, "test") + 2 * WRITTEN
    new = min(study.answering.max_new_tokens, WRITTEN)
    # the likelihood of the reference answer is that of some more tokens of the same prompt
    return asked * (_reading(arch, prompt + WRITTEN) + _new(arch, new))


def _reading(arch: Architecture | None, tokens: float) -> float:
    return tokens * 2 * _body(arch)


def _new(arch: Architecture | None, tokens: float) -> float:
    return tokens * 2 * (_body(arch) + _head(arch)) * WRITING


def _body(arch: Architecture | None) -> float:
    return arch.layers * arch.layer if arch else 0.8 * PARAMETERS


def _head(arch: Architecture | None) -> float:
    return arch.embedding if arch else 0.2 * PARAMETERS


# ---- what is there already -------------------------------------------------------


def _questions(layout: Layout, writer: str, split: str) -> float:
    """Pairs of a writer and split: those of its file, else as many as it is asked for."""
    if not writer:
        return _of_split(layout, split)
    path = Path(layout.root, "datasets", writer, f"{split}.parquet")
    if path.exists():
        return _rows(path, path.stat().st_mtime_ns)
    return _of_split(layout, split) * layout.experiment.generators[writer].pairs


def _of_split(layout: Layout, split: str) -> float:
    """Documents of a split."""
    study = layout.experiment
    parts = map(str, study.parts_of(split))
    count = _documents(layout, parts, ("documents", "fetched", "listings"))
    validation = study.splits.validation
    return count * {"train": 1 - validation, "validation": validation}.get(split, 1)


def _documents(layout: Layout, parts: Iterable[str], stages: Iterable[str]) -> float:
    """Documents of some years or parts, of the first of the stages that says how many."""
    total = 0.0
    for part in parts:
        sample = layout.experiment.sample_of(part)
        paths = (Path(layout.root, stage, f"{part}.jsonl") for stage in (*stages, "listings"))
        count = next((_lines(p, p.stat().st_mtime_ns) for p in paths if p.exists()), None)
        total += min(filter(None, (count, sample)), default=DOCUMENTS)
    return total


def _text(layout: Layout, split: str) -> float:
    """Tokens of a document's text."""
    paths = [Path(path) for path in layout.documents(split)]
    there = [path for path in paths if path.exists()]
    size = sum(path.stat().st_size for path in there)
    count = sum(_lines(path, path.stat().st_mtime_ns) for path in there)
    # a record says more than the text
    return (max(size / count - 300, 0) if count else TEXT) / CHARACTERS


@lru_cache(maxsize=4096)
def _lines(path: Path, _: int) -> int:
    return count_lines(path)


@lru_cache(maxsize=4096)
def _rows(path: Path, _: int) -> int:
    from pyarrow.parquet import read_metadata

    return int(read_metadata(path).num_rows)
