"""Compare planning with many and with few documents in place.

    python benchmarks/planning.py [--few 200] [--many 20000] [--repeat 5]

Makes two studies that differ only in their number of documents, runs both up to the datasets, and
times ``snakemake -n`` of the whole study in turns. The reference is the small one: planning that
does not depend on the number of documents has the ratio 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from study import fastest, make_study, snakemake

MOST = 1.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="papertune-planning-") as folder:
        calls = {}
        for documents in (options.few, options.many):
            place = Path(folder, str(documents))
            make_study(place, documents)
            snakemake(place, "datasets")
            calls[documents] = lambda place=place: snakemake(place, "--dry-run")
        seconds = fastest(calls, options.repeat)
    for documents, time in seconds.items():
        print(f"snakemake -n with {documents:6d} documents in place: {time:.2f} s")
    ratio = seconds[options.many] / seconds[options.few]
    print(f"planning, {options.many} documents to {options.few}: {ratio:.2f} × (at most {MOST} ×)")
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
