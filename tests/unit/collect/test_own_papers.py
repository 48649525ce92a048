"""An experiment on a file of one's own papers."""

import json

import pytest
import yaml

from papertune.collect.own_papers import main, with_papers
from papertune.errors import CollectError
from papertune.study.experiment_file import load_experiment
from snakemake_run import ROOT

STUDY = {
    "title": "A study",
    "source": {"kind": "pmlr", "volumes": {2011: [19]}},
    "splits": {
        "train": {"from": 2011, "to": 2021},
        "test": {"from": 2022, "to": 2024},
        "sample": {"train": 12, "test": 20},
    },
}


def papers(folder, years: dict[int | None, int], suffix: str = "csv"):
    """A file with so many papers of each year; None are papers without one."""
    path = folder / f"papers.{suffix}"
    rows = [
        {"title": f"Of {year}", "paper_url": f"https://v.example/{year}/{n}", "abstract": "A text."}
        | ({"year": year} if year else {})
        for year, count in years.items()
        for n in range(count)
    ]
    if suffix == "csv":
        names = list(dict.fromkeys([*rows[0], "year"]))
        lines = [",".join(f'"{row.get(name, "")}"' for name in names) for row in rows]
        path.write_text("\n".join([",".join(names), *lines]))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("years", "splits"),
    [
        # the last years that hold three tenths test; as many papers in all as the study has
        (
            {2018: 50, 2019: 50, 2020: 60, 2021: 40, 2022: 50, 2023: 40},
            {"train": {"from": 2018, "to": 2021}, "test": {"from": 2022, "to": 2023},
             "sample": {"train": 33, "test": 30}},
        ),
        # years that are missing, one year alone, none
        ({2018: 9, 2020: 9}, {"test": 0.3, "sample": {"train": 132, "test": 60}}),
        ({2018: 9}, {"test": 0.3, "sample": {"train": 132, "test": 60}}),
        ({None: 9}, {"test": 0.3, "sample": {"train": 132, "test": 60}}),
        ({2018: 9, 2019: 9, None: 1}, {"test": 0.3, "sample": {"train": 132, "test": 60}}),
    ],
)  # fmt: skip
def test_the_years_of_a_file_decide_how_it_is_split(tmp_path, years, splits):
    for suffix in ("jsonl", "csv") if None not in years else ("jsonl",):
        path = papers(tmp_path, years, suffix)
        values = with_papers(STUDY, path)
        assert values["splits"] == splits
        assert values["source"] == {"kind": "files", "path": str(path)}
        assert values["title"] == f"A study: papers.{suffix}"


def test_a_side_of_which_all_papers_are_taken_is_not_sampled(tmp_path):
    path = papers(tmp_path, {2018: 9, 2019: 9})
    splits = STUDY["splits"] | {"sample": {"train": 12, "test": None}}
    assert with_papers(STUDY | {"splits": splits}, path)["splits"]["sample"] == {"train": 132}


def test_an_experiment_takes_a_file_and_a_paper_more_moves_no_year(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    demo, own = ROOT / "config/experiments/demo.yaml", tmp_path / "results/own.yaml"
    given = yaml.safe_load(demo.read_text())

    def made(*more: str) -> dict:
        main([str(demo), str(own), *more])
        return yaml.safe_load(own.read_text())

    path = papers(tmp_path, {2022: 7, 2023: 7, 2024: 6})
    values = made("--papers", str(path))
    study = load_experiment(own)
    assert (study.source.kind, study.years) == ("files", [2022, 2023, 2024])
    assert study.years_of("test") == [2024] and values["generators"] == given["generators"]
    papers(tmp_path, {2022: 8, 2023: 7, 2024: 6})  # 2024 has no longer three tenths of them
    assert made("--papers", str(path)) == values
    assert with_papers(given, path)["splits"] != values["splits"]
    assert made("--gpu") == given | {"compute": {"gpu": 1}}
    (tmp_path / "odd.csv").write_text("name,address\nA,https://v.example/1\n")
    with pytest.raises(CollectError) as told:
        with_papers(STUDY, "odd.csv")
    assert "change the file" in told.value.hint
    (tmp_path / "mine.bib").touch()
    for name, kind in (("mine.bib", "kind: bibtex"), (".", "kind: pdfs")):
        with pytest.raises(CollectError, match=kind):
            with_papers(STUDY, name)
    with pytest.raises(CollectError, match="no paper"):
        with_papers(STUDY, papers(tmp_path, {2022: 0}, "jsonl"))
