"""The first page of Snakemake's own report."""

from pathlib import Path

from docutils.core import publish_parts
from jinja2 import Environment

from papertune.report.landing import landing
from papertune.report.tables import write_tables
from sample_study import make_study, write_report

HOSTILE = " `a <javascript:alert(1)>`_ |x| *b* :raw-html:`<script>` \\"
PAGE = Path(__file__).parents[3] / "workflow/report/workflow.rst"


def test_texts_of_a_study_are_no_markup_and_an_unfinished_one_makes_no_claim(tmp_path):
    study = make_study(tmp_path, metrics=["token_f1"], hostile=HOSTILE)
    page = tmp_path / "demo/report.html"
    assert not landing({"demo": study.layout})[0]["made"]
    write_tables(study.layout, study.tables, **study.made_from)
    write_report(study, page)
    told = landing({"demo": study.layout})
    snakemake = {"config": {"studies": told}}
    text = Environment().from_string(PAGE.read_text()).render(snakemake=snakemake)
    shown = publish_parts(text, writer_name="html", settings_overrides={"halt_level": 2})
    assert "<a" not in shown["html_body"] and "<script" not in shown["html_body"]
    assert "The demo venue `a &lt;javascript:alert(1)&gt;`_ |x| *b*" in shown["html_body"]
