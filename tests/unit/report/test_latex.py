r"""Tables in LaTeX: they compile unchanged, fit a page, and no cell breaks them."""

import re
import shutil
import subprocess

import pytest
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker

from papertune.report.latex import GREEK, LATIN, MARKS, NEEDS, escape, to_latex
from papertune.report.leakage import write_leakage
from papertune.report.tables import write_further, write_tables

HARSH = [
    *("x_1 & {y}", "$z$ #~^\\", "≥ 0.1 [0, 1]*†−", "[2em] x", "*x", "< 0.001", 'a | "b"'),
    *("\\input{/etc/passwd}", "中文 🙂", "--flag", "e\u0301", "\x07", "?`", "%", "a" * 900),
    "word " * 200,
]


def is_one(text):
    """It parses, strictly, and all its environments are closed."""
    nodes, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    return [one.environmentname for one in nodes if one.isNodeType(LatexEnvironmentNode)]


def compiled(folder, texts, size="10pt"):
    """What pdflatex says of a document with tables."""
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex here: apt-get install texlive-latex-recommended")
    needs = {text.splitlines()[0].removeprefix("% needs ") for text in texts}
    [packages] = needs
    head = f"\\documentclass[{size}]{{article}}\n{packages}\n\\begin{{document}}\n"
    body = "\n\\clearpage\n".join(texts)
    (folder / "all.tex").write_text(f"{head}{body}\n\\end{{document}}\n")
    how = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    done = subprocess.run(how, cwd=folder, capture_output=True, timeout=300)
    said = done.stdout.decode("latin-1")
    assert done.returncode == 0, said[-2000:]
    return said


def fits(said):
    return "Overfull \\hbox" not in said and "Float too large" not in said


def test_every_table_of_a_study_compiles_and_fits_a_page(study, tmp_path):
    matrix = study.made_from["matrix"]
    write_tables(study.layout, tmp_path, **study.made_from)
    write_further("published", study.experiment, tmp_path, matrix=matrix)
    write_leakage(study.layout, tmp_path, matrix=matrix)
    texts = {path.stem: path.read_text() for path in sorted(tmp_path.glob("*.tex"))}
    assert len(texts) == 11
    for name, text in texts.items():
        assert text.startswith(NEEDS) and {*is_one(text)} == {"table"}
        assert text.count("\\caption{") == text.count("\\label{tab:") >= 1
        assert f"\\label{{tab:{name}}}" in text
    assert fits(compiled(tmp_path, list(texts.values())))
    assert fits(compiled(tmp_path, list(texts.values()), "12pt"))


def test_no_cell_breaks_it_and_every_sign_that_it_claims_compiles(tmp_path):
    signs = [chr(n) for first, last in (*LATIN, *GREEK) for n in range(first, last + 1)]
    rows = [[cell, cell] for cell in (*HARSH, *signs, *sorted(MARKS))]
    text = to_latex('A < B | "C" & 50% ‡', ["Sign", "x_1|y"], rows, left=1, label="tab:a")
    assert {*is_one(text)} == {"table"}
    said = compiled(tmp_path, [text])
    assert fits(said) and "Missing character" not in said


def test_what_is_wide_is_spread_over_tables_that_all_have_the_first_columns(tmp_path):
    heads = ["Model", *(f"A test set with quite a name {n}" for n in range(12))]
    rows = [[f"Model {m}", *["0.512 [0.480, 0.543]*"] * 12] for m in range(90)]
    text = to_latex("Many", heads, rows, left=1, label="tab:many")
    tables = text.split("\\begin{table}")[1:]
    assert len(tables) > 6 and all("Model" in table for table in tables)
    assert text.count("0.512") == 12 * 90
    assert "\\label{tab:many-2}" in text and "(continued)" in tables[1]
    assert fits(compiled(tmp_path, [text]))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<", r"\ensuremath{<}"), (">", r"\ensuremath{>}"), ("|", r"\ensuremath{|}"),
        ("50%", r"50\%"), ("−", r"\ensuremath{-}"), ("中", r"\texttt{U+4E2D}"),
        ("--", "-{}-"), ("e\u0301", r"\'e"),
    ],
)  # fmt: skip
def test_signs_are_written_so_that_any_document_sets_them(text, written):
    assert escape(text) == written


def test_the_start_of_a_line_is_no_argument_of_the_break_before_it():
    text = to_latex("T", ["a"], [["x"], ["[2em] x"], ["* x"]], left=1, label="tab:t")
    assert not re.search(r"tabularnewline\n[\[*]", text) and "{}[2em] x" in text
