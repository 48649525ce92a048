"""What stands on the terminal when a run has ended: what each study found, and where its report is."""

from collections.abc import Iterable
from pathlib import Path

from papertune.files import read_json
from papertune.study.layout import Layout


def ending(layouts: Iterable[Layout]) -> str:
    """The matrix in words, the headline and the path of the report of each study that is finished."""
    parts = []
    for layout in layouts:
        root = Path(layout.root)
        matrix, made, page = root / "tables/matrix.txt", root / "made.json", root / "report.html"
        if matrix.is_file() and made.is_file() and page.is_file():
            headline = read_json(made).get("headline", "")
            parts.append(f"{matrix.read_text('utf-8')}\n{headline}\n\nReport: {page}\n")
    return "\n".join(["", *parts])
