"""The page in a real browser: hostile text stays text, and the policy of its script holds."""

import pytest
from browsing import NEEDS_BROWSER, telling_page

from sample_study import make_study, write_report

pytestmark = NEEDS_BROWSER

HOSTILE = (
    " </script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>"
    "<svg onload='window.pwned=3'></svg><a href='javascript:window.pwned=4'>click</a>"
    '" onmouseover="window.pwned=5" {{ 7*7 }} <!--'
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory, browser):
    root = tmp_path_factory.mktemp("page")
    study = make_study(root, metrics=["token_f1"], hostile=HOSTILE, per_year=6)
    write_report(study, output := root / "report.html")
    page = telling_page(browser)
    page.goto(output.as_uri())
    yield page
    page.close()


def texts(page, selector):
    return page.locator(selector).all_text_contents()


def pwned(page):
    return page.evaluate("window.pwned ?? null")


def test_hostile_text_is_shown_as_it_is_and_nothing_of_it_runs(opened):
    assert HOSTILE.split()[0] in texts(opened, ".kicker")[0]
    assert "onerror='window.pwned=2'" in texts(opened, "article h3")[0]
    assert "{{ 7*7 }}" in texts(opened, ".answer p")[0]
    # data, the answers of two test sets, and the page's own
    assert opened.evaluate("document.scripts.length") == 4
    assert opened.evaluate("document.images.length") == 0
    # a refused script, style or request would be an error here
    assert opened.told == []
    links = opened.evaluate("[...document.links].map(a => a.getAttribute('href'))")
    assert links
    assert all(link.startswith(("#", "https://", "http://", "figures/")) for link in links)
    opened.evaluate(
        "document.querySelectorAll('article *').forEach(e => e.click());"
        "document.querySelectorAll('*').forEach(e => e.dispatchEvent(new Event('mouseover')))"
    )
    assert pwned(opened) is None
    for other in opened.context.pages[1:]:  # papers that the clicks opened
        other.close()
    # the policy stops a script that got in all the same
    opened.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.pwned = 9';"
        "document.body.append(s);"
        "const d = document.createElement('div'); d.innerHTML = '<img src=x onerror=\"pwned=8\">';"
        "document.body.append(d);"
    )
    assert pwned(opened) is None


def test_a_model_stands_beside_its_baseline_alone(opened):
    assert len(texts(opened, "article:first-of-type .who span:first-child")) == 3
    choices = texts(opened, "[name=beside] option")
    assert choices[0] == "all" and choices[1].endswith(" and Base, untuned") and len(choices) == 3
    opened.select_option("[name=beside]", "2")
    shown = texts(opened, "article:first-of-type .who span:first-child")
    assert shown == ["Base, untuned", "LoRA"]
    opened.select_option("[name=beside]", "")
    assert len(texts(opened, "article:first-of-type .who span:first-child")) == 3


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
