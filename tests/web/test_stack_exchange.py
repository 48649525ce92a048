"""Stack Exchange's API: a server on loopback with its replies."""

import time
from contextlib import suppress

import pytest

from odd import ODD, odd
from papertune.collect.listings.stack_exchange import FIELDS, KEY, list_documents
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document
from papertune.study.settings.qa import StackExchangeSource

SECRET = "a-key-of-mine(("
CODE = "<pre><code>x</code></pre>"


def question(number, score=5, answers=(), **fields):
    made = [
        {"answer_id": 100 * number + n, "question_id": number, "score": votes, "is_accepted": False,
         "body": f"<p>Answer {100 * number + n} of {number}.</p>", "owner": "Bob Builder"}
        for n, votes in enumerate(answers)
    ]  # fmt: skip
    return {
        "question_id": number,
        "title": f"How is {number} &lt; &quot;x&quot;? [closed]",
        "body": f"<p>I have {number}, @Joe.</p>\n<p>Thanks, Ann</p>",
        "score": score,
        "answer_count": len(made),
        "answers": made,
        "owner": "Ann Author",
        **fields,
    }


def some(count):
    return [question(number, 100 - number, [1]) for number in range(1, count + 1)]


class Api:
    """Speaks the API's paging, fields and errors."""

    def __init__(self, *questions, page_size=100, quota=300, error=None, separate=False, **wrapper):
        self.questions, self.page_size, self.quota = questions, page_size, quota
        self.error, self.separate, self.wrapper = error, separate, wrapper
        self.asked = []
        self.fields = set(FIELDS.split(";"))  # of a filter that was made before

    def __call__(self, handler):
        method, query = handler.asked.path.removeprefix("/2.3/"), handler.asked.query
        self.asked.append((method, query))
        self.quota -= 1
        if self.error and method == "questions":
            return self.error[0], {}, self.error[1]
        items, more = self.items(method, query)
        left = {"quota_max": 300, "quota_remaining": self.quota}
        return 200, {}, {"items": items, "has_more": more, **left, **self.wrapper}

    def items(self, method, query):
        if method == "filters/create":
            self.fields = set(query["include"].split(";"))
            return [{"filter": "!our-own-filter", "filter_type": "safe"}], False
        assert query["filter"] == "!our-own-filter"
        if method == "questions":
            items = sorted(self.questions, key=lambda item: -item["score"])
            items = [item for item in items if item["score"] >= int(query["min"])]
        else:
            numbers = set(map(int, method.split("/")[1].split(";")))
            of_them = [one for one in self.questions if one["question_id"] in numbers]
            items = [answer for one in of_them for answer in one["answers"]]
        size = min(self.page_size, int(query["pagesize"]))
        first = (int(query["page"]) - 1) * size
        return list(map(self.shown, items[first : first + size])), len(items) > first + size

    def shown(self, item):
        kind = "answer" if "answer_id" in item else "question"
        shown = {name: value for name, value in item.items() if f"{kind}.{name}" in self.fields}
        answers = shown.pop("answers", None)
        if answers and not self.separate:
            shown["answers"] = list(map(self.shown, answers))
        return shown

    def pages(self, method="questions"):
        return [query["page"] for asked, query in self.asked if asked == method]


@pytest.fixture
def listed(site, polite, monkeypatch):
    monkeypatch.delenv(KEY, raising=False)

    def read(api, refresh=False, **settings):
        site.otherwise = api
        source = StackExchangeSource(
            kind="stack_exchange", site="math", url=site.url("/2.3"), **settings
        )
        return list(list_documents(polite(), source, 2020, refresh=refresh))

    return read


def test_a_pair_has_its_question_and_the_best_answer_and_nobodys_name(listed, polite):
    api = Api(question(7, 12, [3, 9, 9]))
    [pair] = listed(api, tags=["sets", "c++"], min_score=2)
    title, url = 'How is 7 < "x"?', "https://math.stackexchange.com/questions/7"
    said = {"found_by": "listing", "question": f"{title}\nI have 7.", "score": 12.0}
    assert pair == Document(pair.id, title, url, 2020, "Answer 701 of 7.", **said)
    asked = dict(api.asked)["questions"]
    assert (asked["min"], asked["tagged"], asked["site"]) == ("2", "sets;c++", "math")
    assert (asked["fromdate"], asked["todate"]) == ("1577836800", "1609459199")
    kept = [path.read_text() for path in polite().cache.folder.rglob("*.json")]
    assert len(kept) == 2, "the filter and one page"
    assert not [text for text in kept if "Author" in text or "Builder" in text]


def test_pages_go_on_while_there_are_more_and_not_behind_the_limit(listed):
    api = Api(*some(7), page_size=3)
    assert [pair.score for pair in listed(api)] == list(range(99, 92, -1))
    assert api.pages() == list("123")
    items = [question(n, 100 - n, [1] if n != 2 else []) for n in range(1, 10)]
    api = Api(*items, page_size=3)
    found = listed(api, limit=4, refresh=True)
    assert [getattr(item, "score", item.reason) for item in found] == [99, "no_answer", 97, 96, 95]
    assert api.pages() == list("12")


def test_answers_that_are_not_with_their_questions_are_asked_for_and_accepted_breaks_ties(listed):
    items = [question(1, 9, [4, 4]), question(2, 9, [2, 4, 5]), question(3, 9)]
    items[0]["answers"][1]["is_accepted"] = items[1]["answers"][1]["is_accepted"] = True
    for separate, pages in ((False, ""), (True, "12")):
        api = Api(*items, page_size=4, separate=separate)
        first, second, none = listed(api, refresh=True)
        assert (first.text, second.text) == ("Answer 101 of 1.", "Answer 202 of 2.")
        assert none.reason == "no_answer"
        assert api.pages("questions/1;2/answers") == list(pages)


