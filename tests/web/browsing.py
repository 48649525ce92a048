"""A real Chromium, and its pages, with their errors recorded."""

from collections.abc import Iterator
from typing import Any

import pytest

from papertune.collect.web.installed import find_browser

NEEDS_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not find_browser(), reason="no Chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find_browser())
        yield started
        started.close()


def telling_page(browser: Any, **window: Any) -> Any:
    """A new page, with its errors and what scripts failed at in ``told``."""
    page = browser.new_page(**window)
    page.told = []
    page.on("console", lambda said: said.type == "error" and page.told.append(said.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    return page
