"""Texts from the resolvers in the experiment's order: over HTTP, through the steps of collecting."""

import json

import pytest
from collecting import Steps

from loopback import ABSTRACT, landing
from papertune.collect.identifiers import document_id
from papertune.collect.listings.openalex import LOOKED_UP
from papertune.errors import CollectError
from papertune.records import Document, Rejection, write_records

CUT = f"{ABSTRACT[:100].rsplit(' ', 1)[0]} …"


def indexed(text: str) -> str:
    """A work of OpenAlex with an abstract."""
    index: dict[str, list[int]] = {}
    for place, word in enumerate(text.split()):
        index.setdefault(word, []).append(place)
    return json.dumps({"id": "W1", "title": "A paper", "abstract_inverted_index": index})


class Study(Steps):
    """Documents of one year, collected with resolvers in some order."""

    def __init__(self, folder, site, fetching) -> None:
        super().__init__(folder, fetching)
        self.site, elsewhere = site, site.url("").replace("127.0.0.1", "localhost")
        asked = {name: f"{elsewhere}/{name}" for name in ("crossref", "openalex")}
        lookups = fetching.lookups.model_copy(update=asked)
        # no e-mail as contact, so no mailto in the urls
        self.change(contact="https://example.org/us", retries=0, lookups=lookups)
        self.documents: list[Document] = []

    def paper(self, name: str, **answers: tuple[int, str] | str) -> Document:
        """A listed paper, and what each of them answers when asked for it."""
        doi, url = f"10.1234/{name}", self.site.url(f"/{name}")
        places = {
            "crossref": f"/crossref/works/10.1234%2F{name}",
            "openalex": f"/openalex/works/doi:{doi}?select={LOOKED_UP}",
            "landing": f"/{name}",
        }
        for who, answer in answers.items():
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            kind = "text/html" if who == "landing" else "application/json"
            self.site.page(places[who], body, status, Content_Type=kind)
        document = Document(id=document_id(doi), title="A paper", url=url, year=2020, doi=doi)
        self.documents.append(document)
        return document

    def collect(self, *resolvers: str) -> tuple[dict[str, Document], dict[str, Rejection]]:
        """What is found and what is missing, by the last part of the DOI, and the url."""
        self.change(resolvers=list(resolvers))
        write_records(self.file("listing"), self.documents)
        self.fetch()
        found, missing = self.render()
        names = {document.id: document.doi.partition("/")[2] for document in self.documents}
        return {names[item.id]: item for item in found}, {names[item.key]: item for item in missing}


@pytest.fixture
def study(tmp_path, site, fetching):
    return Study(tmp_path, site, fetching)


def work(abstract: str = "") -> str:
    """An answer of Crossref."""
    message = {"DOI": "10.1234/x", "title": ["A paper"], "abstract": abstract}
    return json.dumps({"status": "ok", "message": message})


def test_each_document_says_who_gave_its_text_and_who_did_not(study):
    study.paper("first", crossref=work(f"<jats:p>{ABSTRACT}</jats:p>"))
    study.paper("second", crossref=work(), openalex=indexed(ABSTRACT))
    gone = (404, "Resource not found.")
    study.paper("third", crossref=gone, openalex=indexed(""), landing=landing())
    study.paper("nobody", crossref=work(), openalex=(404, "{}"), landing="<p>Nothing here.</p>")
    found, missing = study.collect("crossref", "openalex", "landing")
    assert {name: (item.found_by, item.text) for name, item in found.items()} == {
        "first": ("crossref", ABSTRACT),
        "second": ("openalex", ABSTRACT),
        "third": ("section", ABSTRACT),
    }
    assert found["first"].tried == []
    assert found["second"].tried == ["crossref: no_abstract"]
    assert found["third"].tried == ["crossref: not_found", "openalex: no_abstract"]
    assert missing["nobody"].reason == "no_abstract_in_page"
    asked = dict(study.site.requests)
    assert [path for path in asked if "first" in path] == ["/crossref/works/10.1234%2Ffirst"]
    # a second run asks nobody
    study.collect("crossref", "openalex", "landing")
    assert dict(study.site.requests) == asked


def test_the_order_is_the_experiments(study):
    said = work(f"<jats:p>{ABSTRACT} So says Crossref.</jats:p>")
    study.paper("both", crossref=said, landing=landing())
    found, _ = study.collect("landing", "crossref")
    assert found["both"].text == ABSTRACT
    assert study.site.requests["/crossref/works/10.1234%2Fboth"] == 0
    found, _ = study.collect("crossref", "landing")
    assert found["both"].text.endswith("So says Crossref.")


def test_a_beginning_is_taken_where_nobody_has_the_whole(study):
    study.paper("whole", openalex=indexed(CUT), landing=landing())
    study.paper("cut", openalex=indexed(CUT), landing=(404, "gone"))
    found, _ = study.collect("openalex", "landing")
    assert (found["whole"].text, found["whole"].reason) == (ABSTRACT, "")
    assert found["whole"].tried == ["openalex: truncated"]
    assert found["cut"].reason == "truncated" and found["cut"].found_by == "openalex"
    assert found["cut"].text and ABSTRACT.startswith(found["cut"].text.rstrip(" …"))
    assert found["cut"].tried == ["openalex: truncated", "landing: http_404"]


@pytest.mark.parametrize("said", [{"error": "something went wrong"}, {"message": "internal"}])
def test_an_error_in_an_answer_is_no_paper_without_an_abstract(study, said):
    study.paper("other", openalex=indexed(ABSTRACT))
    paper = study.paper("one", openalex=json.dumps(said))
    _, missing = study.collect("openalex")
    assert missing["one"].reason == "not_found"
    kept = "".join(path.read_text() for path in (study.folder / "store").rglob("*.jsonl"))
    assert paper.id not in kept
    study.documents.clear()
    study.paper("one", openalex=indexed(ABSTRACT))
    found, _ = study.collect("openalex")
    assert found["one"].text == ABSTRACT


@pytest.mark.parametrize(
    "said",
    [(200, '{"message": "Limit Exceeded: too many requests"}'), (400, '{"error": "no credits"}')],
)
def test_a_budget_that_is_used_up_stops_asking_whatever_the_status(study, said):
    for name in ("first", "second", "third"):
        study.paper(name, openalex=said)
    with pytest.raises(CollectError, match="3 of 3 documents are still to be looked up") as caught:
        study.collect("openalex")
    assert "OPENALEX_API_KEY" in caught.value.hint
    assert sum("openalex" in path for path in study.site.requests) == 1


def test_one_that_refuses_does_not_keep_the_others_from_answering(study):
    study.paper("found", openalex=(403, "no budget left"), landing=landing())
    study.paper("lost", openalex=(403, "no budget left"), landing=(404, "gone"))
    with pytest.raises(CollectError, match="1 of 2 documents are still to be looked up") as caught:
        study.collect("openalex", "landing")
    assert "OPENALEX_API_KEY" in caught.value.hint
    # what was found without it is found again without asking anybody
    study.documents = study.documents[:1]
    found, _ = study.collect("openalex", "landing")
    assert found["found"].tried == ["openalex: host_stopped"]
