"""Measure a study of 100,000 documents: from listing to datasets, and planning.

    python benchmarks/scale.py [--documents 100000] [--pairs 200000] [--experiment smollm2]

Takes an experiment of config/, with synthetic papers (titles, abstracts of about 150 words,
2011–2024) and rules as writers, and makes its datasets on two cores. Prints seconds, and the peak
memory of a process and of all together (the sum of their memory, and of their shares of it). Then
plans the whole study, finished and after a changed row, and a study on a table of ready-made pairs;
the reference is the same with 200 of each.
"""

import argparse
import csv
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml
from study import ROOT, names

from papertune.demo.papers import make_paper

YEARS = range(2011, 2025)
FEW = 200
PARTS = [f"results/study/listings/{part}.jsonl" for part in ("train", "test")]
MINUTES, MEGABYTES, PLAN, PAIRS_PLAN = 12, 1000, 5.0, 3.0  # at most


def papers(count: int) -> Iterator[tuple[str, str, int, str]]:
    """Yield title, address, year and abstract of synthetic papers."""
    pools = {year: names(year, seed=1) for year in YEARS}
    draws = {year: random.Random(f"scale/{year}") for year in YEARS}
    for number in range(count):
        year = YEARS[number % len(YEARS)]
        name = pools[year][number // len(YEARS) % len(pools[year])]
        paper, other = (make_paper(draws[year], name, year) for _ in range(2))
        more = ". ".join(other.abstract.split(". ")[1:6])
        yield paper.title, f"https://venue.example/{number}", year, f"{paper.abstract} {more}."


def make_study(folder: Path, experiment: str, count: int) -> Path:
    """Write papers and their experiment; returns the table."""
    folder.mkdir()
    table = folder / "papers.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("title", "paper_url", "year", "abstract"))
        rows.writerows(papers(count))
    values = yaml.safe_load((ROOT / f"config/experiments/{experiment}.yaml").read_text())
    train, test = ({"from": a, "to": b} for a, b in ((2011, 2021), (2022, 2024)))
    styles = ("extractive", "cloze")
    writers = {
        name: {"backend": "rules", "style": styles[number % 2]}
        for number, name in enumerate(values["generators"])
    }
    values |= {
        "source": {"kind": "files", "path": table.name},
        "splits": {"train": train, "test": test, "validation": 0.05},
        "generators": writers,
        "seeds": [1, 2],
        # no encoder that must be installed first
        "embedders": {},
        "metrics": [name for name in values["metrics"] if "@" not in name],
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return table


def make_pairs(folder: Path, experiment: str, count: int) -> Path:
    """Write a table of questions with answers, and an experiment on them; returns the table."""
    make_study(folder, experiment, 0).unlink()
    table, draw = folder / "pairs.jsonl", random.Random(1)
    vocabulary = [f"word{number}" for number in range(5000)]
    with table.open("w", encoding="utf-8") as stream:
        for number in range(count):
            asked, said = (" ".join(draw.choices(vocabulary, k=k)) for k in (15, 40))
            stream.write(json.dumps({"question": f"{asked} {number}?", "answer": said}) + "\n")
    values = yaml.safe_load((folder / "study.yaml").read_text())
    columns = {"question": "question", "answer": "answer"}
    values["source"] = {"kind": "pairs", "path": table.name, "columns": columns}
    values["splits"] = {"test": 0.1, "validation": 0.05}
    (folder / "study.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return table


def change(table: Path) -> None:
    """Change a word in a row in the middle."""
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    row = len(lines) // 2
    lines[row] = re.sub(r"(\w+)(\W*)$", r"changed\2", lines[row])
    table.write_text("".join(lines), encoding="utf-8")


def run(folder: Path, *arguments: str) -> tuple[float, float, list[int]]:
    """Seconds, processor seconds, and peak bytes of a run of Snakemake: of its largest process, of
    all together, and of all together with shared memory counted once.
    """
    command = [
        *(sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")),
        *("--workflow-profile", str(ROOT / "profiles/default"), "--cores", "2", "--quiet", "all"),
        *("--config", "experiments=study.yaml"),
    ]
    used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        process = psutil.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        peaks, every = [0, 0, 0], 2.0 if "--dry-run" not in arguments else 60.0
        while True:
            peaks = list(map(max, peaks, _memory(process)))
            try:
                process.wait(every)
                break
            except psutil.TimeoutExpired:
                pass
    took, now = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit((folder / "said.txt").read_text()[-4000:])
    return took, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, peaks


def _memory(process: psutil.Popen) -> list[int]:
    sizes = []
    for one in [process, *process.children(recursive=True)]:
        try:
            found = one.memory_full_info()
        except psutil.Error:
            continue  # the process has ended
        sizes.append((found.rss, found.pss))
    whole, shares = (sum(of) for of in zip(*sizes, strict=True)) if sizes else (0, 0)
    return [max((size for size, _ in sizes), default=0), whole, shares]


def tell(what: str, value: float, unit: str, most: float, few: float | None = None) -> bool:
    """Print a value, its limit, and its ratio to the small study; True if it exceeds the limit."""
    times = f", {value / few:.2f} × what {FEW} take" if few else ""
    print(f"{what}: {value:.1f} {unit}{times} (at most {most:g} {unit})", flush=True)
    return value > most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--experiment", default="smollm2")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    wrong = False
    with tempfile.TemporaryDirectory(prefix="papertune-scale-") as name:
        for make, count, targets, most in (
            (make_study, options.documents, ["datasets"], PLAN),
            (make_pairs, options.pairs, PARTS, PAIRS_PLAN),
        ):
            what = make.__name__.removeprefix("make_")
            folders = [Path(name, f"{what}-{n}") for n in (FEW, count)]
            _, table = (
                make(folder, options.experiment, n)
                for folder, n in zip(folders, (FEW, count), strict=True)
            )
            said = f"{count} {'documents' if make is make_study else 'pairs'}"
            for state in ("nothing made yet", "finished", "a changed row"):
                if state == "finished":
                    run(folders[0], *targets)
                    took, cpu, memory = run(folders[1], *targets)
                    print(f"{said}, {' '.join(targets)}: {took:.0f} s, {cpu:.0f} processor seconds")
                    if make is make_study:
                        wrong |= tell(f"{said}, listing to datasets", took / 60, "minutes", MINUTES)
                        for of, size in zip(
                            ("a process", "all", "all, by shares"), memory, strict=True
                        ):
                            wrong |= tell(f"memory of {of}", size / 1e6, "MB", MEGABYTES)
                if state == "a changed row":
                    change(table)
                few, many = (run(folder, "--dry-run") for folder in folders)
                wrong |= tell(f"{said}, plan, {state}", many[1], "processor seconds", most, few[1])
    sys.exit(wrong)


if __name__ == "__main__":
    main()
