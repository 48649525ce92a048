"""An experiment on a file of one's own papers: another one's settings with its source exchanged."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from papertune.collect.listings.files import read
from papertune.errors import CollectError, PapertuneError
from papertune.files import atomic_write
from papertune.records import Document
from papertune.study.experiment_file import load_experiment
from papertune.study.settings.listings import FilesSource

# least share of the papers in the years that test; of all papers, where years do not serve
TESTED = 0.3


def with_papers(values: dict[str, Any], papers: str | Path) -> dict[str, Any]:
    """An experiment's settings on the papers of a file, and as many of them as it samples.

    The last years test, as few as hold ``TESTED`` of the papers. Where papers have no year, or years
    are missing between the first and the last, a share of the papers does.

    Raises:
        CollectError: the file cannot be read, or has no paper.
    """
    if Path(papers).is_dir() or Path(papers).suffix.lower() in (".bib", ".bibtex"):
        kind = f"{{kind: pdfs, path: {papers}}}"
        if not Path(papers).is_dir():
            kind = f"{{kind: bibtex, paths: [{papers}]}}"
        raise CollectError(
            "no table of papers",
            where=str(papers),
            hint=f"copy config/experiments/smollm2.yaml, let it have `source: {kind}` and years of "
            "these in splits, and run it: snakemake --config experiments=path/of/the/copy.yaml",
        )
    source = FilesSource(kind="files", path=str(papers))
    items = (item for run in read(source, 0) for item in run.make(run))
    try:
        rows = [(year, item) for _, year, item in items if isinstance(item, Document)]
    except CollectError as error:
        if "source." in error.hint:
            error.hint += "; `make study` takes no settings: change the file itself"
        raise
    if not rows:
        raise CollectError(
            "no paper in it",
            where=str(papers),
            hint="it needs a title and a paper_url or doi for each, and year and abstract",
        )
    splits, counts = dict(values["splits"]), Counter(year for year, _ in rows if year)
    years = sorted(counts)
    wanted = _sampled(values)
    test, tested = list[int](), 0
    while years and tested < TESTED * len(rows):
        test.insert(0, years.pop())
        tested += counts[test[0]]
    whole = [*years, *test]
    if years and counts.total() == len(rows) and whole == list(range(whole[0], whole[-1] + 1)):
        splits["train"] = {"from": years[0], "to": years[-1]}
        splits["test"] = {"from": test[0], "to": test[-1]}
        parts = {"train": len(years), "test": len(test)}
    else:
        splits.pop("train", None)
        splits["test"], parts = TESTED, {"train": 1, "test": 1}
    if wanted:
        splits["sample"] = {name: max(1, round(wanted[name] / parts[name])) for name in wanted}
    title = f"{values.get('title', '')}: {Path(papers).name}".removeprefix(": ")
    question = (
        "Does fine-tuning on questions about these papers make a model better at questions about "
        "papers that it was not trained on, and does the answer survive a change of question writer?"
    )
    own = {
        "title": title,
        "question": question,
        "source": source.model_dump(exclude_defaults=True),
        "splits": splits,
    }
    return values | own


def _sampled(values: dict[str, Any]) -> dict[str, int]:
    """Documents that an experiment samples in all, by the side of its splits."""
    splits = values["splits"]
    found = {}
    sample = splits.get("sample") or {}
    for name in ("train", "test"):
        span = splits.get(name)
        if each := sample.get(name):
            found[name] = each * (span["to"] - span["from"] + 1 if isinstance(span, dict) else 1)
    return found


def main(arguments: list[str]) -> None:
    """Write the experiment file, and check it.

    One that is there for the same papers keeps its splits: years must not change sides when a paper is
    added.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, prog="python -m papertune.collect.own_papers"
    )
    parser.add_argument("experiment", type=Path, help="the experiment file to begin with")
    parser.add_argument("output", type=Path, help="the experiment file to write")
    parser.add_argument("--papers", default="", help="a file of papers, in the place of its source")
    parser.add_argument(
        "--gpu", action="store_true", help="jobs with a language model ask for a GPU"
    )
    asked = parser.parse_args(arguments)
    values = yaml.safe_load(asked.experiment.read_text("utf-8"))
    if asked.papers:
        before = yaml.safe_load(asked.output.read_text("utf-8")) if asked.output.exists() else {}
        values = with_papers(values, asked.papers)
        if before.get("source") == values["source"]:
            values["splits"] = before["splits"]
    if asked.gpu:
        values["compute"] = {**values.get("compute", {}), "gpu": 1}
    with atomic_write(asked.output) as stream:
        stream.write(f"# {asked.experiment} as `make study` changed it\n")
        yaml.safe_dump(values, stream, sort_keys=False, allow_unicode=True)
    load_experiment(asked.output)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PapertuneError as problem:
        sys.exit(str(problem))
