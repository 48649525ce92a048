"""Draws the invented papers of papers.yaml as PDFs of two columns, one folder for each category.

    python config/experiments/small/texts/make_papers.py

The same text gives the same bytes with one version of matplotlib: all dates are fixed.
"""

import re
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import matplotlib
import yaml
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

HERE = Path(__file__).parent
DATE = datetime(2024, 1, 1, tzinfo=UTC)
HEADING = re.compile(r"\d(\.\d)? [A-Z]|(Abstract|Limitations|Acknowledgements|References)$")
COLUMN, PITCH = 56, 0.0165  # letters of a line; height of a line as a share of the page's


def lines_of(text: str) -> list[tuple[str, str]]:
    """The lines of a column, each with its font weight, and an empty line between paragraphs."""
    found: list[tuple[str, str]] = []
    for paragraph in text.strip().split("\n\n"):
        weight = "bold" if HEADING.match(paragraph) else "roman"
        found += [("", weight), *((line, weight) for line in textwrap.wrap(paragraph, COLUMN))]
    return found[1:]


def draw(paper: dict[str, str], path: Path) -> None:
    """One paper: on two pages with a running head if it has one, else on a single page."""
    lines, pages = lines_of(paper["text"]), 2 if "head" in paper else 1
    rows = -(-len(lines) // (2 * pages))  # of a column
    known = {"Title": paper["title"], "Author": paper["authors"], "CreationDate": DATE}
    known |= {"ModDate": DATE, "Creator": "make_papers.py", "Producer": "make_papers.py"}
    with PdfPages(path, metadata=known) as pdf:
        for page in range(pages):
            figure, top = Figure(figsize=(8.27, 11.69)), 0.9 - 0.1 * (page == 0)
            figure.text(0.5, 0.97, paper.get("head", ""), ha="center", size=8)
            if page == 0:
                title = textwrap.fill(paper["title"], len(paper["title"]) // 2 + 6)
                title_at = figure.text(0.5, 0.93, title, size=17, ha="center", va="top")
                title_at.set_multialignment("left")
                figure.text(0.5, 0.85, paper["authors"], ha="center", size=11)
                figure.text(0.08, 0.05, paper.get("stamp", ""), size=7)
            figure.text(0.5, 0.02, str(page + 1), ha="center", size=8)
            for place, (line, weight) in enumerate(lines[page * 2 * rows : (page + 1) * 2 * rows]):
                x, y = 0.08 + 0.45 * (place // rows), top - PITCH * (place % rows)
                figure.text(x, y, line, size=9.5, weight=weight)
            pdf.savefig(figure)


if __name__ == "__main__":
    fonts = {"font.family": "serif", "font.weight": "roman"}
    matplotlib.rcParams.update({"pdf.use14corefonts": True, **fonts})
    for one in yaml.safe_load((HERE / "papers.yaml").read_text(encoding="utf-8")):
        target = HERE / "papers" / one["category"] / f"{one['name']}.pdf"
        target.parent.mkdir(parents=True, exist_ok=True)
        draw(one, target)
