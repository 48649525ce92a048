"""The explorer in a real browser: its numbers are those of the records, and its links open again."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import NEEDS_BROWSER, telling_page
from playwright.sync_api import expect

from papertune.records import Answer, Rejection, Score, read_records
from papertune.scores.matrix import read_matrix
from papertune.scores.rated import Rated, rate_probes
from papertune.scores.rows import read_rows
from papertune.study import uses
from sample_study import make_study, write_report

pytestmark = NEEDS_BROWSER
HOSTILE = (
    " </script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>"
    "\u2028');window.pwned=3// __proto__ `${window.pwned=4}`"
)
FORMS = {"one file": 10**7, "a folder": 0}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored")
    made = make_study(folder / "s", metrics=["token_f1", "exact_match"], per_year=14)
    for form, budget in FORMS.items():
        write_report(made, folder / form / "report.html", budget=budget)
    return made


@pytest.fixture
def visit(browser, study):
    """Open the page in one of its forms; what the browser complains of is none."""
    pages = []

    def opened(form="one file", fragment="", folder=None, **window):
        page = telling_page(browser, **window)
        pages.append(page)
        root = folder or Path(study.layout.results).parent / form
        page.goto((root / "report.html").as_uri() + fragment)
        page.wait_for_selector("#list article")
        return page

    yield opened
    for page in pages:
        page.close()
    assert not [said for page in pages for said in page.told]


@pytest.fixture(scope="module")
def known(study):
    """(test set, pair) → what each model's seeds answered, and their scores, read from the records."""
    found = {}
    for cell, path in study.layout.by_cell("answers").items():
        scores = read_records(study.layout.by_cell("scores")[cell], Score)
        for answer, score in zip(read_records(path, Answer), scores, strict=True):
            one = found.setdefault((cell[2], answer.pair), {"year": answer.year, "by": {}})
            value = round(score.values["token_f1"], 3)
            one["by"].setdefault(cell[0], []).append((answer, value))
    return found


def found_on(page):
    said = page.text_content("#found").split()[0]
    return 0 if said == "No" else int(said.replace(",", ""))


def means(one):
    return {name: sum(v for _, v in own) / len(own) for name, own in one["by"].items()}


def kinds(one, model=None):
    every = [pair for own in one["by"].values() for pair in own]
    own = one["by"][model] if model else every
    spread = means(one).values()
    return {
        "wrong": any(value < 0.5 for _, value in own),
        "all_wrong": all(value < 0.5 for _, value in every),
        "disagree": max(spread) - min(spread) >= 0.5,
        "cut": any(answer.truncated for answer, _ in own),
        "empty": any(not answer.text.strip() for answer, _ in own),
        "in_part": any(answer.prompt != "whole" for answer, _ in own),
        "unanswerable": False,
    }


def counts_on(page):
    labels = page.locator(".kinds label").all()
    return {
        one.locator("input").get_attribute("value"): int(one.locator("span").text_content()[1:-1])
        for one in labels
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", [None, "lora"], ids=str)
def test_filters_find_what_the_records_say(visit, study, known, form, model):
    page = visit(form)
    assert found_on(page) == len(known)
    if model:
        page.click("#more > summary")
        page.select_option("[name=who]", label="LoRA")
    said = {key: kinds(one, model) for key, one in known.items()}
    for kind, count in counts_on(page).items():
        expected = sum(one[kind] for one in said.values())
        assert count == expected, kind
        page.check(f"[value={kind}]")
        assert found_on(page) == expected, kind
        page.uncheck(f"[value={kind}]")
    assert 0 < sum(one["cut"] for one in said.values()) < len(said)
    # several at once, with a year and a writer
    page.select_option("[name=year]", "2023")
    page.select_option("[name=writer]", label="Cloze rules")
    page.check("[value=disagree]")
    page.check("[value=cut]")
    expected = sum(
        known[key]["year"] == 2023 and key[0] == "cloze" and one["disagree"] and one["cut"]
        for key, one in said.items()
    )
    assert found_on(page) == expected
    # each of them is named and can be taken away
    removable = page.locator("#active button")
    assert removable.count() == 4 + bool(model)
    while removable.count():
        removable.first.click()
    assert found_on(page) == len(known)


def test_a_range_of_scores_and_the_thresholds_are_the_readers(visit, known):
    page = visit()
    page.click("#more > summary")
    page.select_option("[name=who]", label="LoRA")
    page.fill("[name=low]", "0.25")
    page.fill("[name=high]", "0.75")
    page.dispatch_event("[name=high]", "change")
    expected = sum(0.25 <= means(one)["lora"] <= 0.75 for one in known.values())
    assert found_on(page) == expected > 0
    page.fill("[name=wrong]", "0")
    page.dispatch_event("[name=wrong]", "change")
    assert counts_on(page)["wrong"] == 0 and "below 0," in page.text_content("#meaning")


def shown(page):
    return page.locator("#list article").evaluate_all("all => all.map(one => one.dataset.pair)")


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("newest", lambda one: -one["year"]),
        ("lowest", lambda one: means(one)["lora"]),
        ("highest", lambda one: -means(one)["lora"]),
        ("difference", lambda one: means(one)["full"] - means(one)["lora"]),
        ("spread", lambda one: min(means(one).values()) - max(means(one).values())),
        ("longest", lambda one: -max(len(a.text) for own in one["by"].values() for a, _ in own)),
    ],
    ids=lambda one: one if isinstance(one, str) else "reckoned",
)
def test_questions_are_sorted(visit, known, order, key):
    page = visit("a folder")
    page.click("#more > summary")
    page.select_option("[name=who]", label="LoRA")
    page.select_option("[name=than]", label="Full fine-tuning")
    page.select_option("[name=order]", order)
    page.select_option("[name=set]", label="Extractive rules")
    expect(page).to_have_url(re.compile("set="))
    expect(page.locator("#list")).not_to_contain_text("Cloze rules")
    keys = sorted(key(one) for (test_set, _), one in known.items() if test_set == "extractive")
    assert [key(known["extractive", pair]) for pair in shown(page)] == pytest.approx(keys[:10])


