"""Measure how long Snakemake takes to find nothing to do in a finished study.

    python benchmarks/nothing_to_do.py [--documents 200] [--repeat 8]

Finishes a study, then times `snakemake` on it in turns with `snakemake` on a finished Snakefile of
one rule, the reference: a ratio above 1 is the cost of reading, checking and planning a study. Both
include the start of Python and Snakemake.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from study import fastest, make_study, snakemake

MOST = 1.5
STUDY, ONE = "a finished study", "one rule"
ONE_RULE = """
rule all:
    output:
        "done.txt",
    shell:
        "touch {output}"
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="papertune-nothing-") as folder:
        place = Path(folder, "study")
        make_study(place, options.documents)
        alone = Path(folder, "one-rule")
        alone.mkdir()
        (alone / "Snakefile").write_text(ONE_RULE, encoding="utf-8")
        calls = {
            STUDY: lambda: snakemake(place),
            ONE: lambda: snakemake(alone, snakefile=alone / "Snakefile", config=False),
        }
        for call in calls.values():
            call()
        seconds = fastest(calls, options.repeat)
    for name, time in seconds.items():
        print(f"{name}: {time:.2f} s")
    ratio = seconds[STUDY] / seconds[ONE]
    print(f"nothing to do, a study to one rule: {ratio:.2f} × (at most {MOST} ×)")
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
