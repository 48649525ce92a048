"""The chat in a real browser: opened by its address alone, several turns, and all output is text."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browsing import NEEDS_BROWSER, telling_page

import papertune
from chat_study import HOSTILE, SETTINGS, TITLES, make_chat_study

pytest.importorskip("gradio", reason="make .venv/installed-chat installs it")
pytestmark = NEEDS_BROWSER


LIBRARY = Path(papertune.__file__).parents[1]
# writes down what a process asks of the network: names, and addresses that it connects to
ASKS = """
import sys
told = open({told!r}, "a", buffering=1)
sys.addaudithook(lambda name, given: name in ("socket.connect", "socket.getaddrinfo", "socket.sendto")
                 and print(name, *given, file=told))
"""


@pytest.fixture(scope="module")
def asks(tmp_path_factory):
    """The file of what the process with the page asked of the network."""
    return tmp_path_factory.mktemp("asks") / "told"


@pytest.fixture(scope="module")
def address(tmp_path_factory, asks):
    """The address that the command prints."""
    folder = make_chat_study(tmp_path_factory.mktemp("chat"))
    (asks.parent / "sitecustomize.py").write_text(ASKS.format(told=str(asks)))
    own = {"PYTHONPATH": f"{LIBRARY}:{asks.parent}", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "papertune.chat", "talk"], cwd=folder, env=os.environ | own,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as run:  # fmt: skip
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{43}/$", run.stdout.readline().strip())
        yield found[0]
        run.terminate()


@pytest.fixture
def page(browser, address):
    page = telling_page(browser)
    page.asked = set()
    page.on(
        "requestfinished",
        lambda r: r.response().status == 422 and print(r.response().text(), r.post_data),
    )
    page.on(
        "response", lambda r: r.status == 422 and page.told.append((r.url, r.request.post_data))
    )
    page.on("request", lambda request: page.asked.add(request.url.removeprefix(address)))
    page.goto(address)
    page.wait_for_selector("#question textarea")
    yield page
    page.close()


def until(page, wanted: str) -> None:
    """Wait for an expression; Playwright's own way evaluates in the page, whose policy forbids it."""
    end = time.monotonic() + 60
    while not page.evaluate(wanted):
        assert time.monotonic() < end, wanted
        page.wait_for_timeout(50)


def ask(page, question: str, turns: int) -> list[list[str]]:
    """Every message of both columns, once the question is answered."""
    page.fill("#question textarea", question)
    page.click("#send")
    until(page, f"document.querySelectorAll('.message-content').length == {4 * turns}")
    until(page, "!document.querySelector('.generating')")
    columns = (page.locator(f"#{name} .message-content") for name in ("base", "tuned"))
    return [[one.strip() for one in column.all_inner_texts()] for column in columns]


def choose(page, name: str, option: str) -> None:
    page.click(f"#{name} input")
    page.get_by_role("option", name=option, exact=True).click()
    noted(page, "A new conversation")


def noted(page, text: str) -> None:
    """Wait for a note."""
    until(page, f"document.querySelector('#note textarea')?.value.includes('{text}')")


def test_without_the_token_no_path_answers(browser, address):
    page = browser.new_page()
    token = address.rstrip("/").rsplit("/", 1)[1]
    for path in ("", "config", "gradio_api/info", "gradio_api/queue/join", token[:-1] + "/"):
        found = page.goto(address.replace(f"{token}/", path))
        assert found.status == 403 and "the whole address" in page.text_content("body")
    page.goto(address.replace("127.0.0.1", "localhost"))
    page.wait_for_selector("#question textarea")
    assert page.context.cookies() == []
    page.close()


def test_neither_the_page_nor_its_server_asks_anything_of_others(page, asks):
    ask(page, "What is cache 3?", 1)
    # of these the manifest alone lies beside the page
    assert all("://" not in one or one.endswith("/manifest.json") for one in page.asked)
    assert [line for line in asks.read_text().splitlines() if "127.0.0.1" not in line] == []


def test_what_is_stopped_stays_to_be_read_and_the_next_question_is_answered(page):
    page.fill("#question textarea", "Why?")
    page.click("#send")
    until(page, "document.querySelectorAll('.message-content').length == 4")
    page.click("#stop")
    until(page, "!document.querySelector('.generating')")
    assert ask(page, "What is cache 3?", 1)[1] == ["What is cache 3?", HOSTILE]


def test_who_leaves_while_it_answers_is_not_waited_for(browser, address, page):
    for _ in range(3):
        other = browser.new_page()
        other.goto(address)
        other.wait_for_selector("#question textarea")
        other.fill("#question textarea", "Why?")
        other.click("#send")
        until(other, "document.querySelectorAll('.message-content').length > 0")
        other.close()
    assert ask(page, "What is cache 3?", 1)[1][1] == HOSTILE


def test_two_turns_are_answered_side_by_side_and_all_of_it_is_text(page):
    base, tuned = ask(page, "What is cache 3?", 1)
    assert base[0] == tuned[0] == "What is cache 3?" and tuned[1] == HOSTILE != base[1]
    asked = "And <b>cache</b> 4? <img src=x onerror='window.pwned=9'>"
    base, tuned = ask(page, asked, 2)
    assert base[::2] == tuned[::2] == ["What is cache 3?", asked] and len(base) == len(tuned) == 4
    page.click("text=What each model reads")
    read = [page.input_value(f"#read-{name} textarea") for name in ("base", "tuned")]
    assert asked in read[1] and HOSTILE in read[1] and HOSTILE not in read[0]
    # nothing of these is an element, nor ran, nor was asked for
    inside = page.evaluate("document.querySelectorAll('#base img, #tuned img, #tuned b').length")
    assert (inside, page.evaluate("window.pwned ?? null")) == (0, None)
    # its manifest, which gradio looks for beside the page
    assert page.told == [
        "Failed to load resource: the server responded with a status of 403 (Forbidden)"
    ]


def test_a_document_is_found_and_read_and_the_filter_has_its_say(page):
    assert page.text_content("h1").strip() == f"{SETTINGS['title']}: chat"
    page.fill("#words textarea, #words input", "misses 2011")
    until(page, "document.querySelector('#document').innerText.includes('1 with these words')")
    choose(page, "document", f"{TITLES[1]} (2011)")
    ask(page, "What is the tern?", 1)
    assert "unrelated (p = 0.12, 0.60 is needed)" in page.input_value("#note textarea")
    page.click("text=What each model reads")
    assert f"Abstract: Cache 2011 is grey. {TITLES[1]}" in page.input_value("#read-tuned textarea")
    ask(page, "What is a cache?", 2)
    assert "lets this question pass" in page.input_value("#note textarea")
    assert page.evaluate("window.pwned ?? null") is None


def test_another_model_begins_anew_and_what_is_wrong_is_said(page):
    ask(page, "What is cache 3?", 1)
    choose(page, "model", "adapters")
    until(page, "document.querySelectorAll('.message-content').length == 0")
    assert "adapters, seed 1" in page.text_content("#tuned")
    ask(page, "What is cache 3?", 1)
    page.fill("#question textarea", "why " * 1000)
    page.click("#send")
    noted(page, "too long")
    assert page.input_value("#question textarea").startswith("why why")
    page.click("#anew")
    until(page, "document.querySelectorAll('.message-content').length == 0")
