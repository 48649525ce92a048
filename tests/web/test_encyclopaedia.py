"""The built-in encyclopaedia works as any wiki, and serves only this account's processes."""

from papertune.collect.steps import list_documents
from papertune.records import Document, Rejection, read_records
from papertune.study.settings import Fetching
from papertune.study.settings.qa import WikipediaSource

URL = "http://encyclopaedia.papertune.example/w/api.php"


def listed(tmp_path, **source):
    found = WikipediaSource(kind="wikipedia", url=URL, text="html", unit="section", **source)
    list_documents(
        found, Fetching(), "train", output=tmp_path / "l", rejected=tmp_path / "r", cache=tmp_path / "c"
    )  # fmt: skip
    return list(read_records(tmp_path / "l", Document)), list(
        read_records(tmp_path / "r", Rejection)
    )


def test_its_pages_come_by_category_and_title_with_nothing_but_their_prose(tmp_path):
    categories = ["History of Orsolay", "Geography of Orsolay", "Culture of Orsolay"]
    found, rejected = listed(tmp_path, categories=categories, min_words=60)
    assert len(found) > 50 and len({one.url.partition("#")[0] for one in found}) == 15
    for one in found:
        assert 60 <= len(one.text.split()) <= 200, one.title
        assert not any(mark in one.text for mark in ("[1]", "[edit]", "<", "mw-", "See also")), (
            one.title
        )
    assert {one.reason for one in rejected} <= {"disambiguation", "duplicate", "too_short"}


def test_it_answers_for_redirects_and_for_what_is_not_there(tmp_path):
    titles = ["Nine Lamps", "Merrin", "Paris"]
    found, rejected = listed(tmp_path, titles=titles)
    assert {one.title.partition(":")[0] for one in found} == {"Constitution of Orsolay"}
    assert {one.key: one.reason for one in rejected} == {
        "Merrin": "disambiguation",
        "Paris": "missing",
    }
