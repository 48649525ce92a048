"""Promise: `snakemake refresh` replaces only listings that changed; the next run does only those."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from end_to_end.conftest import new_files_study, row, small_study, write_study
from papertune.demo.pages import LIBRARY, contents, landing, landing_path
from papertune.demo.papers import papers
from snakemake_run import job_counts, snakemake

pytestmark = pytest.mark.slow


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Venue:
    """A site of plain files on loopback and a study of it, its documents collected."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.pages, self.address = folder / "run", folder / "site", address
        self.folder.mkdir()
        for year in (2019, 2020, 2022):
            self.show(year, 3)
        values = small_study()
        values["source"] = {"kind": "dblp", "url": f"http://{address}/toc{{year}}.html"}
        values["fetching"] = {
            "delay": 0,
            "retries": 0,
            "resolvers": ["landing"],
            "allow_hosts": [address],
        }
        self.study = write_study(self.folder, values)

    def show(self, year: int, count: int) -> None:
        listed = papers(year, count, seed=5)
        page = contents(listed, year).replace(LIBRARY, self.address)
        (self.pages / f"toc{year}.html").write_text(page)
        for paper in listed:
            path = self.pages / landing_path(paper).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(landing(paper, "meta"))

    def run(self, *arguments: str, fails: bool = False) -> str:
        config = ("--config", f"experiments={self.study}")
        done = snakemake(self.folder, *arguments, *config, check=not fails)
        assert bool(done.returncode) == fails
        return done.stdout

    def plan(self) -> dict[str, int]:
        return job_counts(self.run("documents", "--dry-run", "--quiet", "rules"))


@pytest.fixture
def venue(tmp_path) -> Iterator[Venue]:
    (tmp_path / "site").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "site"))
    # landing pages have no suffix, and are pages all the same
    Quiet.extensions_map = {**SimpleHTTPRequestHandler.extensions_map, "": "text/html"}
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Venue(tmp_path, f"127.0.0.1:{server.server_port}")
    made.run("documents")
    yield made
    server.shutdown()
    server.server_close()


def test_a_refresh_and_what_follows(venue):
    assert "nothing new" in venue.run("refresh")
    assert venue.plan() == {}, "a refresh that found nothing makes work"

    venue.show(2020, 4)
    assert venue.plan() == {}, "without a refresh nobody asks the site"
    said = venue.run("refresh")
    added = papers(2020, 4, seed=5)[-1].title
    assert "small 2020: 1 added, 0 changed, 0 vanished" in said
    assert f"added: {added}" in said
    assert f"added: {added}" in (venue.folder / "logs/refresh.log").read_text()
    jobs = venue.plan()
    assert "list_documents" not in jobs
    assert jobs["fetch_documents"] == jobs["render_documents"] == 1, "years that did not change"
    venue.run("documents")
    documents = (venue.folder / "results/small/documents/2020.jsonl").read_text()
    assert added in documents
    assert venue.plan() == {}

    # a year that fails is named and stays, the others are refreshed
    (venue.pages / "toc2019.html").write_text("<html><p>maintenance</p></html>")
    venue.show(2022, 2)
    said = venue.run("refresh", fails=True)
    assert "1 of 3 listings stay as they were, their source failed: small 2019" in said
    assert "small 2022: 0 added, 0 changed, 1 vanished" in said
    jobs = venue.plan()
    assert jobs["fetch_documents"] == 1, "of 2022 alone"


def test_local_files_are_left_to_the_ordinary_run(tmp_path):
    (tmp_path / "files").mkdir()
    study = new_files_study(tmp_path / "files", one_file=True)
    # listings are enough here
    plan = partial(study.run, "--dry-run", "--quiet", "rules", "--until", "list_documents")
    study.run("--until", "list_documents")
    rows = study.rows()
    rows[2021].append(row(papers(2021, 9, 1)[-1]))
    study.write(rows)
    said = study.run("--", "refresh")
    assert "mine 2021: 1 added" in said and "mine 2020: nothing new" in said
    assert job_counts(plan())["list_documents"] == 1, "2021, and nothing else"
