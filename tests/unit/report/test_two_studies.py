"""Two studies side by side: what differs, and what may be compared."""

import csv
import json
import re
import shutil
from statistics import fmean

import pytest

import sample_study
from papertune.errors import PapertuneError
from papertune.records import Score, read_records, write_records
from papertune.report.between import compare_numbers
from papertune.report.finished import read_study
from papertune.report.two_studies import data_table, main, settings_table, write_comparison
from sample_study import make_study, write_report

HOSTILE = "<script>alert(1)</script>"


def made(folder, **more):
    study = make_study(folder, metrics=["token_f1", "perplexity"], **more)
    write_report(study, folder / "demo/report.html")
    return study


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The second has a worse LoRA, a hostile title, and lacks questions about one document."""
    folder = tmp_path_factory.mktemp("two")
    made(folder / "a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sample_study.SKILL, "lora", {"extractive": 0.1, "cloze": 0.03})
        patch.setitem(sample_study.SETTINGS, "title", f"Another {HOSTILE}")
        second = made(folder / "b", seeds=[1, 2, 3])
    for (_, _, test_set), path in second.layout.by_cell("scores").items():
        if test_set == "extractive":
            scores = list(read_records(path, Score))
            write_records(path, [one for one in scores if one.pair != scores[0].pair])
    return read_study(str(folder / "a/demo")), read_study(str(folder / "b/demo"))


def mean_of(study, model, test_set, pairs):
    """Over seeds and questions, reckoned by hand."""
    return fmean(
        one.values["token_f1"]
        for path in study.scores(model, test_set)
        for one in read_records(path, Score)
        if one.pair in pairs
    )


def test_differences_are_on_the_questions_that_both_asked(studies):
    table, cells, notes = compare_numbers(*studies)
    for test_set in ("extractive", "cloze"):
        asked = [
            {
                one.pair: one.document
                for one in read_records(study.scores("lora", test_set)[0], Score)
            }
            for study in studies
        ]
        lacking = asked[0].keys() - asked[1].keys()
        assert len(lacking) == (test_set == "extractive")
        left = {asked[0][pair] for pair in lacking}  # its document has other questions there
        pairs = {pair for pair, document in asked[1].items() if document not in left}
        for model in ("baseline", "full", "lora"):
            cell = next(
                c for c in cells if (c.model, c.test_set) == (model, test_set) and c.year == "all"
            )
            first, second = (mean_of(study, model, test_set, pairs) for study in studies)
            assert cell.metric == "token_f1" and cell.questions == len(pairs)
            assert cell.difference == pytest.approx(second - first, abs=1e-9)
            assert cell.verdict == ("worse" if (model, test_set) == ("lora", "extractive") else "")
        assert f"{len(pairs)} questions are the same" in " ".join(notes)
    rows = {tuple(row[:3]): row[3:] for row in table.rows}
    assert rows["Token F1", "Extractive rules", "LoRA"][2].startswith("−0.")
    assert "†" in rows["Token F1", "Extractive rules", "LoRA"][2]


def test_settings_data_and_page(studies, tmp_path):
    rows = {key: said for key, *said in settings_table(*studies).rows}
    assert rows["seeds"] == ["1, 2", "1, 2, 3"] and set(rows) == {"seeds", "title"}
    with (studies[0].root / "tables/counts.csv").open(newline="") as stream:
        kept = sum(
            int(row["count"])
            for row in csv.DictReader(stream)
            if (row["stage"], row["outcome"], row["unit"]) == ("collect", "kept", "documents")
        )
    told = [row for row in data_table(*studies).rows if row[0] == "Documents"]
    assert sum(int(row[2]) for row in told) == kept
    page = tmp_path / "both.html"
    main([*(str(study.root) for study in studies), "--to", str(page)])
    text = page.read_text()
    assert HOSTILE not in text and "Another &lt;script&gt;" in text
    links = re.findall(r'<h3><a href="([^"]+)"', text)
    assert [(page.parent / link).resolve() for link in links] == [
        (study.root / "report.html").resolve() for study in studies
    ]


def test_values_by_another_embedder_or_of_no_common_question_are_held_against_nothing(
    studies, tmp_path
):
    root = tmp_path / "demo"
    shutil.copytree(studies[1].root, root)
    for path in root.glob("scores/*/*/cloze.jsonl"):
        path.write_text(path.read_text().replace('"pair": "', '"pair": "x'))
    settings = json.loads((root / "made.json").read_text())
    settings["settings"]["metrics"] = ["token_f1"]
    (root / "made.json").write_text(json.dumps(settings))
    table, _, notes = compare_numbers(studies[0], read_study(str(root)))
    assert {row[0] for row in table.rows} == {"Token F1"}
    assert {row[1]: row[5] for row in table.rows}["Cloze rules"] == "–"
    assert any("no question in common" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "made.json").unlink(), "snakemake --config experiments=demo"),
        (lambda root: (root / "made.json").write_text("{"), "not JSON"),
        (lambda root: (root / "made.json").write_text("{}"), "an earlier version"),
    ],
    ids=["unfinished", "damaged", "old"],
)
def test_what_is_no_finished_study_is_told(studies, tmp_path, change, said):
    root = tmp_path / "demo"
    shutil.copytree(studies[0].root, root)
    change(root)
    with pytest.raises(PapertuneError, match=said):
        read_study(str(root))


def test_a_name_is_told_the_nearest_and_one_study_is_not_two(studies, tmp_path):
    with pytest.raises(PapertuneError, match="did you mean 'demo'"):
        read_study("dmo", studies[0].root.parent)
    with pytest.raises(PapertuneError, match="both are the same study"):
        write_comparison(studies[0], read_study(str(studies[0].root)), tmp_path / "page.html")
