"""The demo venue's papers and its archive."""

import json

import pytest

from papertune.demo.papers import PER_YEAR, TEST_FROM, names, papers, write_archive

YEARS = range(2005, 2025)


def test_papers_are_of_a_seed_and_facts_stand_in_the_abstract_word_for_word():
    assert papers(2012, 12, 1) != papers(2012, 12, 2)
    assert papers(2023, 13, 1)[:12] == papers(2023, 12, 1)  # a larger count only adds
    every = [paper for year in YEARS for paper in papers(year, PER_YEAR, 1)]
    assert len({paper.key for paper in every}) == len({p.abstract for p in every}) == len(every)
    for paper in every:
        for field, value in paper.facts.items():
            assert field == "name" or value in paper.abstract, (paper.key, field)
        assert 60 <= len(paper.abstract.split()) <= 120
    # test years have names of their own
    assert not set(names(TEST_FROM - 1, 1)) & set(names(TEST_FROM, 1))
    assert {paper.facts["name"] for paper in papers(TEST_FROM, 12, 1)} <= set(names(TEST_FROM, 1))
    with pytest.raises(ValueError, match="not within"):
        papers(2010, PER_YEAR + 1, 1)


def test_archive_is_a_curriculum_without_listed_papers_or_test_names(tmp_path):
    path = tmp_path / "archive.jsonl"
    years = [year for year in YEARS if year < TEST_FROM]
    assert write_archive(path, years=years, count=400, seed=1) == 400
    text = path.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 400
    assert not [name for name in names(TEST_FROM, 1) if name in text]
    listed = [paper.abstract for year in YEARS for paper in papers(year, 12, 1)]
    assert not [abstract for abstract in listed if abstract in text]
    sizes = [len(line["prompt"]) for line in lines]
    assert max(sizes[:20]) < min(sizes[-200:])
    for line in lines:
        values = [fact.partition(": ")[2] for fact in line["completion"].split("\n")]
        assert all(value and value in line["prompt"] for value in values)
    write_archive(path, years=years, count=400, seed=1)
    assert path.read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match="test year"):
        write_archive(path, years=[2021, TEST_FROM], count=3, seed=1)
