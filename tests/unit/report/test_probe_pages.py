"""Answers to probes in table and page; and a page for raters that reveals no model."""

import csv
import json
import re
from pathlib import Path

import pytest

from papertune.report.probes import read_probed, write_probes, write_rating_page, write_ratings
from papertune.scores.rated import rate_probes
from papertune.study import uses
from sample_study import make_study, write_report

HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>"
PROBED = {
    "mine": {"prompt": "What is the kingfisher?", "label": "My own"},
    "about": {"prompt": "What is it?", "context": "It is a bird.", "reference": "a bird"},
    "known": {"from": "train", "pick": 2},
}


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probed")
    more = {"probes": PROBED, "ratings": f"{folder}/*.json"}
    study = make_study(folder / "s", metrics=["token_f1"], hostile=HOSTILE, per_year=4, **more)
    rate(study)
    return study


def texts_of(page: str) -> dict:
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(data)


def rate(study, *files: Path) -> None:
    given, layout = uses.rate_probes(study.layout).arguments, study.layout
    cells, sets = given.pop("cells"), given.pop("sets")
    answers, scores = (layout.of_rateable(stage) for stage in ("answers", "scores"))
    assert (cells, sets) == ([*answers], [*layout.rateable()])
    rate_probes(
        answers, scores, asked=layout.rateable(), files=files, folder=Path(layout.root, "ratings"),
        rejected=layout.ratings()["rejected"], **given,
    )  # fmt: skip


def saved(study, tmp_path, rater="ann") -> Path:
    write_rating_page(study.layout, page := tmp_path / "rate.html")
    data = texts_of(page.read_text())
    marks = {key: 1 + n % 5 for n, item in enumerate(data["items"]) for key, _ in item["texts"]}
    path = tmp_path / f"ratings-{rater}.json"
    said = {"papertune": "ratings", "experiment": data["experiment"], "rater": rater}
    path.write_text(json.dumps(said | {"ratings": marks}))
    return path


def test_the_table_has_each_answer_with_its_length_and_repetition(probed, tmp_path):
    rate(probed, saved(probed, tmp_path))
    write_probes(probed.layout, tmp_path)
    with (tmp_path / "probes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * (1 + 2 + 2)  # probes, two of them picked; runs
    assert {row["Seed"] for row in rows if row["Model"] == "LoRA"} == {"1", "2"}
    first = rows[0]
    assert (first["Probe"], first["Question"], first["Reference"]) == (
        *("My own", PROBED["mine"]["prompt"], ""),
    )
    [shown, *_] = read_probed(probed.layout)[0].answers
    assert first["Answer"] == " ".join(shown.text.split()) and int(first["Words"]) == shown.words
    assert {row["Rating"] for row in rows} <= {str(n) for n in range(1, 6)}
    write_ratings(probed.layout, tmp_path)
    with (tmp_path / "ratings.csv").open(newline="") as stream:
        found = list(csv.DictReader(stream))
    assert len(found) == 3 and all(row["Difference note"] == "few probes" for row in found[1:])


def test_the_page_for_raters_has_each_text_once_and_names_no_model(probed, tmp_path):
    write_rating_page(probed.layout, page := tmp_path / "rate.html")
    text, data = page.read_text(), texts_of(page.read_text())
    assert len(data["items"]) == 4
    for one, item in zip(read_probed(probed.layout), data["items"], strict=True):
        assert {text for _, text in item["texts"]} == {answer.text for answer in one.answers}
        keys = [key for key, _ in item["texts"]]
        assert keys == sorted(set(keys))
        assert item.keys() == {"question", "context", "reference", "texts"}
    for model in probed.experiment.models:
        assert probed.experiment.model_label(model) not in text
        assert f'"{model}"' not in text
    assert text.count("<script") == 2 and "<img" not in text


def test_the_report_shows_probes_ratings_and_what_is_left_out(probed, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    rate(probed, saved(probed, tmp_path), bad)
    page = write_report(probed, tmp_path / "report.html")
    section = page.partition('<section id="probes">')[2].partition("</section>")[0]
    assert "My own · the author’s own" in section and section.count("<article>") == 4
    assert "few probes" in section and "Krippendorff" in section
    assert str(bad) in section and "not a file of ratings" in section
    assert "<img" not in page and page.count("<script") == 4
    rate(probed)
    page = write_report(probed, tmp_path / "again.html")
    assert re.search(r"<p>0 of \d+ answers are rated", page)


def test_a_study_without_probes_has_no_word_of_them(study, tmp_path):
    assert 'id="probes"' not in write_report(study, tmp_path / "report.html")
