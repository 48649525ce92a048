"""What a misbehaving site is told to answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

ABSTRACT = (
    "We study how small models read long pages. A model that is asked about a page it has read "
    "answers better than one that guesses, and we measure by how much over three venues."
)


def landing(abstract: str = ABSTRACT) -> str:
    return (
        f"<html><head><title>A paper</title></head><body><h2>Abstract</h2><p>{abstract}</p></body>"
    )


class Site:
    """Path → answer; an answer is (status, headers, body) or a function of the handler."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: Counter[str] = Counter()
        self.agents: list[str] = []
        self.times: list[float] = []
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def page(self, path: str, body: str, status: int = 200, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, {"Content-Type": "text/html", **named}, body.encode())
        return self.url(path)

    def then(self, path: str, *answers: tuple[int, dict[str, str], str]) -> str:
        """Different answers in turn; the last one stays."""

        def choose(_: Any) -> tuple[int, dict[str, str], bytes]:
            status, headers, body = answers[min(self.requests[path], len(answers)) - 1]
            return status, {"Content-Type": "text/html", **headers}, body.encode()

        self.answers[path] = choose
        return self.url(path)

    @property
    def total(self) -> int:
        """Requests for anything but robots.txt."""
        return sum(self.requests.values()) - self.requests["/robots.txt"]