@pytest.mark.parametrize("form", FORMS)
def test_a_link_opens_the_same_question_with_its_filters(visit, form):
    page = visit(form)
    page.check("[value=disagree]")
    page.select_option("[name=year]", "2024")
    page.fill("[name=search]", "which SIMULATOR")
    expect(page.locator("#active")).to_contain_text("Search")
    count = found_on(page)
    assert count > 0
    texts = page.locator("#list h3").all_text_contents()
    assert all("which simulator" in text.lower() for text in texts)
    own = page.locator("#list article").nth(2)
    pair = own.get_attribute("data-pair")
    fragment = own.locator(".small a", has_text="link to this").get_attribute("href")
    assert parse_qs(urlsplit(fragment).fragment)["q"] == [pair]
    other = visit(form, fragment)
    other.wait_for_selector("article.here")
    assert other.get_attribute("article.here", "data-pair") == pair and found_on(other) == count
    assert other.input_value("[name=search]") == "which SIMULATOR"
    # one that stands on no first page, by its id alone; and one that the filters hide
    last = visit(form, f"#q={pair}")
    last.wait_for_selector("article.here")
    assert last.get_attribute("article.here", "data-pair") == pair
    hidden = visit(form, f"#year=2022&q={pair}")
    hidden.wait_for_selector("article.here")
    assert hidden.get_attribute("article.here", "data-pair") == pair
    lost = visit(form, "#q=0000000000000000")
    assert "There is no question" in lost.text_content("#found")


def test_keys_lead_through_questions_and_leave_inputs_alone(visit):
    page = visit("a folder")
    pairs = shown(page)

    def here():
        page.wait_for_selector("article.here")
        return page.get_attribute("article.here", "data-pair")

    for key, place in [("j", 0), ("j", 1), ("ArrowRight", 2), ("k", 1), ("ArrowLeft", 0), ("k", 0)]:
        page.keyboard.press(key)
        assert here() == pairs[place]
    for _ in range(9):
        page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#place")).to_contain_text("2 of")
    assert here() not in pairs
    page.keyboard.press("m")
    page.wait_for_selector("article.here .metrics tbody tr")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("/")
    page.keyboard.type("jk?/m")
    assert page.input_value("[name=search]") == "jk?/m" and page.is_visible("#help")


