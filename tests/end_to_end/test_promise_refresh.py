"""Promise: `snakemake refresh` replaces only changed listings; the next run remakes only those."""

from functools import partial

import pytest

from end_to_end.conftest import new_files_study, row
from end_to_end.venue import collected
from papertune.demo.papers import papers
from snakemake_run import job_counts

pytestmark = pytest.mark.slow


def test_a_refresh_and_what_follows(tmp_path):
    with collected(tmp_path / "venue") as venue:
        assert "nothing new" in venue.run("refresh")
        assert venue.plan() == {}, "a refresh that found nothing makes work"

        venue.show(2020, 4)
        assert venue.plan() == {}, "without a refresh nobody asks the site"
        said = venue.run("refresh")
        added = papers(2020, 4, seed=5)[-1].title
        assert "small 2020: 1 added, 0 changed, 0 vanished" in said
        assert f"added: {added}" in said
        assert f"added: {added}" in (venue.folder / "logs/refresh.log").read_text()
        jobs = venue.plan()
        assert "list_documents" not in jobs
        assert jobs["fetch_documents"] == jobs["render_documents"] == 1, "years that did not change"
        venue.run("documents")
        documents = (venue.folder / "results/small/documents/2020.jsonl").read_text()
        assert added in documents
        assert venue.plan() == {}

        # a year that fails is named and stays, the others are refreshed
        venue.site.page("/toc2019.html", "<html><p>maintenance</p></html>")
        venue.show(2022, 2)
        said = venue.run("refresh", fails=True)
        assert "1 of 3 listings are unchanged, as their source failed: small 2019" in said
        assert "small 2022: 0 added, 0 changed, 1 vanished" in said
        jobs = venue.plan()
        assert jobs["fetch_documents"] == 1, "of 2022 alone"


def test_local_files_are_left_to_the_ordinary_run(tmp_path):
    (tmp_path / "files").mkdir()
    study = new_files_study(tmp_path / "files", one_file=True)
    # listings are enough here
    plan = partial(study.run, "--dry-run", "--quiet", "rules", "--until", "list_documents")
    study.run("--until", "list_documents")
    rows = study.rows()
    rows[2021].append(row(papers(2021, 9, 1)[-1]))
    study.write(rows)
    said = study.run("--", "refresh")
    assert "mine 2021: 1 added" in said and "mine 2020: nothing new" in said
    assert job_counts(plan())["list_documents"] == 1, "2021, and nothing else"
