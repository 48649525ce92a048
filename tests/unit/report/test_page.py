"""The page says what the numbers say, counts what is there, and carries no markup of others."""

import csv
import html
import json
import re
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jinja2 import Environment, StrictUndefined

from papertune.report import figures
from papertune.report.figures import (
    COLOURS,
    NAMES,
    colour,
    draw_figures,
    loss_figure,
    marker,
    read_history,
)
from papertune.report.landing import landing
from papertune.report.page import settings_text
from papertune.report.parts import PARTS, embed_json, safe_url
from papertune.scores.matrix import find_cell, read_matrix
from papertune.study.experiment import Experiment
from papertune.study.settings import TransformersGenerator
from sample_study import SETTINGS, make_study, write_report

HOSTILE = (
    "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>"
    "<!--<svg/onload=alert(1)>"
)


class Elements(HTMLParser):
    """Tags, attributes and text of a page, as a browser's parser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if self.tags and self.tags[-1] != "script":
            self.texts.append(data)


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    return write_report(study, tmp_path_factory.mktemp("page") / "report.html")


def test_the_page_shows_matrix_counts_training_settings(study, page):
    text = " ".join(" ".join(Elements(page).texts).split())
    cells = read_matrix(study.made_from["matrix"])
    cell = find_cell(cells, model="full", test_set="extractive", metric="token_f1")
    contained = find_cell(cells, model="full", test_set="extractive", metric="contains_reference")
    for piece in (
        SETTINGS["question"],
        "Token F1, in form",
        f"{contained.mean:.3f} {contained.low:.3f} to {contained.high:.3f} +",
        f"{cell.mean:.3f}",
        f"{cell.low:.3f} to {cell.high:.3f}",
        "All counts add up",
        "3 http 404",
        "5 not sampled",
        "Documents without text: 5",
        "2 of them may show their text only with JavaScript",
        "apt-get install chromium",
        "188,224",
        "torch 2.13.0",
        "an earlier report",
        "papers_per_year: 12",
    ):
        assert piece in text, piece


def test_the_page_is_the_same_again_and_loads_nothing(study, page, tmp_path):
    again = write_report(study, tmp_path / "again.html")
    assert again.partition("<footer>")[0] == page.partition("<footer>")[0]  # where the date stands
    assert "<style>" in page and "default-src 'none'" in html.unescape(page)
    for key, value in Elements(page).attributes:
        assert key not in ("src", "srcset", "action", "data", "style") and key[:2] != "on"
        # its own figures, for those who want them, lie beside it
        assert not key.endswith("href") or value.startswith(("#", "figures/"))


def test_the_page_says_of_how_many_candidates_pairs_were_chosen(study, page, tmp_path):
    how = {"model": "a", "prompt": "workflow/prompts/short.txt", "label": "A writer", "pairs": 1}
    writer = TransformersGenerator(backend="transformers", candidates=4, **how)
    other = writer.model_copy(update={"label": "Another", "candidates": 2})
    chosen = {**study.experiment.generators, "extractive": writer, "cloze": other}
    experiment = study.experiment.model_copy(update={"generators": chosen})
    made = replace(study, layout=replace(study.layout, experiment=experiment))
    text = " ".join(Elements(write_report(made, tmp_path / "report.html")).texts)
    assert "in the same form. Of the candidates about each paper the best are kept" in (
        text := " ".join(text.split())
    )
    assert "A writer 1 of 4, Another 1 of 2; each pair’s" in text
    assert "candidates about each" not in page


def test_the_page_says_what_categories_lack_and_what_was_cleaned(study, tmp_path):
    counts = study.made_from["counts"]
    before = counts.read_text()
    more = [["collect", "2022", "lacking", f"field {n}", "documents", 2] for n in range(24)]
    more.insert(0, ["collect", "2022", "lacking", f"one, {HOSTILE}", "documents", 1])
    more.append(["synthesize", "extractive/train", "cleaned", "left_over", "marks", 1234])
    try:
        with counts.open("a", newline="") as stream:
            csv.writer(stream).writerows(more)
        page = write_report(study, tmp_path / "report.html")
    finally:
        counts.write_text(before)
    text = " ".join(" ".join(Elements(page).texts).split())
    assert f"1 lacking of one, {HOSTILE}" in text and "img" not in Elements(page).tags
    assert "2 lacking of field 18" in text and "lacking of field 19" not in text
    assert "5 more categories" in text and "1,234 left over cleaned" in text
    assert "All counts add up" in text


def test_the_level_of_intervals_is_the_one_that_was_set(study, tmp_path):
    how = study.experiment.comparison.model_copy(update={"confidence": 0.999})
    experiment = study.experiment.model_copy(update={"comparison": how})
    made = replace(study, layout=replace(study.layout, experiment=experiment))
    text = " ".join(Elements(write_report(made, tmp_path / "report.html")).texts)
    assert "its 99.9% interval" in text and not re.search("100 ?% interval", text)


def test_nothing_hostile_becomes_markup(tmp_path):
    study = make_study(tmp_path / "s", metrics=["token_f1"], hostile=HOSTILE, per_year=4)
    elements = Elements(write_report(study, tmp_path / "report.html"))
    # data, script, and the answers of each test set
    assert elements.tags.count("script") == 2 + 2 and "img" not in elements.tags
    for key, value in elements.attributes:
        assert key[:2] != "on" and "javascript:" not in (value or "")
    value = {"x": f"{HOSTILE} & \u2028 ü"}
    text = embed_json(value)
    assert not set("<>&\u2028") & set(text) and json.loads(text) == value


def test_links_are_web_addresses_only_and_settings_show_no_contact():
    kept = ["https://a.example/x", "http://a.example"]
    scripts = ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x"]
    assert [url for url in [*kept, *scripts, "https:javascript", ""] if safe_url(url)] == kept
    values = SETTINGS | {"fetching": {"contact": "me@example.org"}}
    assert "me@example.org" not in settings_text(Experiment.model_validate(values))


CAPTIONS = sorted((Path(__file__).parents[3] / "workflow" / "report").glob("*.rst"))


@pytest.mark.parametrize("path", CAPTIONS, ids=lambda path: path.stem)
def test_captions_state_what_was_used(path, study):
    """Filled as Snakemake's report does it; an unknown name would be an error."""
    given = {
        "params": {"shown": study.experiment.presentation()},
        "wildcards": {"experiment": "demo", "further": "knowledge"},
        "config": {"studies": landing({"demo": study.layout})},
    }
    template = Environment(undefined=StrictUndefined).from_string(path.read_text())
    assert "demo" in template.render(snakemake=given)
    given["wildcards"]["further"] = "published"
    given["params"]["shown"]["comparison"]["confidence"] = 0.999
    shown = template.render(snakemake=given)
    assert ("99.9 %" in shown) == ("confidence" in path.read_text()) and "100 %" not in shown


