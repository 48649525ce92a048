"""Measure opening and filtering a page with 100,000 answers, as one file and with a folder.

    python benchmarks/explorer.py [--answers 100000] [--repeat 5]

Makes a study with so many answers, writes its page in both forms, and opens each in Chromium: from
the start of navigation until the first ten questions are shown. Then it filters, and turns to
another page.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

from papertune.collect.web.installed import find_browser  # noqa: E402
from papertune.demo.papers import PER_YEAR  # noqa: E402
from papertune.report.answers import BYTES  # noqa: E402
from sample_study import make_study, write_report  # noqa: E402

OPEN, FILTER = 1.0, 0.2  # seconds, at most
FORMS = {"with a folder": BYTES, "in one file": sys.maxsize}
# runs in the page, so that communication with the browser is not measured
OPENED = """() => new Promise((resolve) => {
  const seen = () => document.querySelectorAll("#list article").length === 10
    ? requestAnimationFrame(() => resolve(performance.now()))
    : setTimeout(seen, 1);
  seen();
})"""
FILTERED = """(kind) => {
  const start = performance.now();
  document.querySelector(`[value=${kind}]`).click();
  return performance.now() - start;
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="papertune-explorer-") as folder:
        root, slow = Path(folder), []
        # three questions of two writers about each of a year's papers, to five runs
        years = -(-options.answers // (3 * 2 * PER_YEAR * 5))
        last = 2024 - years
        splits = {"train": {"from": last, "to": last}, "test": {"from": last + 1, "to": 2024}}
        study = make_study(
            root / "s", metrics=["token_f1"], per_year=PER_YEAR, splits=splits, published=[]
        )
        for form, budget in FORMS.items():
            page, start = root / form / "report.html", time.perf_counter()
            write_report(study, page, budget=budget)
            took = time.perf_counter() - start
            pieces = [path.stat().st_size for path in page.with_name("explorer").iterdir()]
            print(
                f"{form}: page {page.stat().st_size / 1e6:.1f} MB, beside it {len(pieces)} files "
                f"of {sum(pieces) / 1e6:.1f} MB; written in {took:.1f} s"
            )
            opened, filtered = times(page, options.repeat)
            print(f"{form}: opens in {opened:.2f} s, filters in {filtered:.3f} s")
            if form == "with a folder" and (opened > OPEN or filtered > FILTER):
                slow.append(form)
    print(f"opens in at most {OPEN} s, filters in at most {FILTER} s: {'no' if slow else 'yes'}")
    sys.exit(bool(slow))


def times(page: Path, repeat: int) -> tuple[float, float]:
    """Median seconds to open a page, and to apply its slowest filter."""
    from playwright.sync_api import sync_playwright

    found: list[tuple[float, float]] = []
    with sync_playwright() as playwright:
        for _ in range(repeat):
            browser = playwright.chromium.launch(executable_path=find_browser())
            tab: Any = browser.new_page()
            tab.goto(page.as_uri(), wait_until="commit")
            opened = tab.evaluate(OPENED)
            kinds = ("wrong", "all_wrong", "disagree", "cut")
            found.append((opened / 1000, max(tab.evaluate(FILTERED, one) for one in kinds) / 1000))
            browser.close()
    return tuple(sorted(column)[repeat // 2] for column in zip(*found, strict=True))  # type: ignore[return-value]


if __name__ == "__main__":
    main()
