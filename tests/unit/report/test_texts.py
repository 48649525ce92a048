"""A report that is published without the texts of documents has all the rest."""

import pytest

from papertune.records import Document, read_records
from papertune.report.probes import write_probes
from papertune.report.texts import without_texts
from sample_study import make_study, write_report
from whole_study import WHOLE

UNFOLDS = '<details class="source">'


@pytest.mark.parametrize("budget", [10**7, 0], ids=["in the page", "beside it"])
def test_a_page_without_texts_says_all_else(tmp_path, budget):
    probes = {"probes": WHOLE["probes"]}
    study = make_study(tmp_path, metrics=["token_f1"], per_year=4, **probes)
    write_probes(study.layout, study.tables)
    page = tmp_path / "report" / "report.html"
    write_report(study, page, budget=budget)
    files = [page, *page.with_name("explorer").glob("*.js")]
    before = "".join(path.read_text() for path in files)
    after = "".join(without_texts(path.read_text()) for path in files)
    documents = [
        one for path in study.layout.documents("test") for one in read_records(path, Document)
    ]
    assert documents and (len(files) > 1) is not bool(budget)
    for one in documents:
        assert one.text in before and one.text not in after and one.title in after
    assert UNFOLDS in before and UNFOLDS not in after
    said = ['"questions":', "<td", "<svg", '"reference":']
    assert [after.count(one) for one in said] == [before.count(one) for one in said]
    assert all(map(before.count, said))