# ---- figures ----------------------------------------------------------------


def draw(study, folder):
    draw_figures(study.layout, folder, **study.drawn_from)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_figures_are_the_same_again_and_say_what_they_show(tmp_path):
    label = " <b>&$x_1 & $\\frac"
    study = make_study(tmp_path / "s", metrics=["token_f1"], hostile=label, per_year=4)
    first = draw(study, tmp_path / "a")
    assert draw(study, tmp_path / "b") == first
    assert {*first} == {f"{name}.{ending}" for name in NAMES for ending in ("svg", "pdf")}
    svg = {Path(name).stem: of.decode() for name, of in first.items() if name.endswith("svg")}
    for text in svg.values():
        ElementTree.fromstring(text)
        assert "dc:date" not in text
    assert all(of.startswith(b"%PDF") for name, of in first.items() if name.endswith("pdf"))
    assert "Cloze rules &lt;b&gt;&amp;$x_1" in svg["matrix"]
    assert "Full fine-tuning …&amp;$x_1 &amp; $\\frac" in svg["matrix"]
    assert "test years" in svg["documents"]
    # a model has one colour in every figure
    assert colour(study.experiment, "lora") == COLOURS[2]
    for name in ("matrix", "loss", "cost"):
        assert COLOURS[2] in svg[name]


def luminance(shade):
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(shade[place : place + 2], 16) / 255 for place in (1, 3, 5))
    ]
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("shade", COLOURS)
def test_each_colour_has_a_contrast_of_3_to_1_in_both_schemes(shade):
    style = (PARTS / "style.css").read_text()
    grounds = re.findall(r"--(?:ground|card): (#[0-9a-f]{6});", style)
    assert len(grounds) == 4  # and white, on paper
    for ground in (*grounds, "#ffffff"):
        low, high = sorted(0.05 + luminance(one) for one in (shade, ground))
        assert high / low >= 3, ground


def test_models_are_told_apart_by_more_than_colour():
    assert len({(COLOURS[n % len(COLOURS)], marker(n)) for n in range(49)}) == 49


def test_thirty_models_have_a_panel_each_and_the_legend_covers_none(study, tmp_path, monkeypatch):
    """Beyond the panels: what is seen of a curve below a legend is not what was measured."""
    model = {"base": "small", "method": "full"}
    models = {f"m{n}": {**model, "label": f"Model number {n:02}"} for n in range(30)}
    many = Experiment.model_validate(SETTINGS | {"models": models, "published": []})
    rows = [{"step": n, "train_loss": 9 / n, "validation_loss": 8 / n} for n in range(1, 9)]
    histories = {(name, seed): rows for name in models for seed in (1, 2)}
    seen = []
    monkeypatch.setattr(figures, "canvas", watched(figures.canvas, seen))
    loss_figure(histories, many, tmp_path / "loss.svg")
    [every] = seen
    titles = [axes.get_title("left") for axes in every]
    assert titles == [f"Model number {n:02}" for n in range(30)]
    for axes in every:
        solid, dashed, *_ = [line for line in axes.lines if len(line.get_xdata())]
        assert solid.get_linestyle() != dashed.get_linestyle()
        assert axes.get_legend() is None and axes.get_ylim() == every[0].get_ylim()
    figure = every[0].figure
    [legend] = figure.legends
    above = legend.get_window_extent()
    assert not any(above.overlaps(axes.get_tightbbox()) for axes in every)


def watched(canvas, seen):
    @contextmanager
    def watching(*given, **how):
        with canvas(*given, **how) as every:
            seen.append(every)
            yield every

    return watching


def test_what_is_not_there_is_not_drawn(study, tmp_path):
    draw_figures(replace(study.layout, results="nowhere"), tmp_path, **study.drawn_from)
    assert (tmp_path / "loss.svg").exists()
    (tmp_path / "h.csv").write_text("step,loss,validation_loss\n1,2.5,\n2,,1.5\n")
    without = [{"step": 1, "loss": 2.5}, {"step": 2, "validation_loss": 1.5}]
    assert read_history(tmp_path / "h.csv") == without
