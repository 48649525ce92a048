"""Compare the disk space of a study's results with that of its input papers.

    python benchmarks/disk.py [--documents 20000] [--target scores]

Makes a study up to a target and prints the bytes below ``results/`` by folder, and their total
relative to the input. A file with several hard links counts once.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from study import make_study, snakemake

MOST = 4.0  # times the input


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--target", default="scores")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="papertune-disk-") as name:
        folder = Path(name)
        make_study(folder, options.documents)
        given = (folder / "papers.jsonl").stat().st_size
        snakemake(folder, options.target)
        results = folder / "results" / "scale"
        files = {
            path.stat().st_ino: (path.relative_to(results).parts[0], path.stat().st_size)
            for path in results.rglob("*")
            if path.is_file()
        }
        sizes: Counter[str] = Counter()
        for stage, size in files.values():
            sizes[stage] += size
    for stage, size in sizes.most_common():
        print(f"{stage}: {size / 1e6:.1f} MB, {size / given:.2f} of the input")
    ratio = sizes.total() / given
    print(f"{options.documents} papers, {given / 1e6:.1f} MB: results {ratio:.2f} (at most {MOST})")
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
