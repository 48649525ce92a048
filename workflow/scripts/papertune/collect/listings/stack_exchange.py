"""Stack Exchange's API, version 2.3: a year's best questions of a site with their best answers.

``$STACKEXCHANGE_KEY`` may hold a key (free, from stackapps.com): it allows 10,000 requests a day in
place of 300, and pages beyond the 25th. A filter names the requested fields; authors are not among
them.
"""

import calendar
import itertools
import logging
import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from papertune.collect.listings.answers import Work, as_number, json_object, objects, whole_number
from papertune.collect.listings.listing import item_of
from papertune.collect.listings.services import Service, key_of
from papertune.collect.texts.posts import CODE_BLOCK, clean_title, pair_document, question_url
from papertune.collect.texts.text import unescaped
from papertune.collect.web.pauses import PATIENCE
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document, Rejection
from papertune.study.settings.qa import StackExchangeSource

log = logging.getLogger("papertune")

KEY = "STACKEXCHANGE_KEY"
PAGE_SIZE = 100  # the most that the API gives
FIELDS = (
    ".items;.has_more;.backoff;.quota_max;.quota_remaining;.error_id;.error_name;.error_message;"
    "question.question_id;question.title;question.body;question.score;question.creation_date;"
    "question.answer_count;question.answers;answer.answer_id;answer.question_id;answer.body;"
    "answer.score;answer.is_accepted;filter.filter"
)
_HINT = (
    f"set the environment variable {KEY} to a key (free, from stackapps.com: 10,000 requests a day "
    "in place of 300)"
)

_NAMED = {"question_id", "filter"}  # every item (question, answer, filter) has one of these


