"""Stack Exchange's API against a server on loopback that answers as it does."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from papertune.collect.listings.stack_exchange import FIELDS, KEY, list_documents
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document
from papertune.study.settings.qa import StackExchangeSource

SECRET = "a-key-of-mine(("
IN_2020 = 1_590_000_000


def question(number, score=5, answers=None, **fields):
    made = [answer(number, number * 100 + n, s) for n, s in enumerate(answers or [])]
    return {
        "question_id": number,
        "title": f"How is {number} &lt; &quot;x&quot;? [closed]",
        "body": f"<p>I have {number}, @Joe.</p>\n<p>Thanks, Ann</p>",
        "score": score,
        "creation_date": IN_2020,
        "answer_count": len(made),
        "answers": made,
        "owner": {"display_name": "Ann Author", "user_id": 7},
        **fields,
    }


def answer(asked, number, score, **fields):
    return {
        "answer_id": number,
        "question_id": asked,
        "body": f"<p>Answer {number} of {asked}.</p>",
        "score": score,
        "is_accepted": False,
        "owner": {"display_name": "Bob Builder", "user_id": 8},
        **fields,
    }


class Api:
    """Stands for the site's table of answers; speaks the API's paging, fields and errors."""

    def __init__(self, questions, *, page_size=100, quota=300, **wrapper):
        self.questions, self.page_size = questions, page_size
        self.quota, self.wrapper = quota, wrapper
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.methods: Counter[str] = Counter()
        self.errors: dict[str, tuple[int, dict]] = {}
        self.fields = set(FIELDS)  # of a filter that was made before
        self.separate = False  # whether answers come by their own method alone

    def get(self, path, default):
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if not parts.path.startswith("/2.3/"):
            return default
        method = parts.path.removeprefix("/2.3/")
        self.asked.append((method, query))
        self.methods[method] += 1
        self.quota -= 1
        status, body = self.errors.get(method) or (200, self.answer(method, query))
        packed = gzip.compress(json.dumps(body).encode())
        return (
            status,
            {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": "gzip"},
            packed,
        )

    def answer(self, method, query):
        if method == "filters/create":
            self.fields = set(query["include"].split(";"))
            items = [{"filter": "!our-own-filter", "filter_type": "safe", "included_fields": []}]
        else:
            assert query["filter"] == "!our-own-filter"
            if method == "questions":
                items = sorted(self.questions, key=lambda item: -item["score"])
                items = [item for item in items if item["score"] >= int(query["min"])]
            else:
                numbers = set(map(int, method.split("/")[1].split(";")))
                items = [
                    a for q in self.questions if q["question_id"] in numbers for a in q["answers"]
                ]
            size = min(self.page_size, int(query["pagesize"]))
            first = (int(query["page"]) - 1) * size
            chosen, more = items[first : first + size], len(items) > first + size
            chosen = [self.shown(item) for item in chosen]
            return {
                "items": chosen,
                "has_more": more,
                "quota_max": 300,
                "quota_remaining": self.quota,
                **self.wrapper,
            }
        return {"items": items, "has_more": False, "quota_max": 300, "quota_remaining": self.quota}

    def shown(self, item):
        kind = "answer" if "answer_id" in item else "question"
        names = {field.partition(".")[2] for field in self.fields if field.startswith(kind + ".")}
        shown = {name: value for name, value in item.items() if name in names}
        if "answers" in shown:
            if self.separate:
                del shown["answers"]
            else:
                shown["answers"] = [self.shown(one) for one in shown["answers"]]
        return shown


@pytest.fixture
def listed(site, polite, monkeypatch):
    monkeypatch.delenv(KEY, raising=False)

    def read(api, year=2020, refresh=False, **settings):
        site.answers = api
        source = StackExchangeSource(
            kind="stack_exchange", site="math", url=site.url("/2.3"), **settings
        )
        return list(list_documents(polite(), source, year, refresh=refresh))

    return read


def test_a_pair_has_its_question_and_the_best_answer_and_nobodys_name(listed, polite):
    api = Api([question(7, 12, [3, 9, 9])])
    [pair] = listed(api, tags=["sets", "c++"], min_score=2)
    assert pair == Document(
        id=pair.id,
        title='How is 7 < "x"?',
        url="https://math.stackexchange.com/questions/7",
        year=2020,
        text="Answer 701 of 7.",
        found_by="listing",
        question='How is 7 < "x"?\nI have 7.',
        score=12.0,
    )
    asked = dict(api.asked)["questions"]
    assert asked == {
        "page": "1",
        "pagesize": "100",
        "order": "desc",
        "sort": "votes",
        "min": "2",
        "fromdate": "1577836800",
        "todate": "1609459199",
        "tagged": "sets;c++",
        "site": "math",
        "filter": "!our-own-filter",
    }
    kept = [path.read_text() for path in polite().cache.folder.rglob("*.json")]
    assert len(kept) == 2, "the filter and one page"
    assert not [text for text in kept if "Author" in text or "Builder" in text]


def test_accepted_breaks_ties_and_nothing_else(listed):
    one, two = question(1, answers=[4, 4]), question(2, answers=[4, 5])
    one["answers"][1]["is_accepted"] = two["answers"][0]["is_accepted"] = True
    assert [pair.text for pair in listed(Api([one, two]))] == [
        "Answer 101 of 1.",
        "Answer 201 of 2.",
    ]


def test_pages_go_on_while_there_are_more(listed):
    api = Api([question(n, 100 - n, [1]) for n in range(1, 8)], page_size=3)
    assert [pair.score for pair in listed(api)] == list(range(99, 92, -1))
    assert [query["page"] for method, query in api.asked if method == "questions"] == list("123")


def test_no_page_is_asked_for_behind_the_limit(listed):
    api = Api([question(n, 100 - n, [1] if n != 2 else []) for n in range(1, 10)], page_size=3)
    items = listed(api, limit=4)
    assert [item.score for item in items if isinstance(item, Document)] == [99, 97, 96, 95]
    assert [item.reason for item in items if not isinstance(item, Document)] == ["no_answer"]
    assert api.methods["questions"] == 2


def test_answers_that_are_not_with_their_questions_are_asked_for(listed):
    api = Api([question(n, 9, [2, 3, 4]) for n in (1, 2)] + [question(3, 9, [])], page_size=4)
    api.separate = True
    first, second, none = listed(api)
    assert (first.text, second.text) == ("Answer 102 of 1.", "Answer 202 of 2.")
    assert none.reason == "no_answer"
    assert api.methods["questions/1;2/answers"] == 2, "two pages"


def test_what_cannot_be_a_pair_has_its_reason(listed):
    code = "<pre><code>x</code></pre>"
    items = [
        question(1, 9, [0]),
        question(2, 8, [5], body=f"<p>Why?</p>{code}"),
        question(3, 7, [5, 4]),
        question(4, 6, [5]),
    ]
    items[2]["answers"][0]["body"] = f"<p>So:</p>{code}"
    items[3]["answers"][0]["body"] = code
    kept = listed(Api(items))
    assert [getattr(i, "reason", "") or i.text for i in kept] == [
        "no_answer",
        "Answer 200 of 2.",
        "So:",
        "no_text",
    ]
    strict = listed(Api(items), code="reject", refresh=True)
    assert [getattr(i, "reason", "") or i.text for i in strict] == [
        "no_answer",
        "code",
        "Answer 301 of 3.",
        "no_answer",
    ]


def test_a_rest_is_taken_before_the_next_request(listed, site):
    api = Api([question(n, 9, [1]) for n in range(1, 5)], page_size=2, backoff=1)
    start = time.monotonic()
    listed(api)
    assert 2 <= time.monotonic() - start < 10
    assert site.times[-1] - site.times[-2] >= 1


def test_pages_from_the_cache_ask_for_no_rest_and_no_request(listed):
    api = Api([question(n, 9, [1]) for n in range(1, 5)], page_size=2, backoff=1)
    first = listed(api)
    asked, start = len(api.asked), time.monotonic()
    assert listed(api) == first
    assert time.monotonic() - start < 0.9
    assert len(api.asked) == asked
    listed(api, refresh=True)
    assert len(api.asked) == asked + 2, "both pages again, and the filter is what it was"


def test_a_long_rest_ends_the_job(listed):
    with pytest.raises(CollectError, match="left alone for 7200 s"):
        listed(Api([question(1, 9, [1])], backoff=7200))


def test_a_stop_does_not_wait_for_the_end_of_a_rest(listed, monkeypatch):
    monkeypatch.setattr(stopping, "_request", None)
    monkeypatch.setattr(stopping, "LOOK", 0.01)
    asked = []
    monkeypatch.setattr(stopping, "requested", lambda: asked.append(1) or len(asked) > 3)
    start = time.monotonic()
    listed(Api([question(1, 9, [1])], backoff=60))
    assert time.monotonic() - start < 20


def test_the_quota_is_told_before_it_is_overdrawn(listed):
    api = Api([question(n, 9, [1]) for n in range(1, 7)], page_size=2, quota=3)
    with pytest.raises(CollectError, match="quota for today is used up") as caught:
        listed(api)
    assert KEY in caught.value.hint
    assert len(api.asked) == 3


def test_what_was_fetched_before_the_quota_ended_is_not_fetched_again(listed):
    items = [question(n, 9, [1]) for n in range(1, 7)]
    with pytest.raises(CollectError):
        listed(Api(items, page_size=2, quota=3))
    api = Api(items, page_size=2)
    assert len(listed(api)) == 6
    assert [query["page"] for _, query in api.asked] == ["3"]


@pytest.mark.parametrize("status", [200, 400])
def test_a_violated_throttle_says_when_to_come_back(listed, polite, status):
    api = Api([])
    error = {
        "error_id": 502,
        "error_name": "throttle_violation",
        "error_message": "too many requests from this IP, more requests available in 76366 seconds",
    }
    api.errors["questions"] = (status, error)
    with pytest.raises(CollectError) as caught:
        listed(api)
    assert KEY in str(caught.value)
    assert api.methods["questions"] == 1, "it is not asked again and again"
    assert "76366 seconds" in caught.value.what
    assert "21.2 hours" in caught.value.hint
    api.errors.clear()
    api.questions = [question(1, 9, [1])]
    assert len(listed(api)) == 1, "the error was not kept"


def test_a_site_that_does_not_exist_is_told(listed):
    api = Api([])
    message = {"error_id": 400, "error_message": "No site found", "error_name": "bad_parameter"}
    api.errors["questions"] = (200, message)
    with pytest.raises(CollectError, match="No site found") as caught:
        listed(api)
    assert "source.site" in caught.value.hint


@pytest.mark.parametrize(
    "said", [{}, {"items": 3}, [], {"items": [{"title": "x"}]}, {"items": [1]}]
)
def test_what_is_no_answer_of_the_api_is_an_error_and_not_kept(listed, said):
    api = Api([])
    api.errors["questions"] = (200, said)
    for _ in range(2):
        with pytest.raises(CollectError, match="not an answer of Stack Exchange's API"):
            listed(api)
    assert api.methods["questions"] == 2


def test_the_key_is_sent_and_kept_nowhere(listed, polite, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    api = Api([question(1, 9, [1])])
    monkeypatch.setenv(KEY, SECRET)
    listed(api)
    monkeypatch.delenv(KEY)
    assert {query["key"] for _, query in api.asked} == {SECRET}
    kept = b"".join(p.read_bytes() for p in polite().cache.folder.rglob("*") if p.is_file())
    assert b"a-key-of-mine" not in kept
    assert "a-key-of-mine" not in caplog.text


def test_deep_pages_need_a_key(listed, monkeypatch):
    items = [question(n, 9, [1]) for n in range(1, 28)]
    with pytest.raises(CollectError, match="without a key") as caught:
        listed(Api(items, page_size=1))
    assert "source.limit" in caught.value.hint
    monkeypatch.setenv(KEY, SECRET)
    assert len(listed(Api(items, page_size=1))) == 27
