"""Compare two studies on one page: differences in settings, data and numbers.

``python -m papertune.report.two_studies A B --to PAGE`` writes it; A and B are names of studies in
results/, or folders of finished studies, also from other clones.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from papertune.errors import run_command
from papertune.files import atomic_write
from papertune.report.between import compare_numbers
from papertune.report.finished import Study, StudyError, names_of, read_study
from papertune.report.made import told
from papertune.report.numbers import NONE, count
from papertune.report.parts import PARTS, PLAIN, content_policy, environment
from papertune.report.table import Table

NOT_SET = "not set"


def settings_table(first: Study, second: Study) -> Table:
    """The settings that differ, by key, including defaults."""
    mine, theirs = (dict(_flat(study.settings)) for study in (first, second))
    rows = [
        [key, _said(mine.get(key, NOT_SET)), _said(theirs.get(key, NOT_SET))]
        for key in dict.fromkeys([*mine, *theirs])
        if mine.get(key, NOT_SET) != theirs.get(key, NOT_SET)
    ]
    return Table(
        "Settings that differ, defaults included", ["Key", *names_of(first, second)], rows, 3
    )


def _flat(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting as (key, value), with keys such as ``models.lora.rank``."""
    if isinstance(values, dict) and values:
        for name, value in values.items():
            yield from _flat(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, values


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def data_table(first: Study, second: Study) -> Table:
    """Documents by year and pairs by writer of each study."""
    wanted = {"collect": ("documents", "Documents"), "synthesize": ("pairs", "Pairs")}
    found: dict[tuple[str, str], list[int]] = {}
    for place, study in enumerate((first, second)):
        for row in study.counts:
            unit, label = wanted.get(row.stage, ("", ""))
            if row.outcome == "kept" and row.unit == unit:
                of = found.setdefault((label, row.part.replace("/", " · ")), [0, 0])
                of[place] += row.count
    rows = [
        [what, part, *(count(amount or None) for amount in counts)]
        for (what, part), counts in sorted(found.items())
    ]
    return Table("Documents and pairs", ["What", "Part", *names_of(first, second)], rows, 2)


def how_table(first: Study, second: Study) -> Table:
    """Versions and machines, line by line."""
    mine, theirs = (dict(told(study.made["how"])) for study in (first, second))
    rows = [
        [key, mine.get(key, NONE), theirs.get(key, NONE)] for key in dict.fromkeys([*mine, *theirs])
    ]
    return Table("Versions and machines", ["What", *names_of(first, second)], rows, 3)


def write_comparison(first: Study, second: Study, output: str | Path) -> str:
    """Write the page; returns its summary in one sentence.

    Raises:
        StudyError: both are the same study.
        EvaluationError: a study's scores do not match its questions.
    """
    if first.root.resolve() == second.root.resolve():
        hint = "give two names, or two folders, as A=… and B=…"
        raise StudyError("both are the same study", where=str(first.root), hint=hint)
    settings, (numbers, cells, notes) = (
        settings_table(first, second),
        compare_numbers(first, second),
    )
    names, tested = names_of(first, second), [one for one in cells if one.p is not None]
    found = [sum(one.verdict == verdict for one in tested) for verdict in ("better", "worse")]
    headline = (
        f"{len(settings.rows)} settings differ; of {len(tested)} values that can be compared with each "
        f"other, {found[0]} are better and {found[1]} worse in {names[1]} than in {names[0]}"
    )
    style, script = ((PARTS / name).read_text(encoding="utf-8") for name in PLAIN)
    template = environment().get_template("two_studies.html")
    pages = [
        os.path.relpath(one.root / "report.html", Path(output).parent) for one in (first, second)
    ]
    text = template.render(
        policy=content_policy(style, script),
        style=style,
        script=script,
        headline=headline,
        studies=[
            {"name": name, "page": quote(page), "made": one.made, "settings": one.settings}
            for name, page, one in zip(names, pages, (first, second), strict=True)
        ],
        numbers=numbers,
        notes=notes,
        settings=settings,
        data=data_table(first, second),
        how=how_table(first, second),
    )
    with atomic_write(output) as stream:
        stream.write(text)
    return headline


def main(arguments: list[str]) -> None:
    """Write the page that compares two studies.

    Raises:
        StudyError: as in :func:`read_study` and :func:`write_comparison`.
    """
    parser = argparse.ArgumentParser(
        prog="make compare", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("first", metavar="A", help="a study: its name, or its folder")
    parser.add_argument("second", metavar="B", help="the study to compare it with")
    parser.add_argument("--to", default="", help="the page to write")
    asked = parser.parse_args(arguments)
    first, second = read_study(asked.first), read_study(asked.second)
    page = Path(asked.to or f"results/{first.name}-and-{second.name}.html")
    print(f"{write_comparison(first, second, page)}.\nPage: {page}")


if __name__ == "__main__":
    run_command(main)
