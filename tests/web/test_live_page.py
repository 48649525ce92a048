"""The page that shows trainings while they run, in a real browser, behind the chat's door."""

import importlib.util
import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from browsing import NEEDS_BROWSER

from snakemake_run import ROOT
from unit.training.test_tracking import TOLD, in_child

pytestmark = [
    *NEEDS_BROWSER,
    pytest.mark.skipif(
        importlib.util.find_spec("trackio") is None,
        reason="trackio is not installed: make tracking",
    ),
]
COMMAND = [sys.executable, "-m", "papertune.chat.live"]
HOW = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/scripts")}


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A folder in which a training has told its losses."""
    from tiny_training import Runs

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("papertune.training.tracking.SECONDS", 0.0)
    in_child(lambda: Runs(tmp_path)("told", tracking=TOLD))
    return tmp_path


def test_losses_are_drawn_for_who_has_the_address_and_nobody_else(told, browser):
    page = browser.new_page()
    with subprocess.Popen(COMMAND, cwd=told, env=HOW, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://\S+", server.stdout.readline())[0]
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(
                    re.match(r"http://[^/]+/", address)[0] + "api/get_all_projects"
                )
            asked = []
            page.on("request", lambda request: asked.append(request.url))
            page.goto(address)
            page.get_by_text("full/seed-1").first.wait_for()
            page.locator(".vega-embed canvas, .vega-embed svg").first.wait_for()
            sizes = page.locator("img").evaluate_all("every => every.map(one => one.naturalWidth)")
            assert sizes and all(sizes), "every picture is there"
            own = re.match(r"http://[^/]+/", address)[0]
            assert asked and all(url.startswith((own, "data:", "blob:")) for url in asked)
        finally:
            server.terminate()
    with sqlite3.connect(told / "logs/tracking/trackio/demo.db") as base:
        names = {
            key
            for (text,) in base.execute("SELECT metrics FROM metrics")
            for key in json.loads(text)
        }
    assert names == {"train/loss", "train/learning_rate", "train/global_step", "eval/loss"}


def test_without_a_training_that_tells_it_says_what_to_write(tmp_path):
    done = subprocess.run(COMMAND, cwd=tmp_path, env=HOW, capture_output=True, text=True)
    assert done.returncode == 1 and "tracking: trackio" in done.stderr
