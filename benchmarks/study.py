"""Make a study of any size for the benchmarks: papers by the demo's generator in local files.

    python benchmarks/study.py FOLDER [--documents 20000] [--test-documents 50]

writes ``papers.jsonl`` and ``scale.yaml`` to FOLDER, to be run there with::

    snakemake --snakefile …/Snakefile --directory FOLDER --config experiments=scale.yaml

Documents are from 20 years; the last one is for testing. Training, pre-training and validation are
small and fixed, so that only the work per document grows.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.demo.papers import FIRST_YEAR, make_paper, names

ROOT = Path(__file__).resolve().parents[1]
YEARS = range(FIRST_YEAR, FIRST_YEAR + 20)


def settings(path: str = "papers.jsonl") -> dict:
    """The experiment file: small models, everything else as in a real study."""
    return {
        "title": "A study to measure with",
        "source": {"kind": "files", "path": path},
        "splits": {
            "train": {"from": YEARS[0], "to": YEARS[-2]},
            "test": {"from": YEARS[-1], "to": YEARS[-1]},
            "validation": 0.01,
        },
        "generators": {
            style: {"backend": "rules", "style": style, "pairs": 3}
            for style in ("extractive", "cloze")
        },
        "bases": {
            "small": {
                "pretrain": {
                    "corpus": {"documents": "none", "files": ["resources/demo/archive.jsonl"]},
                    "training": {"max_steps": 50, "max_length": 256, "learning_rate": 0.01},
                }
            }
        },
        "training": {"max_steps": 50, "max_length": 256, "evaluations": 2, "learning_rate": 0.003},
        "models": {
            "baseline": {"base": "small", "method": "baseline"},
            "full": {"base": "small", "method": "full"},
        },
        "answering": {"max_new_tokens": 16, "batch_size": 64},
        "metrics": ["similarity", "token_f1", "exact_match", "perplexity"],
    }


def rows(documents: int, test_documents: int | None = None) -> Iterator[dict]:
    """Rows of ``documents`` papers, evenly over the years without ``test_documents``."""
    tests = documents // len(YEARS) if test_documents is None else test_documents
    others, more = divmod(documents - tests, len(YEARS) - 1)
    for place, year in enumerate(YEARS):
        pool = names(year, seed=1)
        rng = random.Random(f"benchmark/{year}")
        for number in range(tests if year == YEARS[-1] else others + (place < more)):
            paper = make_paper(rng, pool[number % len(pool)], year)
            yield {
                "title": paper.title,
                "paper_url": f"https://venue.example/{year}/{number}",
                "year": year,
                "abstract": paper.abstract,
            }


def make_study(folder: Path, documents: int, test_documents: int | None = None) -> Path:
    """Write the papers and the experiment file; returns the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "papers.jsonl", "w", encoding="utf-8") as stream:
        for row in rows(documents, test_documents):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    path = folder / "scale.yaml"
    path.write_text(yaml.safe_dump(settings(), sort_keys=False), encoding="utf-8")
    return path


def snakemake(
    folder: Path, *arguments: str, snakefile: Path = ROOT / "Snakefile", config: bool = True
) -> None:
    """Run Snakemake in a folder, without output.

    Raises:
        SystemExit: it failed; shows its last lines.
    """
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)),
            *("--workflow-profile", str(ROOT / "profiles" / "default")),
            *("--directory", str(folder), "--cores", "2", *arguments),
            *(["--config", "experiments=scale.yaml"] if config else []),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        check=False,
    )
    if run.returncode:
        sys.exit(f"snakemake failed:\n{run.stdout[-4000:]}")


def fastest(calls: dict[Any, Callable[[], object]], repeat: int) -> dict[Any, float]:
    """Name → shortest seconds of some calls, made in turns so that other load affects all alike."""
    seconds = dict.fromkeys(calls, float("inf"))
    for _ in range(repeat):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def main() -> None:
    """Make a study for a manual run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--test-documents", type=int)
    options = parser.parse_args()
    print(make_study(options.folder, options.documents, options.test_documents))


if __name__ == "__main__":
    main()
