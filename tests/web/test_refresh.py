"""Listing again over HTTP: what is printed, what is replaced, what stays."""

import itertools
import logging
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from collecting import contents

from papertune.collect.listings import listing
from papertune.collect.refresh import refresh_listings
from papertune.collect.steps import list_documents
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document, Rejection, read_records
from papertune.study.experiment_file import load_experiment
from snakemake_run import ROOT

CACHE = "store/http"
FIRST = {"https://a.example/1": "One", "https://a.example/2": "Two"}


class Venue:
    """An experiment of two years that are listed already, and its site."""

    def __init__(self, site, folder: Path) -> None:
        self.site, self.folder = site, folder
        values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
        values["source"] = {"kind": "dblp", "url": site.url("/toc{year}")}
        polite = {"contact": "tests@example.org", "delay": 0, "retries": 0}
        values["fetching"] = {**polite, "allow_hosts": ["127.0.0.1"]}
        path = folder / "mine.yaml"
        path.write_text(yaml.safe_dump(values))
        self.study = load_experiment(path)

    def show(self, year: int, titles: dict[str, str]) -> None:
        self.site.page(f"/toc{year}", contents(titles.items()))

    def list(self, year: int) -> None:
        study, files = self.study, {"output": self.listing(year), "rejected": self.rejected(year)}
        list_documents(study.source, study.fetching, year, **files, cache=CACHE)

    def listing(self, year: int) -> Path:
        return Path(f"results/mine/listings/{year}.jsonl")

    def rejected(self, year: int) -> Path:
        return Path(f"results/mine/rejected/listings/{year}.jsonl")

    def titles(self, year: int) -> "list[str]":
        return [item.title for item in read_records(self.listing(year), Document)]

    def refresh(self, **fetching) -> None:
        changed = self.study.fetching.model_copy(update=fetching)
        refresh_listings({"mine": self.study.model_copy(update={"fetching": changed})}, CACHE)


def files() -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in Path("results").rglob("*.jsonl")
    }


@pytest.fixture
def venue(site, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    made = Venue(site, tmp_path)
    for year in (2010, 2011):
        made.show(year, FIRST)
        made.list(year)
    return made


def test_nothing_new_touches_nothing(venue):
    before = files()
    # the same entries in another order are nothing new
    venue.show(2010, dict(reversed(FIRST.items())))
    venue.refresh()
    assert files() == before
    assert venue.site.requests["/toc2010"] == 2, "the site was not asked again"
    # years that were never listed are left to the ordinary run
    assert venue.site.requests["/toc2012"] == 0


def test_only_the_year_that_changed_is_replaced_and_every_change_is_told(venue, caplog):
    before = files()
    venue.show(2010, {"https://a.example/2": "Two, corrected", "https://a.example/3": "Three"})
    venue.refresh()
    after = files()
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {str(venue.listing(2010))}
    assert venue.titles(2010) == ["Two, corrected", "Three"]
    for line in (
        "mine 2010: 1 added, 1 changed, 1 vanished",
        "added: Three (https://a.example/3)",
        "changed (title): Two, corrected (https://a.example/2)",
        "vanished: One (https://a.example/1)",
        "mine 2011: nothing new",
    ):
        assert line in caplog.text
    # and a listing made anew from kept pages is the new one
    venue.listing(2010).unlink()
    venue.list(2010)
    assert venue.titles(2010) == ["Two, corrected", "Three"]


def test_a_paper_whose_year_changed_is_told_with_what_to_do(venue, caplog):
    """Trained on and tested with is neither: it moves, or stays where it trains."""
    one, two = FIRST
    venue.show(2022, {two: "Two", "https://a.example/9": "Nine"})
    venue.list(2022)
    venue.show(2010, {one: "One"})
    venue.show(2011, {one: "One"})
    venue.refresh()
    said = "“Two” moved from 2011 (train) to 2022 (test): the next run trains again"
    assert said in caplog.text
    venue.show(2022, {one: "One"})
    venue.refresh()
    assert "“One” is listed for 2010 (train) and for 2022 (test)" in caplog.text
    assert "it is used in training only" in caplog.text


def test_a_listing_of_which_a_part_comes_takes_the_place_of_none(venue, monkeypatch, caplog):
    whole = [Document(str(n), f"P{n}", f"https://a.example/{n}", 2010) for n in (1, 2)]
    for given, kept in (([*whole], 2), (whole[:1], 2), ([*whole[1:], *whole[:1]], 2)):
        told = [Rejection("list", "OpenAlex", "not_given", "OpenAlex gives 1 of 5 papers")]
        if given == whole:
            told = []
        monkeypatch.setattr(listing, "items", lambda *_, said=(*given, *told), **__: iter(said))
        with suppress(CollectError):
            venue.refresh()
        assert len(venue.titles(2010)) == kept
    assert "gives 1 of 5 papers" in caplog.text


def test_rejections_alone_leave_the_listing_as_it_is(venue):
    before = files()
    venue.show(2010, {**FIRST, "https://a.example/0": "Preface"})
    venue.refresh()
    after = files()
    assert {p for p in after if after[p] != before[p]} == {str(venue.rejected(2010))}
    assert [r.reason for r in read_records(venue.rejected(2010), Rejection)] == ["front_matter"]


def test_a_refresh_that_is_asked_to_stop_blames_no_source(venue, monkeypatch, caplog):
    before = files()
    venue.show(2010, {**FIRST, "https://a.example/3": "Three"})
    monkeypatch.setattr(stopping, "_request", ("SIGTERM", time.monotonic()))
    with pytest.raises(stopping.Interrupted):
        venue.refresh()
    assert files() == before and "failed" not in caplog.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html><title>Just a moment...</title><div id='cf-challenge'></div></html>", "challenge"),
        ("<html><title>dblp</title><p>maintenance</p></html>", "no entry"),
    ],
)
def test_a_failed_year_is_named_and_stays_and_the_others_are_refreshed(venue, caplog, body, said):
    venue.site.page("/toc2010", body)
    venue.show(2011, {**FIRST, "https://a.example/3": "Three"})
    with pytest.raises(CollectError, match=r"1 of 2 listings .*: mine 2010\n") as caught:
        venue.refresh()
    assert "What to do" in str(caught.value)
    assert said in caplog.text
    assert venue.titles(2010) == ["One", "Two"]
    assert venue.titles(2011) == ["One", "Two", "Three"]
    # nor did the bad page take the place of the one that was kept
    venue.listing(2010).unlink()
    venue.list(2010)
    assert venue.titles(2010) == ["One", "Two"]
    assert not list(Path(CACHE).glob(".refresh-*"))


def test_the_delay_lies_between_years_and_after_the_run_before(venue):
    asked = len(venue.site.times)
    venue.refresh(delay=0.3)
    # the last request of the run before, then robots.txt and the contents of two years
    times = venue.site.times[asked - 1 :]
    assert len(times) == 5
    assert all(later - earlier >= 0.29 for earlier, later in itertools.pairwise(times))
