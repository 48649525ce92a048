"""Promise: a kept page whose file is broken is fetched again, and nothing else is."""

import shutil

import pytest

from end_to_end.venue import collected
from papertune.collect.web.pages import PageCache
from papertune.demo.papers import papers

pytestmark = pytest.mark.slow


def test_pages_that_broke_are_fetched_again_and_no_others(tmp_path):
    with collected(tmp_path / "venue") as venue:
        results, cache = venue.folder / "results", PageCache(venue.folder / "store/http")
        documents = {path: path.read_bytes() for path in results.rglob("*.jsonl")}
        pages = [
            "/toc2020.html",
            *(paper.path for year in (2019, 2020) for paper in papers(year, 3, 5)),
        ]
        index, first, second, third, fourth, other, _ = files = [
            cache.path(venue.site.url(page)) for page in pages
        ]
        kept = {path: path.read_bytes() for path in files}
        broken = {
            index: kept[index][:-100],
            first: kept[first][:-100],
            second: b"\x00\xff" * 2048,
            # JSON still, and of the right page, but not what was written
            third: kept[third].replace(b"the", b"teh"),
            fourth: kept[other],  # whole, but another page's
        }
        for path, damaged in broken.items():
            path.write_bytes(damaged)
        # pages are read where neither the result nor the outcomes in the store are there any more
        shutil.rmtree(results)
        shutil.rmtree(venue.folder / "store/fetch")
        asked = venue.site.requests
        venue.run("documents")
        again = venue.site.requests - asked
        assert set(again) - {"/robots.txt"} == set(pages[:5])
        assert {path: path.read_bytes() for path in results.rglob("*.jsonl")} == documents
        assert {path: path.read_bytes() for path in files} == kept
        said = "".join(path.read_text() for path in (venue.folder / "logs").rglob("*.log"))
        for path in broken:
            named = f"{path.relative_to(venue.folder)}: unreadable, the page is fetched again"
            assert named in said
        assert said.count("unreadable") == len(broken)