def list_documents(
    session: PoliteSession, source: StackExchangeSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pairs of the questions that were asked in a year, the best first.

    The best answer is the one with the highest score; among equals, the accepted one.

    Raises:
        CollectError: the API refuses a request, its quota is used up, or its answer is not valid.
    """
    api = _Api(session, source, refresh)
    asked = {
        "min": source.min_score,
        "fromdate": calendar.timegm((year, 1, 1, 0, 0, 0)),
        "todate": calendar.timegm((year, 12, 31, 23, 59, 59)),
        **({"tagged": ";".join(source.tags)} if source.tags else {}),
    }
    pairs: set[str] = set()
    for items in api.pages("questions", asked):
        fresh = {one["question_id"]: one for one in objects(items) if _is_question(one)}
        for item in items:
            if not _is_question(item):
                yield Rejection("list", source.site, "bad_item", str(item)[:200])
        answers = {number: objects(question.get("answers")) for number, question in fresh.items()}
        # answers that did not come with their question are requested, for 100 questions at once
        cut = [
            n
            for n, q in fresh.items()
            if (whole_number(q.get("answer_count")) or 0) > len(answers[n])
        ]
        if cut:
            more: dict[int | None, list[Work]] = {}
            method = f"questions/{';'.join(map(str, cut))}/answers"
            for page in api.pages(method, {"min": source.min_answer_score}):
                for answer in objects(page):
                    more.setdefault(whole_number(answer.get("question_id")), []).append(answer)
            # the count may be wrong
            answers |= {n: more[n] for n in cut if len(more.get(n, [])) > len(answers[n])}
        for number, question in fresh.items():
            pair = partial(_pair, session, source, answers=answers[number], year=year)
            item = item_of(pair, question, question_url(source.site, number))
            yield item
            # a question may be on two pages if votes were cast between the two requests
            pairs |= {item.id} if isinstance(item, Document) else set()
            if len(pairs) == source.limit:
                return


class _Api:
    """The site's API methods, page by page, with the pauses and the quota that the API sets."""

    def __init__(self, session: PoliteSession, source: StackExchangeSource, refresh: bool) -> None:
        self._session, self._source, self._refresh = session, source, refresh
        self._left: int | None = None  # remaining requests of today's quota
        # the same fields always give the same filter
        asked = {"base": "none", "include": FIELDS, "unsafe": "false"}
        _, made = self._ask(f"filters/create?{urlencode(asked)}", False)
        names = [one["filter"] for one in objects(made) if isinstance(one.get("filter"), str)]
        self._filter = next(iter(names), "none")

    def pages(self, method: str, asked: dict[str, Any]) -> Iterator[list[Any]]:
        """The items of each page of a method's answers, the best first; any may be malformed."""
        before: list[Any] = []
        order = {"order": "desc", "sort": "votes", "site": self._source.site}
        for page in itertools.count(1):
            query = {"page": page, "pagesize": PAGE_SIZE, **asked, **order, "filter": self._filter}
            path = f"{method}?{urlencode(query)}"
            answer, items = self._ask(path, self._refresh, following=page > 1)
            if items == before:  # a repeated page would repeat without end
                return
            yield items
            if answer.get("has_more") is not True:
                return
            before = items

    def _ask(self, path: str, refresh: bool, *, following: bool = False) -> tuple[Work, list[Any]]:
        """An answer and its items, after the pause (``backoff``) that it asks for."""
        url = f"{self._source.url.rstrip('/')}/{path}"
        if self._left == 0 and (refresh or not self._session.cache.path(url).exists()):
            raise CollectError(
                "Stack Exchange's quota for today is used up",
                where=url,
                hint=f"run again tomorrow, or {_HINT}, or set source.limit",
            )
        before = self._session.requests
        try:
            answer = SERVICE.ask_json(self._session, url, refresh)
        except PageError as error:
            if error.reason != "http_400":
                raise
            # the API's errors have this status, and JSON with the details
            raise self._refused(url, json_object(error.text) or {}) from None
        if "error_id" in answer:
            raise self._refused(url, answer)
        items = answer.get("items")
        if items is None and following:
            items = []
        if not isinstance(items, list) or (
            items and all(_NAMED.isdisjoint(one) for one in objects(items))
        ):
            raise SERVICE.no_answer(self._session, url, str(answer))
        if self._session.requests == before:  # it came from the cache
            return answer, items
        left = answer.get("quota_remaining")
        if isinstance(left, int):
            self._left = left
            level = logging.INFO if left < 50 or left % 100 == 0 else logging.DEBUG
            log.log(level, "Stack Exchange: %d of %s requests left", left, answer.get("quota_max"))
        rest = as_number(answer.get("backoff"))
        if rest > PATIENCE:
            raise CollectError(
                f"Stack Exchange asks for a pause of {rest:.0f} s",
                where=url,
                hint="run again later; the pages so far are kept",
            )
        if rest > 0:
            # now, not before the next request, which may be the next job's
            log.info("Stack Exchange asks for a pause of %.0f s", rest)
            with stopping.at_once():
                stopping.pause(rest)
        return answer, items

    def _refused(self, url: str, said: Work) -> CollectError:
        """The error for a refused request: a used-up quota, or a parameter that is not accepted."""
        self._session.cache.forget(url)
        message = said.get("error_message") or said.get("error_name") or "status 400"
        what = f"refuses the request: {message}"
        hint = (
            f"check source.site ({self._source.site!r}), source.tags and {KEY}; if all are right, "
            "the quota of requests may be used up: run again tomorrow"
        )
        if said.get("error_name") == "access_denied":  # pages beyond the 25th
            hint = f"{_HINT}, or set source.limit, or raise source.min_score"
        elif said.get("error_name") == "throttle_violation":
            wait = re.search(r"(?<!\d)(\d{1,9}) seconds", str(message))
            when = f" in {int(wait[1]) / 3600:.1f} hours" if wait else " later"
            what, hint = (
                f"accepts no more requests from this machine: {message}",
                f"run again{when}, or {_HINT}",
            )
        return CollectError(f"Stack Exchange {what}", where=url, hint=hint)


def _pair(
    session: PoliteSession,
    source: StackExchangeSource,
    question: Work,
    answers: list[Work],
    year: int,
) -> Document | Rejection:
    number, body = question["question_id"], question.get("body") or ""
    # with a safe filter, titles have entities and no markup
    title = unescaped(str(question.get("title") or ""))
    answers = [answer for answer in answers if isinstance(answer.get("body"), str)]
    if source.code == "reject":
        answers = [answer for answer in answers if CODE_BLOCK not in answer["body"]]
        if CODE_BLOCK in body:
            return Rejection("list", question_url(source.site, number), "code", clean_title(title))
    good = [answer for answer in answers if _score(answer) >= source.min_answer_score]
    if not good:
        detail = f"{clean_title(title)}: none of {len(answers)} answers reaches min_answer_score"
        return Rejection("list", question_url(source.site, number), "no_answer", detail)
    best = max(
        good,
        key=lambda one: (
            _score(one),
            bool(one.get("is_accepted")),
            -(whole_number(one.get("answer_id")) or 0),
        ),
    )
    post = (title, body, best["body"])
    return pair_document(session.readers, source, number, post, _score(question), year)


def _is_question(item: Any) -> bool:
    return isinstance(item, dict) and type(item.get("question_id")) is int


def _score(post: Work) -> int:
    score = post.get("score")
    return score if isinstance(score, int) else 0


SERVICE = Service(
    "Stack Exchange's API",
    f"run again later, or {_HINT}",
    secret=lambda session, url: key_of(url, KEY, "key"),
    explains=True,
)