def test_what_cannot_be_a_pair_has_its_reason(listed):
    items = [question(1, 9, [0, "7"]), question(2, 8, [5], body=f"<p>Why?</p>{CODE}")]
    items += [question(3, 7, [5, 4]), question(4, 6, [5])]
    items[2]["answers"][0]["body"] = f"<p>So:</p>{CODE}"
    items[3]["answers"][0]["body"] = CODE
    for code, found in (
        ("remove", ["no_answer", "Answer 200 of 2.", "So:", "no_text"]),
        ("reject", ["no_answer", "code", "Answer 301 of 3.", "no_answer"]),
    ):
        assert [getattr(i, "reason", "") or i.text for i in listed(Api(*items), code=code)] == found


def test_half_a_surrogate_pair_costs_its_character(listed):
    half = {"title": "How \ud800 so?", "body": "<p>\udfff it is.</p>"}
    [pair] = listed(Api(question(1, 9, [1], **half)))
    assert pair.question == "How \ufffd so?\n\ufffd it is."


@pytest.mark.slow
def test_what_is_of_an_odd_type_costs_its_question(listed):
    api = Api()
    for one in odd(question(1, 9, [1])):
        api.items = lambda method, query, one=one: (
            [question(2, 9, [1]), one]
            if method == "questions"
            else [{"filter": "f"}] * ("filter" in method),
            False,
        )
        found = listed(api, refresh=True, code="reject")
        assert [getattr(item, "title", "") for item in found].count('How is 2 < "x"?') == 1
        assert len(found) == 2


@pytest.mark.parametrize("name", ["items", "has_more", "backoff", "quota_remaining", "error_id"])
def test_an_answer_of_an_odd_type_is_an_error(listed, monkeypatch, name):
    monkeypatch.setattr(stopping, "pause", lambda seconds: None)
    for value in ODD:
        api = Api(*some(1), **{name: value})
        with suppress(CollectError):
            listed(api, refresh=True)


def test_a_rest_is_taken_and_pages_from_the_cache_ask_for_none(listed, site, monkeypatch):
    api, rests, pause = Api(*some(4), page_size=2, backoff=1), [], stopping.pause
    monkeypatch.setattr(stopping, "pause", lambda seconds: (rests.append(seconds), pause(seconds)))
    first = listed(api)
    assert site.times[-1] - site.times[-2] >= 1
    asked, taken = len(api.asked), sum(rests)
    assert 2 <= taken < 10
    assert listed(api) == first
    assert (len(api.asked), sum(rests)) == (asked, taken)
    listed(api, refresh=True)
    assert len(api.asked) == asked + 2, "both pages again, and the filter is what it was"
    with pytest.raises(CollectError, match="a pause of 7200 s"):
        listed(Api(*some(1), backoff=7200), refresh=True)


def test_a_stop_does_not_wait_for_the_end_of_a_rest(listed, monkeypatch):
    def stop(seconds):
        stopping._request, start = ("SIGTERM", time.monotonic()), time.monotonic()
        pause(seconds)
        assert time.monotonic() - start < 20

    pause = stopping.pause
    monkeypatch.setattr(stopping, "_request", None)  # and afterwards again
    monkeypatch.setattr(stopping, "pause", stop)
    with pytest.raises(stopping.Interrupted):
        listed(Api(*some(1), backoff=60))


def test_the_quota_is_not_overdrawn_and_what_came_before_is_not_fetched_again(listed):
    api = Api(*some(6), page_size=2, quota=3)
    with pytest.raises(CollectError, match="quota for today is used up") as caught:
        listed(api)
    assert KEY in caught.value.hint
    assert len(api.asked) == 3
    api = Api(*some(6), page_size=2)
    assert len(listed(api)) == 6
    assert api.pages() == ["3"]


THROTTLED = {
    "error_id": 502,
    "error_name": "throttle_violation",
    "error_message": "too many requests from this IP, more requests available in 76366 seconds",
}
NO_SITE = {"error_id": 400, "error_message": "No site found", "error_name": "bad_parameter"}
NO_KEY = {"error_id": 403, "error_message": "page above 25", "error_name": "access_denied"}
NO_ANSWER = "not an answer of Stack Exchange's API"


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (200, THROTTLED, rf"76366 seconds(?s:.*)21\.2 hours(?s:.*){KEY}"),
        (400, THROTTLED, rf"76366 seconds(?s:.*)21\.2 hours(?s:.*){KEY}"),
        (200, NO_SITE, r"No site found(?s:.*)source\.site"),
        (400, NO_KEY, rf"page above 25(?s:.*){KEY}(?s:.*)source\.limit"),
        (200, {}, NO_ANSWER),
        (200, {"items": [{"title": "x"}]}, NO_ANSWER),
        (200, {"items": [1]}, NO_ANSWER),
    ],
)
def test_an_error_of_the_api_is_told_and_not_kept(listed, status, said, message):
    api = Api(*some(1), error=(status, said))
    with pytest.raises(CollectError, match=message):
        listed(api)
    assert api.pages() == ["1"], "it is not asked again and again"
    api.error = None
    assert len(listed(api)) == 1


def test_the_key_is_sent_and_kept_nowhere(listed, polite, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    api = Api(*some(1))
    monkeypatch.setenv(KEY, SECRET)
    listed(api)
    assert {query["key"] for _, query in api.asked} == {SECRET}
    kept = b"".join(p.read_bytes() for p in polite().cache.folder.rglob("*") if p.is_file())
    assert b"a-key-of-mine" not in kept
    assert "a-key-of-mine" not in caplog.text
