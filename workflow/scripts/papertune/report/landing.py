"""The landing page of Snakemake's own report: a summary of each study."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papertune.files import read_json
from papertune.report.numbers import unbroken
from papertune.study.layout import Layout

MARKUP = re.compile(r"[\\`*_|<>:\[\]]")  # markup characters of reStructuredText


def landing(layouts: Mapping[str, Layout]) -> list[dict[str, Any]]:
    """Data for ``workflow/report/workflow.rst``: question, findings and origin of each experiment.

    Texts are escaped for reStructuredText, except ``matrix``, which is for a literal block. It is
    empty, as is ``made``, if the study is not finished.
    """
    return [_told(layout) for layout in layouts.values()]


def _told(layout: Layout) -> dict[str, Any]:
    study, root = layout.experiment, Path(layout.root)
    matrix, made = root / "tables/matrix.txt", root / "made.json"
    found = read_json(made) if made.is_file() else {}
    return {
        "name": layout.name,
        "title": _plain(study.title or layout.name),
        "question": _plain(study.question),
        "page": str(root / "report.html"),
        "headline": unbroken(_plain(found.get("headline") or "")),
        "made": found,
        "models": [_plain(name) for name in found.get("models", {}).values()],
        "writers": [_plain(name) for name in found.get("test_sets", {}).values()],
        "matrix": matrix.read_text(encoding="utf-8").splitlines() if matrix.is_file() else [],
    }


def _plain(text: str) -> str:
    """The text on one line, with markup characters escaped."""
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
