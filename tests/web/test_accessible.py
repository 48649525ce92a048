"""Every page at three widths, light and dark: axe finds nothing, nothing is wider than its window, captions
are seen whole, and what is printed is all that a reader filtered.
"""

from importlib.resources import files

import pypdfium2
import pytest
from browsing import NEEDS_BROWSER

from whole_study import write_pages

pytestmark = NEEDS_BROWSER
WIDTHS = (360, 768, 1440)
PAGES = ("report", "folder", "many", "rate", "reports", "two_studies")
# what axe-core 4.12 says of a node, its rules of best practice among them; those that it runs by default
RUN = "axe.run(document, {resultTypes: ['violations']})"
# lowest contrast to the card around it of what marks a model: dots, bars above answers
CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((v) => v / 255)
      .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const own = getComputedStyle(one).backgroundColor;
      if (own !== "rgba(0, 0, 0, 0)") return own;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll(".dot")].map((dot) => {
    const [a, b] = [getComputedStyle(dot).backgroundColor, ground(dot.parentElement)].map(light);
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  });
}"""
# where the text of each caption begins and ends, with its table scrolled
CAPTIONS = """(aside) => [...document.querySelectorAll("caption:not(.hidden)")].map((caption) => {
  caption.closest(".scroll").scrollLeft = aside;
  const range = document.createRange();
  range.selectNodeContents(caption);
  const { left, right } = range.getBoundingClientRect();
  return { left, right, text: caption.textContent };
})"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return write_pages(tmp_path_factory.mktemp("pages"))


def opened(browser, path, scheme="light"):
    """A page with all that can be opened; its own policy would keep axe out."""
    page = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_is_wider_than_its_window(pages, browser, name, scheme):
    page = opened(browser, pages[name], scheme)
    if name == "rate":
        page.fill("#rater", "ann")
        page.keyboard.press("Enter")
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    # the page of 30 models differs from the others in how much there is of all
    for width in WIDTHS if name != "many" else WIDTHS[:1]:
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate(RUN)["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for aside in (0, 9999):  # captions of tables that are scrolled to their end as well
            ends = page.evaluate(CAPTIONS, aside)
            assert [one for one in ends if one["left"] < 0 or one["right"] > width] == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_of_models_stand_out_from_their_ground(pages, browser, scheme):
    page = opened(browser, pages["many"], scheme)
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts) >= 30 and min(contrasts) >= 3
    page.context.close()


def cut_off(sheet):
    """Whether text stands beyond a sheet's edge, or so near to it that no printer prints it."""
    text = sheet.get_textpage()
    ends = [text.get_rect(place)[2] for place in range(text.count_rects())]
    return max(ends, default=0) > sheet.get_width() - 20


def test_what_is_printed_is_all_that_was_filtered_and_the_settings(pages, browser, tmp_path):
    page = browser.new_page()
    page.goto(pages["report"].as_uri())
    page.locator("input[name=show][value=wrong]").check()
    count = int(page.locator("#found").inner_text().split()[0].replace(",", ""))
    shown = page.locator("#list > *").count()
    assert count > shown, "there are more than a page shows"
    others = page.locator("section:not(#answers)").all_inner_texts()
    elsewhere = sum(" ".join(one.split()).count("Reference answer") for one in others)
    page.emulate_media(media="print")
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    with pypdfium2.PdfDocument(tmp_path / "report.pdf") as document:
        text = " ".join(sheet.get_textpage().get_text_bounded() for sheet in document)
        assert [number for number, sheet in enumerate(document, 1) if cut_off(sheet)] == []
    text = " ".join(text.split())
    assert text.count("Reference answer") - elsewhere == min(count, 500)
    assert "splits:" in text and "Copy as" not in text and "Print the filtered" not in text
    page.close()
