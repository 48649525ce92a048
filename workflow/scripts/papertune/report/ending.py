"""The last lines of a run on the terminal: each study's results, and the path of its report."""

from collections.abc import Iterable
from pathlib import Path

from papertune.files import read_json
from papertune.study.layout import Layout


def ending(layouts: Iterable[Layout]) -> str:
    """The matrix as text, the headline and the report's path, for each finished study."""
    parts = []
    for layout in layouts:
        root = Path(layout.root)
        matrix, made, page = root / "tables/matrix.txt", root / "made.json", root / "report.html"
        if matrix.is_file() and made.is_file() and page.is_file():
            headline = read_json(made).get("headline", "")
            parts.append(f"{matrix.read_text('utf-8')}\n{headline}\n\nReport: {page}\n")
    return "\n".join(["", *parts])
