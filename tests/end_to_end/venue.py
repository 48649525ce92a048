"""A site on loopback and a study of it."""

from contextlib import ExitStack
from pathlib import Path

from end_to_end.conftest import small_study, write_study
from loopback import serving
from papertune.demo.papers import papers
from papertune.demo.venue import contents, landing
from snakemake_run import job_counts, snakemake


class Venue:
    """A site on loopback and a study of it, its documents collected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        self.folder.mkdir()
        self._serving = ExitStack()
        self.site = self._serving.enter_context(serving())
        self.address = address = f"127.0.0.1:{self.site.port}"
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
        self._serving.close()

    def show(self, year: int, count: int) -> None:
        listed = papers(year, count, seed=5)
        page = contents(listed, year, self.address)
        self.site.page(f"/toc{year}.html", page)
        for paper in listed:
            self.site.page(paper.path, landing(paper, "meta"))

    def run(self, *arguments: str, fails: bool = False) -> str:
        config = ("--config", f"experiments={self.study}")
        done = snakemake(self.folder, *arguments, *config, check=not fails)
        assert bool(done.returncode) == fails
        return done.stdout

    def plan(self) -> dict[str, int]:
        return job_counts(self.run("documents", "--dry-run", "--quiet", "rules"))
