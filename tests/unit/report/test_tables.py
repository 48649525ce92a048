"""Counts that add up, and tables that can be pasted anywhere."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from papertune.metrics import metric_named
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Answer, read_records, write_records
from papertune.report.columns import BEHIND, TABLES
from papertune.report.counts import count_stages, problems, read_counts, total
from papertune.report.figures import short
from papertune.report.leakage import leakage_table, unsuspected_table
from papertune.report.numbers import level, number, p_text
from papertune.report.page import stage_rows
from papertune.report.table import Table, read_table, to_csv, to_markdown, to_text, write_table
from papertune.report.tables import (
    FURTHER,
    comparison_table,
    gains_table,
    metrics_table,
    square_table,
    write_further,
    write_tables,
)
from papertune.scores.matrix import ONE_RUN, find_cell, read_matrix
from papertune.scores.rows import read_rows
from papertune.scores.writers import Contrast
from papertune.study.experiment import Experiment
from sample_study import SETTINGS


@pytest.fixture(scope="module")
def tables(study):
    made = write_tables(study.layout, study.tables, **study.made_from)
    matrix = study.made_from["matrix"]
    return made | {
        "published": write_further("published", study.experiment, study.tables, matrix=matrix)
    }


def test_counts_add_up_from_listing_to_score(study):
    rows = read_counts(study.made_from["counts"])
    assert problems(rows, study.experiment) == []
    assert total(rows, "list", outcome="kept") == 245
    assert total(rows, "collect", reason="not_sampled") == 5
    assert total(rows, "collect", reason="needs_browser") == 2
    assert total(rows, "collect", reason="http_404") == 3
    assert total(rows, "collect", outcome="kept") == 235
    assert total(rows, "split") == 235
    assert total(rows, "score", part="full/cloze") == 2 * total(
        rows, "synthesize", part="cloze/test", outcome="kept", unit="pairs"
    )


def test_counts_say_how_many_prompts_were_cut_or_too_long(study, tmp_path):
    path = Path(study.layout.by_cell("answers")["full", 1, "cloze"])
    before = path.read_text()
    answers = [replace(one, truncated=False) for one in read_records(path, Answer)]
    answers[0] = replace(answers[0], prompt="cut", truncated=True)
    answers[1:3] = [replace(one, prompt="too_long") for one in answers[1:3]]
    try:
        write_records(path, answers)
        rows = count_stages(study.layout, tmp_path / "counts.csv")
    finally:
        path.write_text(before)
    told = {"part": "full/cloze", "outcome": "kept"}
    assert total(rows, "answer", **told, reason="reached max_new_tokens, context cut") == 1
    assert total(rows, "answer", **told, reason="not asked, too long") == 2


def test_what_was_cleaned_is_counted_and_is_no_item(study, tmp_path):
    path = study.layout.by_split("datasets")["cloze", "test"]
    before, pairs = Path(path).read_bytes(), list(read_pairs(path))
    made = [{"cleaned": {"emphasis": 2, "emoji": 1}}, {"cleaned": {"emphasis": 3}}, {"cleaned": {}}]
    dressed = [replace(one, provenance=how) for one, how in zip(pairs, made, strict=False)]
    try:
        write_pairs(path, [*dressed, *pairs[3:]])
        rows = count_stages(study.layout, tmp_path / "counts.csv")
    finally:
        Path(path).write_bytes(before)
    told = {"part": "cloze/test", "outcome": "cleaned"}
    assert total(rows, "synthesize", **told) == 6
    assert total(rows, "synthesize", **told, reason="emphasis") == 5
    assert problems(rows, study.experiment) == []
    [line] = [one for one in stage_rows(rows) if one["part"] == "cloze · test"]
    assert line["cleaned"] == {"emphasis": 5, "emoji": 1} and "marks" not in line["kept"]


PARTS = "collect documents, split documents, synthesize documents, synthesize pairs, answer answers"


@pytest.mark.parametrize("part", [*PARTS.split(", "), "score answers"])
def test_an_item_dropped_in_silence_is_named(study, part):
    stage, unit = part.split()
    rows = read_counts(study.made_from["counts"])
    row = next(r for r in rows if (r.stage, r.unit, r.outcome) == (stage, unit, "kept"))
    rows[rows.index(row)] = replace(row, count=row.count - 1)
    assert problems(rows, study.experiment)


def csv_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_table_is_written_in_all_forms_and_the_same_again(study, tables, tmp_path):
    made = {"comparison", "form", "gains", "square", "metrics", "years", "training", "stages"}
    assert set(tables) == made | {"published"}
    for name, table in tables.items():
        for ending in ("csv", "md", "tex"):
            assert (study.tables / f"{name}.{ending}").stat().st_size > 50
        assert len(csv_of(study.tables / f"{name}.csv")) == len(table.rows)
        read = read_table(study.tables / f"{name}.json")
        kept = [place for place, column in enumerate(table.columns) if column in read.columns]
        assert read.rows == [[row[place] for place in kept] for row in table.rows]
        assert read.title == table.title
    write_tables(study.layout, tmp_path, **study.made_from)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (study.tables / path.name).read_bytes()


def test_csv_has_each_number_in_a_column_of_its_own(study, tables):
    cells = read_matrix(study.made_from["matrix"])
    row = csv_of(study.tables / "comparison.csv")[1]
    cell = find_cell(cells, model="full", test_set="extractive", metric="token_f1")
    for behind, value in (("", cell.mean), (" low", cell.low), (" high", cell.high)):
        assert float(row[f"Extractive rules{behind}"]) == pytest.approx(value, rel=1e-9)
    assert row["Extractive rules verdict"] == "better" and row["Extractive rules note"] == ""
    gain = csv_of(study.tables / "form.csv")[0]["Token F1, difference"]
    assert gain == ""  # of the baseline there is none
    [own] = {row["Kept"] for row in csv_of(study.tables / "gains.csv") if row["Model"] == "LoRA"}
    assert own == "" or -2 < float(own) < 2  # a share, no per cent
    count = csv_of(study.tables / "training.csv")[0]["Trained parameters"]
    assert count == "188224"
    words = {
        "Model",
        "Trained on",
        "Test set",
        "Metric",
        "Device",
        "Table",
        "Year",
        "Stage",
        "Part",
    }
    words |= {"Outcome", "Reason", "Unit", "Baseline"}
    for name in tables:
        for row in csv_of(study.tables / f"{name}.csv"):
            for heading, text in row.items():
                if heading not in words and not heading.endswith((" verdict", " note", " writer")):
                    assert text == "" or isinstance(float(text), float), (name, heading)


def test_every_column_is_documented(study, tables):
    assert {*FURTHER, *tables} < {*TABLES}
    said = (study.tables / "README.md").read_text()
    labels = [*map(study.experiment.set_label, study.experiment.test_set_names), "all"]
    labels += map(str, study.experiment.years)
    labels += [metric_named(name).label for name in study.experiment.compared]
    labels += [f"{label}, difference" for label in labels]
    behind = [name.removeprefix("…") for name in BEHIND]
    made = [*tables, "leakage", "unsuspected", "cost"]
    for name in made:
        with (study.tables / f"{name}.csv").open(newline="") as stream:
            headings = next(csv.reader(stream))
        assert len({*headings}) == len(headings), name
        section = said.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for heading in headings:
            bare = next((heading.removesuffix(b) for b in behind if heading.endswith(b)), heading)
            known = {f"`{heading}`", f"`{bare}`", f"`{bare} ("}  # and a unit
            assert bare in labels or any(one in section for one in known), (name, heading)


def test_two_columns_of_one_name_are_told_apart_in_csv():
    same = Table("T", ["a", "x", "x"], [["1", "2", "3"]])
    assert to_csv(same) == "a,x,x #2\n1,2,3\n"


def test_tables_show_what_was_measured(study, tables):
    cells = read_matrix(study.made_from["matrix"])
    which = {"model": "full", "test_set": "extractive", "metric": "token_f1"}
    cell, of_2022 = (find_cell(cells, **which, year=year) for year in ("all", "2022"))
    row = tables["comparison"].rows[1]
    shown = f"{cell.mean:.3f} [{cell.low:.3f}, {cell.high:.3f}]*"
    assert row[:2] == ["Full fine-tuning", shown]
    assert shown in (study.tables / "matrix.txt").read_text()
    # beside what was published
    row = next(r for r in tables["published"].rows if r[1:3] == ["Full fine-tuning", "2022"])
    assert row[3] == "0.688" and row[4].startswith(f"{of_2022.mean:.3f} [")
    assert row[5] == f"{of_2022.mean - 0.6882:+.3f}".replace("-", "−")
    # by year, and what training took
    assert tables["years"].columns == ["Test set", "Model", "2022", "2023", "2024", "all"]
    row, *others = tables["training"].rows
    assert row[:4] == ["Full fine-tuning", "Extractive rules", "1", "188,224"] and len(others) == 3


def test_each_row_says_what_it_is_held_against_where_that_differs():
    one = Experiment.model_validate(SETTINGS)
    table = comparison_table([], one)
    assert (
        table.columns[:2] == ["Model", "Extractive rules"] and "than Base, untuned" in table.title
    )
    chat = {"base": "small", "method": "lora", "label": "Chat", "examples": {"variant": "chat"}}
    several = Experiment.model_validate(SETTINGS | {"models": SETTINGS["models"] | {"chat": chat}})
    table = comparison_table([], several)
    assert table.columns[:2] == ["Model", "Baseline"] and "than its baseline" in table.title
    made = "Base model, in its chat template"
    assert [row[:2] for row in table.rows] == [
        ["Base, untuned", "–"], ["Full fine-tuning", "Base, untuned"], ["LoRA", "Base, untuned"],
        [made, "–"], ["Chat", made],
    ]  # fmt: skip
    assert metrics_table([], several).columns[2:4] == ["Model", "Baseline"]
    assert short(made) == made  # whole in figures, too


def test_numbers_and_p_values():
    assert number(-0.0321, "similarity", signed=True) == "−0.032"
    assert number(0.00001, "similarity", signed=True) == "±0.000"
    assert number(None, "similarity") == p_text(None) == "–"
    assert number(float("inf"), "perplexity") == "∞"
    assert number(float("-inf"), "perplexity", signed=True) == "−∞"
    assert p_text(0.0004) == "< 0.001"
    assert [level(of) for of in (0.95, 0.9, 0.999, 0.975)] == ["95%", "90%", "99.9%", "97.5%"]


HARSH = Table("T & T", ["A|B", "50%"], [["x_1 & {y}\n$z$ #~^\\", "≥ 0.1 [0, 1]*†−"]])


FORMULAS = ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1"]
NUMBERS = ["+0.032", "-0.5", "−0.032", "–", "0.1 [0, 1]*", "lora", "a=b", "< 0.001"]


def test_no_cell_is_a_formula_or_markup(tmp_path):
    write_table(tmp_path / "t", Table("T", ["Model"], [[cell] for cell in (*FORMULAS, *NUMBERS)]))
    with (tmp_path / "t.csv").open(newline="") as stream:
        cells = [row[0] for row in csv.reader(stream)][1:]
    assert cells == [f"'{cell}" for cell in FORMULAS] + ["" if n == "–" else n for n in NUMBERS]
    shown = to_markdown(
        Table("T", ["<b>"], [["![x](//e.example)"], ["<!-- x"], ["< 0.1 [0, 1] (x)"]])
    )
    assert "<b" not in shown and "<!" not in shown and "](" not in shown
    assert "| < 0.1 [0, 1] (x) |" in shown


def test_no_form_can_be_broken_by_a_cell():
    lines = to_markdown(HARSH).splitlines()
    assert len(lines) == 3
    assert lines[0] == "| A\\|B | 50% |"
    assert len(to_text(HARSH).splitlines()) == 5


def test_an_interval_of_one_run_says_so_wherever_it_stands(study):
    """A reader takes an interval beside 0 for a finding, whichever table it is in."""
    cells = [
        replace(cell, unclaimed=ONE_RUN, verdict="", p=None, p_corrected=None)
        for cell in read_matrix(study.made_from["matrix"])
    ]
    contrasts = [
        replace(one, unclaimed=ONE_RUN, kept=None)
        for one in read_rows(study.made_from["writers"], Contrast)
    ]
    shown = [cell for row in square_table(cells, study.experiment).rows for cell in row[2:]]
    shown += [cell for row in gains_table(contrasts, study.experiment).rows for cell in row[2:5]]
    assert any("[" in cell for cell in shown)
    assert [cell for cell in shown if "[" in cell and f"({ONE_RUN})" not in cell] == []


def test_what_was_taken_out_what_stays_and_what_it_is_worth_is_told(study):
    [row] = leakage_table(study.layout).rows
    assert row[0] == "suspicious, kept" and row[3] == "shared_13_grams"
    without = study.layout.leakage("matrix.csv")
    table = unsuspected_table(study.experiment, study.made_from["matrix"], without)
    assert len(table.rows) == 6
    assert {int(of) - int(rest) for *_, of, rest in table.rows} == {1}
    assert all(row[2] != row[3] for row in table.rows)
