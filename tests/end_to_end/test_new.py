"""From a table of one's own papers to a report: two commands."""

import csv
import os
import re
import subprocess
import sys

import pytest
import yaml

from papertune.demo.papers import papers
from snakemake_run import ROOT, snakemake

pytestmark = pytest.mark.slow


def test_a_table_becomes_a_report_by_two_commands(tmp_path):
    with (tmp_path / "papers.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["Title", "Url", "Publication Year", "Abstract Note"])
        for year in range(2019, 2025):
            for paper in papers(year, 5, 7):
                url = f"https://library.example/{year}/{paper.key}"
                rows.writerow([paper.title, url, year, paper.abstract])
    command = [sys.executable, "-m", "papertune.starter", "--name", "mine", "--from", "papers.csv"]
    flags = ["--writers", "rules,cloze", "--base", "scratch", "--on", "here"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    made = subprocess.run(
        [*command, *flags], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "30 documents of 2019–2024" in made.stdout
    file = tmp_path / "config/experiments/mine.yaml"
    splits = re.search(r"of 30 documents (\d+) train, (\d+) validate, (\d+) test", file.read_text())
    assert sum(map(int, splits.groups())) == 30
    # as it is written, but for what takes long: an encoder and a second seed
    values = yaml.safe_load(file.read_text())
    values |= {"metrics": ["token_f1"], "comparison": {"metric": "token_f1"}, "seeds": [1]}
    file.write_text(yaml.safe_dump(values))
    snakemake(tmp_path, "--config", "experiments=mine")
    page = (tmp_path / "results/mine/report.html").read_text()
    assert "A study of papers.csv" in page
    assert "sentences with a gap" in (tmp_path / "results/mine/tables/matrix.txt").read_text()