def test_every_seed_and_every_metric_of_an_answer_can_be_seen(visit, known, study):
    page = visit("a folder")
    page.click("#more > summary")
    page.check("[name=seeds]")
    for place, pair in enumerate(shown(page)):
        own = page.locator("#list article").nth(place)
        one = known["extractive", pair]
        for column, answers in zip(own.locator(".answer").all(), one["by"].values(), strict=True):
            texts = [answer.text for answer, _ in answers]
            assert column.locator("p").all_text_contents() == list(dict.fromkeys(texts))
    own.locator(".metrics summary").click()
    rows = own.locator(".metrics tbody tr")
    expect(rows).to_have_count(len(study.experiment.scored))
    [row] = [r for r in rows.all() if r.locator("th").text_content().startswith("Token F1 (")]
    values = [f"{value:.3f}" for answers in one["by"].values() for _, value in answers]
    assert row.locator("td").all_text_contents() == values


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_stays_text_and_policies_stop_what_got_in(visit, tmp_path, form):
    made = make_study(tmp_path / "s", metrics=["token_f1"], per_year=3, hostile=HOSTILE)
    write_report(made, tmp_path / "report.html", budget=FORMS[form])
    page = visit(form, folder=tmp_path)
    page.locator("#list details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert "onerror='window.pwned=2'" in page.text_content("#list .answer p")
    assert page.evaluate("document.images.length") == 0
    fragment = "#search=%3Cimg%20src%3Dx&set=__proto__&q=constructor&who=9&show=toString"
    other = visit(form, fragment, folder=tmp_path)
    assert other.evaluate("window.pwned ?? null") is None
    assert page.evaluate("window.pwned ?? null") is None


def test_nothing_of_the_web_is_loaded_even_by_the_page_itself(browser, study):
    page, asked = browser.new_page(), []
    page.goto((Path(study.layout.results).parent / "a folder" / "report.html").as_uri())
    page.on("requestfailed", lambda request: asked.append(request.failure))
    result = page.evaluate(
        """async () => {
          const tried = (src) => new Promise((resolve) => {
            const script = document.createElement("script");
            script.onload = () => resolve("loaded");
            script.onerror = () => resolve("refused");
            script.src = src;
            document.head.append(script);
          });
          return await tried("http://127.0.0.1:9/x.js");
        }"""
    )
    page.close()
    assert (result, asked) == ("refused", ["csp"])


def test_blind_nobody_is_named_and_ratings_are_saved_by_keyboard(visit, study, tmp_path):
    page = visit("a folder")
    page.click("#more > summary")
    page.fill("#rater", "ann")
    page.check("#blind")
    page.wait_for_selector(".answer.blind")
    text = page.text_content("#list")
    assert not any(study.experiment.model_label(one) in text for one in study.experiment.models)
    order = page.locator(".answer.blind").evaluate_all("all => all.map(one => one.dataset.id)")
    page.locator("#list article").first.click()
    page.keyboard.press("4")
    page.keyboard.press("2")
    page.keyboard.press("6")
    page.keyboard.press("5")
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "ratings-ann.json"
    download.value.save_as(file := tmp_path / "ratings-ann.json")
    saved = json.loads(file.read_text())
    assert saved["ratings"] == dict(sorted(zip(order, (4, 2, 5), strict=False)))
    # the order is the rater's, and stays
    page.reload()
    page.wait_for_selector("#list article")
    page.click("#more > summary")
    page.fill("#rater", "ann")
    page.check("#blind")
    page.wait_for_selector(".answer.blind")
    again = page.locator(".answer.blind").evaluate_all("all => all.map(one => one.dataset.id)")
    assert again == order and page.locator("[aria-pressed=true]").count() == 3
    page.uncheck("#blind")
    page.wait_for_selector("#rated li")
    assert "you gave 4" in page.text_content("#list")


@pytest.mark.parametrize("probes", [{}, {"mine": {"prompt": "What?"}}], ids=["none", "one"])
def test_blind_ratings_of_test_questions_are_taken_in(visit, tmp_path, probes):
    more = {"probes": probes, "ratings": f"{tmp_path}/*.json"}
    made = make_study(tmp_path / "s", metrics=["token_f1"], per_year=3, **more)
    given, layout = uses.rate_probes(made.layout).arguments, made.layout
    del given["cells"], given["sets"]

    def take_in(*files):
        rate_probes(
            layout.of_rateable("answers"), layout.of_rateable("scores"), asked=layout.rateable(),
            files=files, folder=Path(layout.root, "ratings"), rejected=layout.ratings()["rejected"],
            **given,
        )  # fmt: skip
        write_report(made, tmp_path / "report.html")

    take_in()
    page = visit(folder=tmp_path)
    page.click("#more > summary")
    page.fill("#rater", "ann")
    page.check("#blind")
    page.wait_for_selector(".answer.blind")
    answers = page.locator("#list article").nth(0).locator(".answer.blind").count()
    for mark in "5432"[:answers]:
        page.keyboard.press(mark)
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(file := tmp_path / "ratings-ann.json")
    take_in(file)
    assert not list(read_records(layout.ratings()["rejected"], Rejection))
    found = read_rows(layout.ratings()["texts"], Rated)
    assert sorted(one.mean for one in found) == sorted(map(float, "5432"[:answers]))
    cells = read_matrix(layout.ratings()["matrix"])
    assert {one.questions for one in cells} == {1}
    page = visit(folder=tmp_path)
    assert f"{answers} answers to test questions" in page.text_content("#probes")


@pytest.mark.parametrize("form", FORMS)
def test_all_that_is_filtered_is_printed_and_the_settings(visit, form):
    page = visit(form)
    page.evaluate("window.print = () => { window.dispatchEvent(new Event('beforeprint')); }")
    page.check("[value=disagree]")
    count = found_on(page)
    assert count > 10
    page.click("#print")
    expect(page.locator("#list article")).to_have_count(count)
    page.emulate_media(media="print")
    assert page.is_hidden("#controls") and page.is_visible("#active")
    assert page.is_visible("#settings pre")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#list article").count() == 10 and page.is_hidden("#settings pre")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_its_window(visit, width, scheme):
    page = visit(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.click("#more > summary")
    page.click("#keys")
    page.locator(".metrics summary").first.click()
    page.check("[name=seeds]")
    page.select_option("[name=year]", "2023")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_folder_that_was_left_behind_is_said(browser, study, tmp_path):
    source = Path(study.layout.results).parent / "a folder"
    (tmp_path / "report.html").write_bytes((source / "report.html").read_bytes())
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator("#found")).to_contain_text("Keep the folder explorer")
    page.close()
