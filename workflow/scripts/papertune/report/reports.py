"""One page for several reports: of each what it shows, ours beside it, and what is like for like."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from papertune.files import atomic_write, read_json
from papertune.report.figures import inline
from papertune.report.parts import PARTS, content_policy, environment
from papertune.report.table import Table, read_table
from papertune.study.layout import Layout
from papertune.study.settings.reproduction import Line

NUMBER = re.compile(r"[-−+]?\d|[–-]?$")


def write_reports(layouts: Mapping[str, Layout], output: str | Path) -> None:
    """Write the page of all experiments that say which report they reproduce.

    Args:
        layouts: Experiment → where its results lie; their tables, figures and ``made.json`` are there.
    """
    reports: dict[str, list[dict[str, Any]]] = {}
    for name, layout in layouts.items():
        study = layout.experiment
        if study.reproduces is None:
            continue
        lines = [
            _shown(layout, line, f"{name}-{n}") for n, line in enumerate(study.reproduces.lines)
        ]
        made = read_json(f"{layout.root}/made.json")
        one = {"name": name, "study": study, "lines": lines, "made": made}
        reports.setdefault(study.reproduces.report, []).append(one)
    style = (PARTS / "style.css").read_text(encoding="utf-8")
    text = (
        environment()
        .get_template("reports.html")
        .render(reports=reports, style=style, policy=content_policy(style))
    )
    with atomic_write(output) as stream:
        stream.write(text)


def _shown(layout: Layout, line: Line, name: str) -> dict[str, Any]:
    """A line with its tables and figures."""
    tables, figures, links = [], [], []
    for path in layout.reproduced(line):
        own = Path(path).stem
        if path.endswith(".csv"):
            tables.append(_table(path, own.replace("_", " ")))
        elif path.endswith(".svg"):
            text = Path(path).read_text(encoding="utf-8")
            figures.append((inline(text, f"{name}-{own}", line.what), own.replace("_", " ")))
    for one in line.ours:
        kind, _, part = one.partition("/")
        if kind == "report":
            links.append((f"{layout.name}/report.html#{part}", part))
    return {"line": line, "tables": tables, "figures": figures, "links": links}


def _table(path: str, title: str) -> Table:
    """A table as it was written; its last columns are numbers if all that stands in them is."""
    table = read_table(path, title)
    columns = list(zip(*table.rows, strict=True))
    words = [n for n, cells in enumerate(columns, 1) if not all(map(NUMBER.match, cells))]
    return replace(table, left=max(words, default=1))
