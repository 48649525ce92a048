"""The page's tables and figures in a real browser, opened from disk: sorting, copying, printing."""

import csv
import io

import pytest
from browsing import NEEDS_BROWSER, telling_page

from papertune.report.tables import write_tables
from sample_study import make_study, write_report

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("tables")
    made = make_study(root, metrics=["token_f1", "perplexity"], per_year=6)
    write_tables(made.layout, made.tables, **made.made_from)
    write_report(made, root / "report.html")
    return made


@pytest.fixture
def page(study, browser):
    page = telling_page(browser)
    # whatever would be copied
    page.add_init_script(
        "document.addEventListener('copy', () => { window.copied = String(getSelection()) ||"
        " document.activeElement.value; });"
    )
    page.goto((study.tables.parent.parent / "report.html").as_uri())
    yield page
    page.close()


def grid(page, label):
    return page.locator(f".scroll[aria-label='{label}']")


def column(place, number):
    return place.locator(f"tbody tr:not(.group) > :nth-child({number + 1})").all_inner_texts()


def values(place, number):
    cells = place.locator(f"tbody tr:not(.group) > :nth-child({number + 1})")
    return cells.evaluate_all("every => every.map(cell => Number(cell.dataset.value))")


def heading(place, number):
    return place.locator("thead th").nth(number)


LABEL = "Every metric on every test set; p corrected over each metric’s matrix"


def test_a_heading_sorts_by_value_both_ways_and_a_third_press_undoes_it(page):
    place = grid(page, LABEL)
    before = column(place, 2), values(place, 3)
    assert before[1] != sorted(before[1])
    mean = heading(place, 3)
    mean.locator("button").click()
    assert mean.get_attribute("aria-sort") == "ascending"
    assert values(place, 3) == sorted(before[1])  # of perplexities above 1000 as well
    mean.locator("button").press("Enter")
    assert mean.get_attribute("aria-sort") == "descending"
    assert values(place, 3) == sorted(before[1], reverse=True)
    model = heading(place, 2)
    model.locator("button").press("Space")
    assert mean.get_attribute("aria-sort") is None
    assert column(place, 2) == sorted(before[0])
    for _ in range(2):
        model.locator("button").click()
    assert model.get_attribute("aria-sort") is None
    assert (column(place, 2), values(place, 3)) == before
    assert page.told == []


def test_sorting_is_stable_and_what_is_empty_stands_last(page):
    place = grid(page, LABEL)
    heading(place, 2).locator("button").click()
    by_model = column(place, 0), column(place, 1), column(place, 2)
    rows = list(zip(*by_model, strict=True))
    heading(place, 2).locator("button").click()
    for model in {*by_model[2]}:
        kept = [row for row in rows if row[2] == model]
        again = zip(column(place, 0), column(place, 1), column(place, 2), strict=True)
        assert [row for row in again if row[2] == model] == kept
    for press in range(2):
        heading(place, 5).locator("button").click()
        shown = column(place, 5)
        count = sum(text != "–" for text in shown)
        assert "–" not in shown[:count] and 0 < count < len(shown), press


def test_rows_stay_below_their_test_set_and_below_a_total(page):
    form = grid(page, "Form and content")
    before = [*map(sorted, bodies(form))]
    heading(form, 1).locator("button").click()
    assert [*map(sorted, bodies(form))] == before
    assert form.locator("tbody").first.locator("tr").first.get_attribute("class") == "group"
    cost = grid(page, "Jobs by stage, and by model or generator")
    heading(cost, 0).locator("button").click()
    heading(cost, 0).locator("button").click()
    assert (
        cost.locator("tbody").last.locator("tr").first.locator("th").first.inner_text() == "Total"
    )


def bodies(place):
    return [body.locator("tr").all_inner_texts() for body in place.locator("tbody").all()]


def test_every_table_has_headings_of_rows_and_columns_that_sort(page):
    tables = page.locator("table").all()
    assert len(tables) > 10
    for table in tables:
        assert table.locator("thead th:not([scope=col])").count() == 0
        assert table.locator("thead th").count() == table.locator("thead th > button.sort").count()
        rows = table.locator("tbody tr")
        if rows.count():
            first = "every => every.every(row => row.cells[0].matches('th[scope^=row]'))"
            assert rows.evaluate_all(first)


@pytest.mark.parametrize("clipboard", ["allowed", "refused", "absent"])
def test_a_table_is_copied_as_its_files_are_also_where_there_is_no_clipboard(
    page, study, clipboard
):
    if clipboard == "allowed":
        page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text; }; 0"
        )
    elif clipboard == "refused":
        page.evaluate("navigator.clipboard.writeText = async () => { throw new Error('no'); }; 0")
    else:
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    bar = page.locator(f".scroll[aria-label='{LABEL}'] + .copies")
    for kind, ending in (("Markdown", "md"), ("CSV", "csv"), ("LaTeX", "tex")):
        bar.get_by_role("button", name=f"Copy as {kind}").click()
        bar.get_by_text(f"{kind} copied").wait_for()
        assert page.evaluate("window.copied") == (study.tables / f"metrics.{ending}").read_text()
    assert page.told == []


def test_where_nothing_can_be_copied_a_file_is_saved(page, study, tmp_path):
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate("document.execCommand = () => false")
    bar = page.locator(f".scroll[aria-label='{LABEL}'] + .copies")
    with page.expect_download() as saving:
        bar.get_by_role("button", name="Copy as CSV").click()
    saving.value.save_as(tmp_path / "saved.csv")
    assert (tmp_path / "saved.csv").read_text() == (study.tables / "metrics.csv").read_text()
    assert page.told == []


def test_a_table_is_copied_in_the_order_in_which_it_is_shown(page):
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }; 0")
    place = grid(page, LABEL)
    heading(place, 3).locator("button").click()
    bar = page.locator(f".scroll[aria-label='{LABEL}'] + .copies")
    shown, copied = column(place, 3), {}
    for kind in ("Markdown", "CSV", "LaTeX"):
        bar.get_by_role("button", name=f"Copy as {kind}").click()
        bar.get_by_text(f"{kind} copied").wait_for()
        copied[kind] = page.evaluate("window.copied")
    means = [float(row["Mean"]) for row in csv.DictReader(io.StringIO(copied["CSV"]))]
    assert means == sorted(means) and len(means) > 10
    for kind, between in (("Markdown", " | "), ("LaTeX", " & ")):
        rows = [line.split(between) for line in copied[kind].splitlines() if between in line]
        found = [row[3].replace("\\", "").removesuffix(" tabularnewline") for row in rows]
        means = [text for text in found if text not in ("Mean", "---:")]
        assert means[: len(shown)] == shown, kind


def test_on_paper_there_is_nothing_to_press(page):
    page.emulate_media(media="print")
    assert page.locator(".copies:visible, .files:visible").count() == 0


def test_figures_can_be_had_as_files(page, study):
    links = page.locator("figure .files a")
    found = links.evaluate_all("every => every.map(one => one.getAttribute('href'))")
    folder = study.tables.parent.parent
    assert len(found) == 8 and all((folder / one).stat().st_size > 1000 for one in found)
    assert {one.rpartition(".")[2] for one in found} == {"svg", "pdf"}
