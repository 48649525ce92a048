"""A chat completions server on loopback with typical faults, and its client."""

import json
import threading
import time

import pytest

import loopback
from papertune.generators.asking import Writer
from papertune.generators.backends import Request, open_backend
from papertune.generators.synthesis import synthesize
from papertune.records import Document, write_records
from papertune.servers import client
from papertune.study.prompts import Prompt
from papertune.study.settings import OpenAIGenerator
from papertune.study.splits import SplitOf

PROMPT = "$pairs $title $text 1"
KEY = "sk-very-secret-1234567890"
PAIR = '[{"question": "What does the paper number %s give?", "answer": "It gives caches."}]'


class ChatServer:
    """What it was asked, and what it answers: ``faults`` by a word of the prompt, one per request.

    A fault is an answer, or a function that gets the handler and may give one.
    """

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.keys: list[str | None] = []
        self.running = self.most_running = 0
        self.delay = 0.0
        self.faults: dict[str, list] = {}
        self.content = lambda prompt: PAIR % prompt.split()[-1]
        self.lock = threading.Lock()

    def __call__(self, handler) -> loopback.Answer:
        body = json.loads(handler.asked.body)
        prompt = body["messages"][0]["content"]
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self.bodies.append(body)
            self.keys.append(handler.headers["Authorization"])
            faults = [these for word, these in self.faults.items() if word in prompt and these]
            fault = faults[-1].pop(0) if faults else None
        try:
            if handler.path != "/v1/chat/completions":
                return 404, {}, "not here"
            if fault and not callable(fault):
                return fault
            time.sleep(self.delay)
            if fault and (answer := fault(handler)):
                return answer
            message = {"role": "assistant", "content": self.content(prompt)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return 200, {}, {"id": "x", "choices": [choice]}
        finally:
            with self.lock:  # the answer frees a place as soon as it is read
                self.running -= 1


def status(code: int, message: str = "no", **headers: str) -> loopback.Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return code, named, {"error": {"message": message}}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(client, "PATIENCE", 2)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    state = ChatServer()
    with loopback.serving(state) as site:
        state.url = site.url("/v1")
        yield state


def settings(url, **values):
    few = {"retries": 3, "timeout": 5, "concurrency": 4}
    chosen = {"model": "tiny", "prompt": "p.txt", "url": url} | few | values
    return OpenAIGenerator(backend="openai", **chosen)


def replies(url, count, **values):
    """Batches as they come."""
    requests = (
        Request(str(n), Document(str(n), "t", "u", 2020, "x"), Prompt(f"paper {n}", {}))
        for n in range(count)
    )
    yield from open_backend(settings(url, **values), folder=None, threads=1).write(requests)


def write(url, count=6, **values):
    found = [one for batch in replies(url, count, **values) for one in batch]
    assert sorted(int(one.request.key) for one in found) == list(range(count))
    return {int(one.request.key): one for one in found}


@pytest.fixture
def study(tmp_path):
    eight = (Document(f"{n:016x}", f"Title {n}", "", 2020, "Caches number 1.") for n in range(8))
    write_records(tmp_path / "2020.jsonl", eight)

    def run(url, **values):
        return synthesize(
            Writer(name="chat", generator=settings(url, **values), prompt=PROMPT),
            documents=[tmp_path / "2020.jsonl"],
            mine=SplitOf("test", (2011, 2022), None, None),
            output=tmp_path / "pairs.parquet",
            rejected=tmp_path / "rejected.jsonl",
            store=tmp_path / "store",
        )

    run.folder = tmp_path
    return run
