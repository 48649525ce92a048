"""Measure the cost of one more training paper, from its row to the datasets.

    python benchmarks/incremental.py [--documents 20000]

Makes the datasets of a study, adds a row and makes them again. Measured is the processor time, user
and system, of that second run: of Snakemake with all its jobs, and of the jobs alone.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

from study import YEARS, make_study, rows, snakemake

MOST = 6.0  # seconds, of the jobs


def processor_seconds(folder: Path, *arguments: str) -> float:
    """User and system seconds of a run and its jobs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    snakemake(folder, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="papertune-incremental-") as name:
        folder = Path(name)
        make_study(folder, options.documents)
        first = processor_seconds(folder, "datasets")
        print(f"all {options.documents} papers: {first:.1f} s")
        *_, paper = rows(options.documents + 50, 0)
        assert paper["year"] == YEARS[-2]
        paper["paper_url"] += "/new"
        with (folder / "papers.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(paper) + "\n")
        # Snakemake's own work without jobs: read, check, plan
        alone = processor_seconds(folder, "datasets", "--dry-run")
        whole = processor_seconds(folder, "datasets")
    jobs = whole - alone
    print(f"one more: {whole:.1f} s ({whole / first:.0%}), of which a dry run takes {alone:.1f} s")
    print(f"one more, the jobs: {jobs:.1f} s (at most {MOST} s)")
    sys.exit(jobs > MOST)


if __name__ == "__main__":
    main()
