"""One page for several published reports: their findings beside ours, with what is comparable."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papertune.files import atomic_write, read_json
from papertune.report.figures import inline
from papertune.report.page import FIGURES
from papertune.report.parts import PARTS, PLAIN, content_policy, environment
from papertune.report.table import read_table
from papertune.report.trials import FIGURES as TRIALS
from papertune.study.layout import Layout
from papertune.study.settings.reproduction import Line


def write_reports(layouts: Mapping[str, Layout], output: str | Path) -> None:
    """Write the page of all experiments that reproduce a published report.

    Args:
        layouts: Experiment → layout of its results, with tables, figures and ``made.json``.
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
    style, script = ((PARTS / name).read_text(encoding="utf-8") for name in PLAIN)
    text = (
        environment()
        .get_template("reports.html")
        .render(reports=reports, style=style, script=script, policy=content_policy(style, script))
    )
    with atomic_write(output) as stream:
        stream.write(text)


def _shown(layout: Layout, line: Line, name: str) -> dict[str, Any]:
    """A line with its tables and figures."""
    tables, figures, links, captions = [], [], [], FIGURES | TRIALS
    for path in layout.reproduced(line):
        own = Path(path).stem
        if path.endswith(".json"):
            tables.append(read_table(path))
        elif path.endswith(".svg"):
            text = Path(path).read_text(encoding="utf-8")
            figures.append((inline(text, f"{name}-{own}", line.what), captions[own]))
    for one in line.ours:
        kind, _, part = one.partition("/")
        if kind == "report":
            links.append((f"{layout.name}/report.html#{part}", part))
    return {"line": line, "tables": tables, "figures": figures, "links": links}
