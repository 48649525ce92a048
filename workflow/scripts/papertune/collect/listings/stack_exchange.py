"""Stack Exchange's API, version 2.3: a year's best questions of a site with their best answers.

The environment variable ``STACKEXCHANGE_KEY`` may have a key (free, from stackapps.com): 10,000
requests a day in place of 300, and pages behind the 25th. Authors are not asked for: a filter
names the fields that are.
"""

from __future__ import annotations

import calendar
import html
import itertools
import logging
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from papertune.collect.listings.services import json_object
from papertune.collect.texts.posts import (
    clean_post,
    clean_title,
    has_code_block,
    pair_document,
    question_url,
)
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PATIENCE, PageError
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document, Rejection
from papertune.study.settings.qa import StackExchangeSource

log = logging.getLogger("papertune")

KEY = "STACKEXCHANGE_KEY"
PAGE_SIZE = 100  # the most that the API gives
OPEN_PAGES = 25  # pages behind this one need a key
FIELDS = (
    *(f".{name}" for name in ("items", "has_more", "backoff", "quota_max", "quota_remaining")),
    *(f".{name}" for name in ("error_id", "error_name", "error_message")),
    *(f"question.{name}" for name in ("question_id", "title", "body", "score", "creation_date")),
    *(f"question.{name}" for name in ("answer_count", "answers")),
    *(f"answer.{name}" for name in ("answer_id", "question_id", "body", "score", "is_accepted")),
    "filter.filter",
)
_HINT_KEY = (
    f"set the environment variable {KEY} to a key (free, from stackapps.com: 10,000 requests a day "
    "in place of 300)"
)


