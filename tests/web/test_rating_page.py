"""Raters in a real browser: by keyboard, in an order of their own, to a file that is read back."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from browsing import NEEDS_BROWSER, telling_page

from papertune.records import Rejection, read_records
from papertune.report.probes import write_rating_page
from papertune.scores.rated import Rated, rate_probes
from papertune.scores.rows import read_rows
from papertune.study import uses
from sample_study import make_study

pytestmark = NEEDS_BROWSER
HOSTILE = " </script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>"
PROBES = {
    "mine": {"prompt": f"What is the kingfisher?{HOSTILE}", "reference": "a bird"},
    "known": {"from": "train", "pick": 3},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rating")
    more = {"probes": PROBES, "ratings": f"{folder}/*.json"}
    made = make_study(folder / "s", metrics=["token_f1"], hostile=HOSTILE, per_year=4, **more)
    write_rating_page(made.layout, folder / "rate.html")
    return made


@pytest.fixture
def opened(study, browser):
    page = telling_page(browser)
    page.goto(Path(study.layout.root).parents[1].joinpath("rate.html").as_uri())
    yield page
    page.close()


def begin(page, rater: str) -> None:
    page.fill("#rater", rater)
    page.keyboard.press("Enter")


def seen(page) -> list[tuple[str, str]]:
    """Question and answer, one after the other, as the rater has them."""
    found = []
    while True:
        found.append((page.text_content("#question"), page.text_content("#text")))
        if page.is_disabled("#next"):
            return found
        page.keyboard.press("ArrowRight")


def take_in(study, *files: Path) -> None:
    given, layout = uses.rate_probes(study.layout).arguments, study.layout
    del given["cells"], given["sets"]
    rate_probes(
        layout.of_rateable("answers"), layout.of_rateable("scores"), asked=layout.rateable(),
        files=files, folder=Path(layout.root, "ratings"), rejected=layout.ratings()["rejected"],
        **given,
    )  # fmt: skip


def test_three_answers_are_rated_by_keyboard_saved_and_taken_in(opened, study, tmp_path):
    begin(opened, "ann")
    rated = {}
    for mark in "425":
        rated[opened.text_content("#question"), opened.text_content("#text")] = int(mark)
        opened.keyboard.press(mark)
    # a slip of the hand is put right
    opened.keyboard.press("ArrowLeft")
    assert opened.get_attribute("[data-mark='5']", "aria-pressed") == "true"
    rated[opened.text_content("#question"), opened.text_content("#text")] = 3
    opened.keyboard.press("3")
    with opened.expect_download() as download:
        opened.click("#save")
    assert download.value.suggested_filename == "ratings-ann.json"
    download.value.save_as(file := tmp_path / "ratings-ann.json")
    assert sorted(json.loads(file.read_text())["ratings"].values()) == [2, 3, 4]
    take_in(study, file)
    assert not list(read_records(study.layout.ratings()["rejected"], Rejection))
    found = read_rows(study.layout.ratings()["texts"], Rated)
    assert sorted(one.mean for one in found) == [2, 3, 4]
    assert sorted(rated.values()) == [2, 3, 4]
    assert opened.told == []


def test_each_rater_has_an_order_of_their_own_that_stays_and_questions_stand_together(opened):
    orders = {}
    for rater in ("ann", "bob", "ann"):
        opened.reload()
        begin(opened, rater)
        order = seen(opened)
        assert orders.setdefault(rater, order) == order
        questions = [question for question, _ in order]
        assert sum(a != b for a, b in pairwise(questions)) == 3
    assert orders["ann"] != orders["bob"] and sorted(orders["ann"]) == sorted(orders["bob"])


def test_what_was_rated_is_there_after_a_reload_and_belongs_to_one_rater(opened):
    begin(opened, "cleo")
    first = opened.text_content("#text")
    opened.keyboard.press("4")
    opened.on("dialog", lambda asked: asked.accept())
    opened.reload()
    begin(opened, "cleo")
    assert opened.text_content("#text") != first or "Answer 2" in opened.text_content("#place")
    assert "1 rated" in opened.text_content("#place")
    opened.reload()
    begin(opened, "dora")
    assert "0 rated" in opened.text_content("#place") and opened.is_disabled("#save")


def test_hostile_text_stays_text_and_a_name_is_a_plain_word(opened):
    begin(opened, "../ann")
    assert opened.is_hidden("#rating")  # the browser asks for another name
    begin(opened, "ann")
    shown = seen(opened)
    assert any("onerror='window.pwned=2'" in text for one in shown for text in one)
    assert opened.evaluate("document.images.length") == 0
    assert opened.evaluate("window.pwned ?? null") is None and opened.told == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    begin(opened, "ann")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
