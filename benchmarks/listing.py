"""Compare listing many years of one file with listing one year.

    python benchmarks/listing.py [--rows 100000] [--years 20]

Lists a file of rows year by year as the jobs of a run do, after a plan has computed the digest of
each. The reference is one year: a file that is read once per run has a ratio near 1.
"""

import argparse
import json
import os
import sys
import tempfile
import time

from study import ROOT

sys.path.insert(0, str(ROOT / "workflow/scripts"))
MOST = 2.0


def seconds(rows: int, years: int) -> float:
    """Seconds for planning and listing all years of a file with so many rows."""
    from papertune.collect.listings import by_year
    from papertune.study.settings.listings import FilesSource

    with tempfile.TemporaryDirectory(prefix="papertune-listing-") as folder:
        os.chdir(folder)
        with open("rows.jsonl", "w", encoding="utf-8") as stream:
            for number in range(rows):
                row = {"title": f"Paper {number}", "paper_url": f"https://a.example/{number}"}
                row |= {"year": 2000 + number % years, "abstract": "We measure it. " * 60}
                stream.write(json.dumps(row) + "\n")
        source, start = FilesSource(kind="files", path="rows.jsonl"), time.perf_counter()
        for year in range(2000, 2000 + years):
            by_year.digest(source, year, None)
        for year in range(2000, 2000 + years):
            for _ in by_year.items(source, year):
                pass
        took = time.perf_counter() - start
        os.chdir("/")
        return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--years", type=int, default=20)
    options = parser.parse_args()
    one, many = seconds(options.rows, 1), seconds(options.rows, options.years)
    print(f"{options.rows} rows: one year {one:.1f} s, {options.years} years {many:.1f} s")
    print(f"listing, {options.years} years to one: {many / one:.2f} × (at most {MOST} ×)")
    sys.exit(many > MOST * one)


if __name__ == "__main__":
    main()