def list_documents(
    session: PoliteSession, source: StackExchangeSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pairs of the questions that were asked in a year, the best first.

    The best answer is the one with the highest score, and of equals the accepted one.

    Raises:
        CollectError: the API refuses, its quota is used up, or it gives something else.
    """
    api = _Api(session, source, refresh)
    asked = {
        "order": "desc",
        "sort": "votes",
        "min": source.min_score,
        "fromdate": calendar.timegm((year, 1, 1, 0, 0, 0)),
        "todate": calendar.timegm((year, 12, 31, 23, 59, 59)),
        **({"tagged": ";".join(source.tags)} if source.tags else {}),
    }
    seen: set[int] = set()
    pairs = 0
    for questions in api.pages("questions", asked):
        # a question may be on two pages, when votes were given between the two requests
        fresh = [question for question in questions if _number(question) not in seen]
        seen.update(map(_number, fresh))
        answers = _answers(api, source, fresh)
        for question in fresh:
            item = _pair(source, question, answers.get(_number(question), []), year)
            yield item
            pairs += isinstance(item, Document)
            if pairs == source.limit:
                return


# ---- parts ------------------------------------------------------------------------------------


class _Api:
    """The site's methods, page by page, with the pauses and the quota that the API tells."""

    def __init__(self, session: PoliteSession, source: StackExchangeSource, refresh: bool) -> None:
        self._session, self._source, self._refresh = session, source, refresh
        self._key = os.environ.get(KEY, "").strip()
        self._left: int | None = None  # requests of today's quota
        self._filter = ""

    def pages(self, method: str, asked: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """The items of each page of a method's answers."""
        self._filter = self._filter or self._make_filter()
        for page in itertools.count(1):
            query = {"page": page, "pagesize": PAGE_SIZE, **asked}
            url = self._url(method, {**query, "site": self._source.site, "filter": self._filter})
            if page > OPEN_PAGES and not self._key:
                raise CollectError(
                    f"Stack Exchange gives {OPEN_PAGES * PAGE_SIZE} items to those without a key",
                    where=url,
                    hint=f"{_HINT_KEY}, or set source.limit, or raise source.min_score",
                )
            answer = self._ask(url, self._refresh)
            items = answer["items"]
            if not all(isinstance(item, dict) and _number(item) for item in items):
                self._session.cache.forget(url)
                raise self._bad(url, "posts without the number of their question")
            yield items
            if not answer.get("has_more"):
                return

    def _make_filter(self) -> str:
        asked = {"base": "none", "include": ";".join(FIELDS), "unsafe": "false"}
        url = self._url("filters/create", asked)
        # the same fields are the same filter for ever
        items = self._ask(url, refresh=False)["items"]
        if not items or not isinstance(items[0].get("filter"), str):
            raise self._bad(url, "an answer without a filter")
        return str(items[0]["filter"])

    def _url(self, method: str, query: dict[str, Any]) -> str:
        return f"{self._source.url.rstrip('/')}/{method}?{urlencode(query)}"

    def _ask(self, url: str, refresh: bool) -> dict[str, Any]:
        """An answer, and the rest that it asks for before the method is asked again."""
        if self._left == 0 and (refresh or not self._session.cache.path(url).exists()):
            raise CollectError(
                "Stack Exchange's quota for today is used up",
                where=url,
                hint=f"run again tomorrow, or {_HINT_KEY}, or set source.limit",
            )
        before = self._session.requests
        try:
            page = self._session.get(
                url, refresh=refresh, secret={"key": self._key} if self._key else None, api=True
            )
        except PageError as error:
            # the API's errors have status 400 and say in JSON which it is
            said = json_object(error.text) or {}
            if error.reason == "http_400":
                raise self._refused(url, said) from None
            raise
        answer = json_object(page.text) or {}
        if "error_id" in answer or not isinstance(answer.get("items"), list):
            self._session.cache.forget(url)
            if "error_id" in answer:
                raise self._refused(url, answer)
            raise self._bad(url, repr(" ".join(page.text.split())[:80]))
        if self._session.requests > before:  # not from the cache
            self._heed(url, answer)
        return answer

    def _heed(self, url: str, answer: dict[str, Any]) -> None:
        left = answer.get("quota_remaining")
        if isinstance(left, int):
            self._left = left
            level = logging.INFO if left < 50 or left % 100 == 0 else logging.DEBUG
            log.log(level, "Stack Exchange: %d of %s requests left", left, answer.get("quota_max"))
        rest = float(answer.get("backoff") or 0)
        if rest > PATIENCE:
            raise CollectError(
                f"Stack Exchange asks to be left alone for {rest:.0f} s",
                where=url,
                hint="run again later; the pages so far are kept",
            )
        if rest > 0:
            # at once, not before the next request: that may be the next job's
            log.info("Stack Exchange asks for a rest of %.0f s", rest)
            with stopping.at_once():
                stopping.pause(rest)

    def _refused(self, url: str, said: dict[str, Any]) -> CollectError:
        """The error that the API tells: a used-up quota, or something that it does not take."""
        name, message = str(said.get("error_name", "")), str(said.get("error_message", ""))
        wait = re.search(r"(\d+) seconds", message)
        if name == "throttle_violation":
            when = f" in {int(wait[1]) / 3600:.1f} hours" if wait else " later"
            return CollectError(
                f"Stack Exchange takes no more requests from here: {message}",
                where=url,
                hint=f"run again{when}, or {_HINT_KEY}",
            )
        return CollectError(
            f"Stack Exchange refuses the request: {message or name or 'status 400'}",
            where=url,
            hint=f"check source.site ({self._source.site!r}), source.tags and {KEY}; if all are "
            "right, the quota of requests may be used up: run again tomorrow",
        )

    def _bad(self, url: str, what: str) -> CollectError:
        return CollectError(
            f"not an answer of Stack Exchange's API: {what}",
            where=url,
            hint="check source.url; a proxy or a login page may stand between",
        )


def _answers(
    api: _Api, source: StackExchangeSource, questions: list[dict[str, Any]]
) -> dict[int, list[dict[str, Any]]]:
    """The answers to each question; those that are not with it are asked for, a hundred at once."""
    answers = {_number(question): question.get("answers") or [] for question in questions}
    cut = [
        _number(question)
        for question in questions
        if int(question.get("answer_count") or 0) > len(answers[_number(question)])
    ]
    if cut:
        answers.update({number: [] for number in cut})
        method = f"questions/{';'.join(map(str, cut))}/answers"
        asked = {"order": "desc", "sort": "votes", "min": source.min_answer_score}
        for page in api.pages(method, asked):
            for answer in page:
                answers.setdefault(_number(answer), []).append(answer)
    return answers


def _pair(
    source: StackExchangeSource, question: dict[str, Any], answers: list[dict[str, Any]], year: int
) -> Document | Rejection:
    number = _number(question)
    key, title = question_url(source.site, number), clean_title(_plain(question.get("title")))
    if source.code == "reject":
        answers = [answer for answer in answers if not has_code_block(answer.get("body") or "")]
        if has_code_block(question.get("body") or ""):
            return Rejection("list", key, "code", title)
    good = [answer for answer in answers if _score(answer) >= source.min_answer_score]
    if not good:
        return Rejection(
            "list", key, "no_answer", f"{title}: none of {len(answers)} answers may be taken"
        )
    best = max(
        good,
        key=lambda answer: (
            _score(answer),
            bool(answer.get("is_accepted")),
            -int(answer.get("answer_id") or 0),
        ),
    )
    return pair_document(
        site=source.site,
        number=number,
        title=title,
        body=clean_post(question.get("body") or ""),
        answer=clean_post(best.get("body") or ""),
        score=_score(question),
        year=year,
    )


def _number(post: dict[str, Any]) -> int:
    number = post.get("question_id")
    return number if isinstance(number, int) else 0


def _score(post: dict[str, Any]) -> int:
    return int(post.get("score") or 0)


def _plain(title: Any) -> str:
    """A title of a safe filter has entities and no markup."""
    return html.unescape(str(title or ""))
