"""Counts that add up, and tables that can be pasted anywhere."""

import csv
import dataclasses
import shutil
import subprocess

import pytest

from papertune.report.counts import problems, read_counts, total
from papertune.report.tables import (
    Table,
    number,
    p_text,
    to_latex,
    to_markdown,
    to_text,
    write_published,
    write_tables,
)
from papertune.scores.matrix import find_cell, read_matrix


@pytest.fixture(scope="module")
def tables(study):
    made = write_tables(study.layout, study.tables, **study.made_from)
    matrix = study.made_from["matrix"]
    return made | {"published": write_published(study.experiment, study.tables, matrix=matrix)}


# ---- counts -----------------------------------------------------------------


def test_counts_add_up_from_listing_to_score(study):
    rows = read_counts(study.made_from["counts"])
    assert problems(rows, study.experiment) == []
    assert total(rows, "list", outcome="kept") == 240
    assert total(rows, "collect", reason="needs_browser") == 2
    assert total(rows, "collect", reason="http_404") == 3
    assert total(rows, "collect", outcome="kept") == 235
    assert total(rows, "split") == 235
    assert total(rows, "score", part="full/cloze") == 2 * total(
        rows, "synthesize", part="cloze/test", outcome="kept", unit="pairs"
    )


@pytest.mark.parametrize(
    ("stage", "unit"),
    [
        *(("collect", "documents"), ("split", "documents"), ("synthesize", "documents")),
        *(("synthesize", "pairs"), ("answer", "answers"), ("score", "answers")),
    ],
)
def test_an_item_dropped_in_silence_is_named(study, stage, unit):
    rows = read_counts(study.made_from["counts"])
    row = next(r for r in rows if (r.stage, r.unit, r.outcome) == (stage, unit, "kept"))
    rows[rows.index(row)] = dataclasses.replace(row, count=row.count - 1)
    assert problems(rows, study.experiment)


# ---- tables -----------------------------------------------------------------


def test_every_table_is_written_in_three_ways(study, tables):
    names = {"comparison", "metrics", "years", "training", "stages", "published"}
    assert set(tables) == names
    for name, table in tables.items():
        for ending in ("csv", "md", "tex"):
            assert (study.tables / f"{name}.{ending}").stat().st_size > 50
        with (study.tables / f"{name}.csv").open(newline="") as stream:
            assert list(csv.reader(stream)) == [table.columns, *table.rows]


def test_the_matrix_shows_what_was_measured(study, tables):
    cells = read_matrix(study.made_from["matrix"])
    cell = find_cell(cells, model="full", test_set="extractive", metric="token_f1")
    row = tables["comparison"].rows[1]
    assert row[0] == "Full fine-tuning"
    assert row[1] == f"{cell.mean:.3f} [{cell.low:.3f}, {cell.high:.3f}]*"
    text = to_text(tables["comparison"])
    assert row[1] in text
    assert (study.tables / "matrix.txt").read_text() == text


def test_published_figures_stand_beside_the_measured(study, tables):
    cells = read_matrix(study.made_from["matrix"])
    cell = find_cell(cells, model="full", test_set="extractive", metric="token_f1", year="2022")
    row = next(r for r in tables["published"].rows if r[1:3] == ["Full fine-tuning", "2022"])
    assert row[3] == "0.688"
    assert row[4].startswith(f"{cell.mean:.3f} [")
    assert row[5] == f"{cell.mean - 0.6882:+.3f}".replace("-", "−")


def test_every_year_has_its_column_and_training_the_facts_of_its_json(tables):
    assert tables["years"].columns == ["Test set", "Model", "2022", "2023", "2024", "all"]
    row = tables["training"].rows[0]
    assert row[:4] == ["Full fine-tuning", "1", "188,224", "188,224"]
    assert len(tables["training"].rows) == 4


def test_the_same_input_gives_the_same_bytes(study, tables, tmp_path):
    write_tables(study.layout, tmp_path, **study.made_from)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (study.tables / path.name).read_bytes()


def test_numbers_and_p_values():
    assert number(-0.0321, "similarity", signed=True) == "−0.032"
    assert number(0.00001, "similarity", signed=True) == "±0.000"
    assert number(None, "similarity") == "–"
    assert number(float("inf"), "perplexity") == "inf"
    assert p_text(0.0004) == "< 0.001"
    assert p_text(None) == "–"


HARSH = Table("T & T", ["A|B", "50%"], [["x_1 & {y}\n$z$ #~^\\", "0.1 [0, 1]*†−"]])


def test_no_form_can_be_broken_by_a_cell():
    lines = to_markdown(HARSH).splitlines()
    assert len(lines) == 3
    assert lines[0] == "| A\\|B | 50% |"
    assert len(to_text(HARSH).splitlines()) == 5
    text = to_latex(HARSH)
    assert "x\\_1 \\& \\{y\\} \\$z\\$" in text
    assert "50\\%" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here")
def test_latex_compiles(tables, tmp_path):
    body = "\n".join(to_latex(table) for table in [*tables.values(), HARSH])
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}" + body + "\\end{document}"
    )
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        check=True,
    )
