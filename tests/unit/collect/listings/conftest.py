"""Files of rows in a folder of their own, and pages that need no network."""

import csv
import json
from pathlib import Path

import pytest

from papertune.collect.web.pages import Page
from papertune.collect.web.session import PoliteSession
from papertune.study.settings import Fetching


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # rows are kept below the folder that snakemake runs in


@pytest.fixture
def written():
    """Write rows, lines or bytes as a file of the kind that its name says."""

    def write(content, name="rows.jsonl"):
        path = Path(name)
        if isinstance(content, list) and path.suffix == ".csv":
            names = list(dict.fromkeys(key for row in content for key in row))
            with path.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, names)
                writer.writeheader()
                writer.writerows(content)
        elif isinstance(content, list):
            lines = [json.dumps(row) + "\n" for row in content]
            text = json.dumps(content, indent=2) if path.suffix == ".json" else "".join(lines)
            path.write_text(text, encoding="utf-8")
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return write


@pytest.fixture
def cached(tmp_path):
    """Give a session a page in its cache."""
    with PoliteSession(Fetching(), tmp_path / "cache") as session:

        def keep(url, text):
            session.cache.write(url, Page(url, url, "text/html", text))
            return session

        yield keep
