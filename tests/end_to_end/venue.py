"""A site of plain files on loopback and a study of it."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from end_to_end.conftest import small_study, write_study
from papertune.demo.pages import LIBRARY, contents, landing, landing_path
from papertune.demo.papers import papers
from snakemake_run import job_counts, snakemake


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Venue:
    """A site of plain files on loopback and a study of it, its documents collected."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pages = folder / "run", folder / "site"
        self.folder.mkdir()
        self.pages.mkdir()
        handler = partial(Quiet, directory=str(self.pages))
        # landing pages have no suffix, and are pages all the same
        Quiet.extensions_map = {**SimpleHTTPRequestHandler.extensions_map, "": "text/html"}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = address = f"127.0.0.1:{self.server.server_port}"
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
        self.run("documents")

    def close(self) -> None:
        """Take the site off the net."""
        self.server.shutdown()
        self.server.server_close()

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
