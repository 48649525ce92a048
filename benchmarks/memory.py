"""Measure how the peak memory of each stage, except training, grows with the documents.

    python benchmarks/memory.py [--few 200] [--many 20000] [--stages list,answer,…]

Runs every stage through the library, each in its own process, on a study of few and on one of many
documents, and prints both peaks, their difference and their ratio. 19 of 20 years are for testing,
to maximize questions, answers and scores. Only what would take hours is left out: a tiny random
model answers 64 questions of each test set, the other answers are in the store beforehand;
embeddings are computed for new texts only, and the answers have few distinct texts.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from study import ROOT, YEARS, make_study, settings

MOST = 200  # MB
ASKED = 64  # questions of each test set that a model answers here
METRICS = ["similarity", "token_f1", "exact_match", "perplexity"]


def main() -> None:
    """Measure and print, or run one stage as a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        STAGES[options.one]()
        return
    asked = options.stages.split(",")
    worst = 0.0
    print(f"{'stage':20} {options.few:>9} {options.many:>9}   growth   ratio  (peak MB)")
    with tempfile.TemporaryDirectory(prefix="papertune-memory-") as folder:
        places = [Path(folder, str(count)) for count in (options.few, options.many)]
        for place, count in zip(places, (options.few, options.many), strict=True):
            make_study(place, count)
            values = settings() | {"metrics": METRICS}
            values["splits"] = {
                "train": {"from": YEARS[0], "to": YEARS[0]},
                "test": {"from": YEARS[1], "to": YEARS[-1]},
                "validation": 0.5,
            }
            (place / "scale.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        for stage in STAGES:  # each needs the results of those before it
            few, many = (peak(stage, place) for place in places)
            if stage in asked and stage != "prepare":
                worst = max(worst, many - few)
                print(
                    f"{stage:20} {few:9.0f} {many:9.0f} {many - few:8.0f} {many / few:7.2f}",
                    flush=True,
                )
    print(f"memory, largest growth of a stage: {worst:.0f} MB (at most {MOST} MB)")
    sys.exit(worst > MOST)


def peak(stage: str, folder: Path) -> float:
    """The peak resident memory, in MB, of a process that runs a stage."""
    command = [sys.executable, __file__, "--one", stage]
    process = subprocess.Popen(
        ["/usr/bin/env", "PYTHONUNBUFFERED=1", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{stage} failed:\n{said[-4000:]}")
    return float(said.rsplit("peak kB ", 1)[1].split()[0]) / 1000


# ---- in a child process, in the study's folder --------------------------------------------------


class Here:
    """The study of the working directory."""

    def __init__(self) -> None:
        from papertune.study.experiment_file import load_experiment
        from papertune.study.layout import Layout

        self.experiment = load_experiment("scale.yaml")
        self.layout = Layout("scale", self.experiment)
        self.store = Path("store")
        self.prompt = (ROOT / self.experiment.prompt).read_text(encoding="utf-8").rstrip("\n")

    def years(self, kind: str) -> dict[int, Path]:
        """Year → file."""
        return {key: Path(path) for key, path in self.layout.by_year(kind).items()}

    def splits(self, kind: str) -> dict[tuple[str, str], Path]:
        """(generator, split) → file."""
        return {key: Path(path) for key, path in self.layout.by_split(kind).items()}

    def cells(self, kind: str) -> dict[tuple[str, int, str], Path]:
        """(model, seed, test set) → file."""
        return {key: Path(path) for key, path in self.layout.by_cell(kind).items()}

    def matrix(self) -> Path:
        """The matrix, beside the tables."""
        return Path("results/scale/tables/matrix.csv")


def stage(run: Callable[[Here], None]) -> Callable[[], None]:
    """The stage as a child process runs it: on the study here, with its peak printed at the end."""

    def process() -> None:
        run(Here())
        # the high-water mark of this program only; ru_maxrss would include its parent's
        lines = Path("/proc/self/status").read_text().splitlines()
        print("peak kB", next(line for line in lines if line.startswith("VmHWM")).split()[1])

    return process


def list_documents(here: Here) -> None:
    """List every year in one process: at least as much as the largest job."""
    from papertune.collect.steps import list_documents

    for year, output in here.years("listings").items():
        list_documents(
            here.experiment.source,
            here.experiment.fetching,
            year,
            output=output,
            rejected=here.years("rejected/listings")[year],
            cache="store/http",
        )


def fetch_documents(here: Here) -> None:
    """Texts are in the file already: documents only pass through."""
    from papertune.collect.steps import fetch_documents

    for year, output in here.years("fetched").items():
        fetch_documents(
            here.experiment.source,
            here.experiment.fetching,
            listing=here.years("listings")[year],
            output=output,
            store=here.store,
            cache="store/http",
        )


def render_documents(here: Here) -> None:
    """Nothing needs a browser."""
    from papertune.collect.steps import render_documents

    for year, output in here.years("documents").items():
        render_documents(
            here.experiment.source,
            here.experiment.fetching,
            listing=here.years("listings")[year],
            fetched=here.years("fetched")[year],
            output=output,
            missing=here.years("missing")[year],
            store=here.store,
            cache="store/http",
        )


def synthesize(here: Here) -> None:
    """Both generators, every split."""
    from papertune.generators.asking import Writer
    from papertune.generators.synthesis import synthesize
    from papertune.study import uses

    for (name, split), output in here.splits("datasets").items():
        given = uses.synthesize(here.layout, name, split).arguments
        mine, shards = given.pop("mine"), given.pop("shards")
        synthesize(
            Writer(**given),
            mine=mine,
            shards=shards,
            documents=[Path(path) for path in here.layout.documents(split)],
            output=output,
            rejected=here.splits("rejected/pairs")[name, split],
            store=here.store,
        )


def describe_dataset(here: Here) -> None:
    """The card of every dataset."""
    from papertune.generators.synthesis import describe_dataset

    for name in here.experiment.generators:
        files = [path for key, path in here.splits("datasets").items() if key[0] == name]
        describe_dataset(
            splits=files,
            taken_out=[],
            rejected=[],
            output=files[0].parent / "README.md",
            title="",
            name=name,
            by_year=True,
            generator={},
        )


def prepare(here: Here) -> None:
    """Not measured: make a random model, its training facts, and most answers in the store."""
    import itertools
    import json

    from papertune.identity import digest
    from papertune.pairfile import read_pairs
    from papertune.store import Store
    from papertune.study import versions
    from papertune.study.prompts import answer_prompt

    sys.path.insert(0, str(ROOT / "tests"))
    from tiny_models import make_model

    make_model(Path("tiny"), context=256)
    for (_, _), folder in here.layout.models().items():
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "training.json").write_text(json.dumps({"method": "full"}))
        Path(folder, "history.csv").write_text("step,epoch,train_loss,validation_loss\n1,1,2,2\n")
    for model in here.experiment.models:
        kept = Store(
            here.store,
            "answer",
            {
                "model": {"name": model},
                "prompt": here.prompt,
                "answering": here.experiment.answering.identity(),
                "version": versions.ANSWER,
            },
        )
        for name in here.experiment.test_set_names:
            pairs = iter(read_pairs(here.splits("datasets")[name, "test"]))
            for _ in itertools.islice(pairs, ASKED):
                pass
            while some := list(itertools.islice(pairs, 1000)):
                kept.add(
                    {
                        digest([str(answer_prompt(here.prompt, pair)), pair.answer]): {
                            # correct for every second question
                            "text": pair.answer if int(pair.id, 16) % 2 else some[0].answer,
                            "new_tokens": 4,
                            "truncated": False,
                            "reference_nll": 3.0,
                            "reference_tokens": 4,
                        }
                        for pair in some
                    }
                )


def answer(here: Here) -> None:
    """Both models, both test sets."""
    from papertune.answering.inference import answer
    from papertune.answering.task import Task

    for (model, _, name), output in here.cells("answers").items():
        task = Task(
            model=Path("tiny"),
            test_set=here.splits("datasets")[name, "test"],
            prompt=here.prompt,
            answering=here.experiment.answering,
        )
        answer(task, output=output, store=here.store, identity={"name": model})


def score(here: Here) -> None:
    """Every cell of the matrix, with the packaged embedder."""
    from papertune.scores.scoring import score_answers

    for key, output in here.cells("scores").items():
        score_answers(
            answers=here.cells("answers")[key],
            output=output,
            metrics=here.experiment.metrics,
            embedders=here.experiment.scoring_embedders,
            store=here.store,
        )


def compare(here: Here) -> None:
    """The matrix."""
    from papertune.scores.comparing import compare
    from papertune.study.design import Design

    tables = {name: here.matrix().with_name(f"{name}.csv") for name in ("writers", "spread")}
    compare(here.cells("scores"), Design.of(here.experiment), matrix=here.matrix(), **tables)


def count_stages(here: Here) -> None:
    """Counts of all stages."""
    from papertune.report.counts import count_stages

    count_stages(here.layout, here.matrix().with_name("counts.csv"))


def write_tables(here: Here) -> None:
    """Tables of matrix and counts."""
    from papertune.report.tables import write_tables

    folder = here.matrix().parent
    files = {name: folder / f"{name}.csv" for name in ("matrix", "writers", "counts")}
    write_tables(here.layout, folder, **files)


def write_cost(here: Here) -> None:
    """The table of job costs."""
    from papertune.report.cost import write_cost

    write_cost(here.layout, here.matrix().parent)


def draw_figures(here: Here) -> None:
    """Figures of matrix and counts."""
    from papertune.report.figures import draw_figures

    matrix, folder = here.matrix(), Path("results/scale/figures")
    draw_figures(here.layout, folder, matrix=matrix, counts=matrix.with_name("counts.csv"))


def write_page(here: Here) -> None:
    """The report."""
    from papertune.report.page import write_page

    names = ("matrix", "writers", "counts", "cost")
    files = {name: here.matrix().with_name(f"{name}.csv") for name in names}
    to, figures = Path("results/scale/report.html"), Path("results/scale/figures")
    write_page(here.layout, to, **files, figures=figures, store=here.store)


STAGES = {
    run.__name__: stage(run)
    for run in (
        list_documents,
        fetch_documents,
        render_documents,
        synthesize,
        describe_dataset,
        prepare,
        answer,
        score,
        compare,
        count_stages,
        write_tables,
        write_cost,
        draw_figures,
        write_page,
    )
}


if __name__ == "__main__":
    main()
