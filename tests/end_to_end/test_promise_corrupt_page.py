"""Promise: a kept page whose file is broken is fetched again, and nothing else is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from end_to_end.conftest import small_study, write_study
from papertune.collect.web.pages import PageCache
from papertune.records import Document, read_records
from papertune.study.settings.listings import DemoSource
from snakemake_run import snakemake

pytestmark = pytest.mark.slow
YEARS = (2020, 2022)


def kept(folder: Path, url: str) -> Path:
    """The file of a page; each year of the demo keeps its own."""
    [path] = [
        path
        for cache in (folder / "store/http").glob("demo-*")
        if (path := PageCache(cache).path(url)).exists()
    ]
    return path


def files(folder: Path, pattern: str) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob(pattern)}


def results(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (folder / "results").rglob("*.jsonl")}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def garble(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 2048)


def change(path: Path) -> None:
    """JSON still, and of the right page, but not what was written."""
    path.write_text(path.read_text().replace("the", "teh"))


def swap(other: Path) -> Callable[[Path], object]:
    """Another page's file, whole, in the place of this one."""
    return lambda path: shutil.copy(other, path)


def test_pages_that_broke_are_fetched_again_and_no_others(tmp_path):
    values = small_study()
    values["splits"]["train"] = {"from": YEARS[0], "to": YEARS[0]}
    values["fetching"] = {**values.get("fetching", {}), "resolvers": ["landing"]}
    config = ("--config", f"experiments={write_study(tmp_path, values)}")
    snakemake(tmp_path, "documents", *config)
    documents, pages = results(tmp_path), files(tmp_path, "store/http/demo-*/*/*.json")

    found = [
        kept(tmp_path, document.url)
        for document in read_records(
            tmp_path / f"results/small/documents/{YEARS[0]}.jsonl", Document
        )
    ]
    broken = {
        kept(tmp_path, DemoSource.url.format(year=YEARS[0])): cut,
        found[0]: cut,
        found[1]: garble,
        found[2]: change,
        found[3]: swap(found[4]),
    }
    for path, damage in broken.items():
        damage(path)
        assert path.read_bytes() != pages[path][0]
    # pages are read where neither the result nor the outcomes in the store are there any more
    shutil.rmtree(tmp_path / "results")
    shutil.rmtree(tmp_path / "store/fetch")
    snakemake(tmp_path, "documents", *config)

    assert results(tmp_path) == documents
    after = files(tmp_path, "store/http/demo-*/*/*.json")
    assert {path: text for path, (text, _) in after.items()} == {
        path: text for path, (text, _) in pages.items()
    }
    assert {path for path in after if after[path][1] != pages[path][1]} == set(broken)
    listing = (tmp_path / f"logs/small/listings/{YEARS[0]}.log").read_text()
    fetching = (tmp_path / f"logs/small/fetched/{YEARS[0]}.log").read_text()
    for path in broken:
        named = f"{path.relative_to(tmp_path)}: unreadable, the page is fetched again"
        assert named in listing + fetching
    said = "".join(path.read_text() for path in (tmp_path / "logs").rglob("*.log"))
    assert said.count("unreadable") == len(broken)
