"""The page in a real browser: hostile text stays text, the script's policy holds, search works."""

from pathlib import Path

import pytest

from sample_study import make_study, write_report

BINARY, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (BINARY.exists() and DRIVER.exists()),
        reason="no Chromium and driver here: apt-get install chromium chromium-driver",
    ),
]

HOSTILE = (
    " </script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>"
    "<svg onload='window.pwned=3'></svg><a href='javascript:window.pwned=4'>click</a>"
    '" onmouseover="window.pwned=5" {{ 7*7 }} <!--'
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    root = tmp_path_factory.mktemp("page")
    study = make_study(root, metrics=["token_f1"], hostile=HOSTILE, per_year=6)
    write_report(study, output := root / "report.html")
    options = webdriver.ChromeOptions()
    options.binary_location = str(BINARY)
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={root / 'browser'}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.get(output.as_uri())
    yield driver
    driver.quit()


def texts(driver, selector):
    return driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
    )


def pwned(driver):
    return driver.execute_script("return window.pwned ?? null")


def test_hostile_text_is_shown_as_it_is_and_nothing_of_it_runs(opened):
    assert HOSTILE.split()[0] in texts(opened, ".kicker")[0]
    assert "onerror='window.pwned=2'" in texts(opened, "article h3")[0]
    assert "{{ 7*7 }}" in texts(opened, ".answer p")[0]
    assert opened.execute_script("return document.scripts.length") == 2
    assert opened.execute_script("return document.images.length") == 0
    # a refused script, style or request would be an error here
    assert [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []
    links = opened.execute_script("return [...document.links].map(a => a.getAttribute('href'))")
    assert links
    assert all(link.startswith(("#", "https://", "http://")) for link in links)
    opened.execute_script(
        "document.querySelectorAll('article *').forEach(e => e.click());"
        "document.querySelectorAll('*').forEach(e => e.dispatchEvent(new Event('mouseover')))"
    )
    assert pwned(opened) is None
    for handle in opened.window_handles[1:]:  # papers that the clicks opened
        opened.switch_to.window(handle)
        opened.close()
    opened.switch_to.window(opened.window_handles[0])
    # the policy stops a script that got in all the same
    opened.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.pwned = 9';"
        "document.body.append(s);"
        "const d = document.createElement('div'); d.innerHTML = '<img src=x onerror=\"pwned=8\">';"
        "document.body.append(d);"
    )
    assert pwned(opened) is None


def set_value(driver, name, value, event):
    driver.execute_script(
        f"const e = document.getElementById('{name}'); e.value = '{value}';"
        f"e.dispatchEvent(new Event('{event}'))"
    )


def test_search_year_set_and_paging_work(opened):
    everything = int(texts(opened, "#found")[0].split()[0])
    assert len(texts(opened, "article")) == 10
    set_value(opened, "search", "which SIMULATOR", "input")
    found = texts(opened, "article h3")
    assert 0 < len(found) <= 10 and all("which simulator" in text.lower() for text in found)
    assert int(texts(opened, "#found")[0].split()[0]) < everything
    set_value(opened, "search", "no such words anywhere", "input")
    assert texts(opened, "article") == [] and "No question" in texts(opened, "#found")[0]
    set_value(opened, "search", "", "input")
    set_value(opened, "year", "2023", "change")
    assert all(text.startswith("2023") for text in texts(opened, "article > .small"))
    set_value(opened, "year", "", "change")
    first = texts(opened, "article h3")
    opened.execute_script("document.getElementById('next').click()")
    assert texts(opened, "article h3") != first and texts(opened, "#place")[0][:4] == "2 of"
    set_value(opened, "set", "1", "change")
    assert texts(opened, "article h3")[0].startswith("Fill the gap")
    assert texts(opened, "#place")[0].startswith("1 of")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(opened, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
