"""A sample: a number of documents of a listing, and no more requests than needed."""

import re
from collections.abc import Iterable
from itertools import count

import pytest
from collecting import Steps

from loopback import ABSTRACT, landing
from papertune.collect.identifiers import document_id
from papertune.collect.sampling import NOT_SAMPLED
from papertune.identity import share
from papertune.study.settings.listings import PmlrSource

BARE = "<html><title>x</title><p>Nothing here.</p></html>"


class Volume(Steps):
    """A volume of the proceedings on loopback, and how often its papers' pages are asked for."""

    def __init__(self, site, folder, fetching):
        url = f"{site.url()}/v{{volume}}/"
        super().__init__(folder, fetching, PmlrSource(kind="pmlr", volumes={2020: [1]}, url=url))
        self.site = site
        self.change(resolvers=["landing"], retries=0)

    def has(self, pages: dict[str, str]) -> list[str]:
        """Put papers into the volume; gives the ids of all, in the order of the sample."""
        entries = ""
        for name, page in pages.items():
            url = self.site.page(f"/{name}.html", page)
            entries += f"<div class='paper'><p class='title'>{name}</p><p class='links'>"
            entries += f"<a href='{url}'>abs</a></p></div>"
        self.site.page("/v1/", f"<html><title>PMLR</title>{entries}</html>")
        listed, _ = self.list(refresh=True)
        self.names = {document.id: document.title for document in listed}
        return sorted(self.names, key=lambda key: share(key, "sample"))

    def take(self, sample: int | None) -> tuple[list[str], dict[str, str]]:
        """Ids of what is taken, and why each other one is not."""
        self.fetch(sample=sample)
        found, missing = self.render(sample=sample)
        return [document.id for document in found], {one.key: one.reason for one in missing}

    def asked(self) -> set[str]:
        """Titles of the papers whose pages were asked for since this was last called."""
        paths = [*self.site.paths]
        self.site.asked.clear()
        names = [found[1] for path in paths if (found := re.fullmatch(r"/(\w+)\.html", path))]
        assert len(names) == len(set(names)), "no page is asked for twice"
        return set(names)

    def another(self, pages: Iterable[str], place: float, *, before: bool) -> str:
        """The name of a paper that is not there yet and stands before, or after, a place."""
        url = self.site.url("/{}.html").format
        names = (f"q{number}" for number in count() if f"q{number}" not in pages)
        places = ((name, share(document_id(url(name)), "sample")) for name in names)
        return next(name for name, own in places if (own < place) == before)

    def titles(self, keys: Iterable[str]) -> set[str]:
        return {self.names[key] for key in keys}


@pytest.fixture
def volume(site, fetching, tmp_path):
    return Volume(site, tmp_path, fetching)


def papers(many: int) -> dict[str, str]:
    return {f"p{n}": landing(f"{ABSTRACT} This is number {n}.") for n in range(many)}


def test_no_more_pages_are_asked_for_than_are_taken_and_one_more_paper_displaces_one(volume):
    order = volume.has(papers(30))
    taken, others = volume.take(5)
    assert set(taken) == set(order[:5]) and volume.asked() == volume.titles(order[:5])
    assert others == dict.fromkeys(set(order[5:]), NOT_SAMPLED), "counts add up to the listing"
    assert [key for key in volume.names if key in taken] == taken, "in the order of the listing"
    # one more paper: asked for if it is of the sample, and nothing else is
    pages, last = papers(30), share(order[4], "sample")
    for comes_in in (False, True):
        pages |= {volume.another(pages, last, before=comes_in): landing()}
        order, before = volume.has(pages), taken
        taken, _ = volume.take(5)
        lost, new = {*before} - {*taken}, {*taken} - {*before}
        assert set(taken) == set(order[:5]) and len(lost) == len(new) == comes_in
        assert volume.asked() == volume.titles(new)
    # a larger sample holds the smaller one, and the whole is asked for what is left
    assert set(volume.take(9)[0]) == set(order[:9]) and len(volume.asked()) == 9 - 6
    assert len(volume.take(None)[0]) == 32 and len(volume.asked()) == 32 - 9


def test_what_has_no_text_is_replaced_by_the_next(volume):
    pages = papers(12)
    order = volume.has(pages)
    for key in order[1:3]:
        pages[volume.names[key]] = BARE
    volume.has(pages)
    taken, others = volume.take(4)
    assert set(taken) == {order[0], *order[3:6]} and volume.asked() == volume.titles(order[:6])
    assert {others[key] for key in order[1:3]} == {"no_abstract_in_page"}
    assert {others[key] for key in order[6:]} == {NOT_SAMPLED}
    # fewer than wanted: all that there are
    assert len(volume.take(50)[0]) == 10 and len(volume.asked()) == 12 - 6


def test_a_page_that_needs_a_browser_asks_for_no_more_than_its_place(volume, monkeypatch):
    """What the browser cannot help with either is replaced, whichever step finds that."""
    monkeypatch.setenv("PAPERTUNE_CHROMIUM", "/nonexistent")
    volume.change(resolvers=["landing", "browser"])
    pages = papers(12)
    order = volume.has(pages)
    pages[volume.names[order[1]]] = BARE
    volume.has(pages)
    volume.fetch(sample=3)
    assert volume.asked() == volume.titles(order[:3]), "a browser may give the second its text"
    found, missing = volume.render(sample=3)
    assert {document.id for document in found} == {order[0], order[2], order[3]}
    assert volume.asked() == volume.titles(order[3:4])
    assert {one.key: one.reason for one in missing}[order[1]] == "needs_browser"
