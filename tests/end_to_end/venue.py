"""A site on loopback with the demo's pages, and a study of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from end_to_end.conftest import small_study, write_study
from loopback import Loopback, serving
from papertune.demo.papers import Paper, papers
from papertune.demo.venue import contents, landing
from snakemake_run import job_counts, snakemake


def show(
    site: Loopback, path: str, listed: list[Paper], kind: Callable[[int], str] = lambda _: "meta"
) -> None:
    """A year's table of contents, and the landing pages of its papers by their numbers."""
    how = {"Content_Type": "text/html; charset=utf-8"}
    site.page(path, contents(listed, listed[0].year, f"127.0.0.1:{site.port}"), **how)
    for number, paper in enumerate(listed):
        site.page(paper.path, landing(paper, kind(number)), **how)


class Venue:
    """A site and a study of it."""

    def __init__(self, folder: Path, site: Loopback) -> None:
        self.folder, self.site = folder, site
        values = small_study()
        values["source"] = {"kind": "dblp", "url": site.url("/toc{year}.html")}
        reached = [f"127.0.0.1:{site.port}"]
        polite = {"delay": 0, "retries": 0, "resolvers": ["landing"], "allow_hosts": reached}
        self.study = write_study(folder, values | {"fetching": polite})

    def show(self, year: int, count: int) -> None:
        show(self.site, f"/toc{year}.html", papers(year, count, seed=5))

    def run(self, *arguments: str, fails: bool = False) -> str:
        config = ("--config", f"experiments={self.study}")
        done = snakemake(self.folder, *arguments, *config, check=not fails)
        assert bool(done.returncode) == fails
        return done.stdout

    def plan(self) -> dict[str, int]:
        return job_counts(self.run("documents", "--dry-run", "--quiet", "rules"))


@contextmanager
def collected(folder: Path) -> Iterator[Venue]:
    """A site of three years as long as it is on the net, and its documents."""
    folder.mkdir()
    with serving() as site:
        venue = Venue(folder, site)
        for year in (2019, 2020, 2022):
            venue.show(year, 3)
        venue.run("documents")
        yield venue
