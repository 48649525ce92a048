"""A chat completions server on loopback whose faults a test chooses."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import loopback

PAIR = (
    '[{"question": "What does the paper number %s give?", "answer": "It gives caches number %s."}]'
)


class ChatServer:
    """What it was asked, how many requests ran at once, and how to answer the next one.

    ``faults`` maps a word in the prompt to a list of faults, taken one per request; a fault is a
    function that gets the handler and may answer by itself (then it returns True).
    """

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.keys: list[str | None] = []
        self.running = self.most_running = 0
        self.delay = 0.0
        self.faults: dict[str, list[Callable]] = {}
        self.content: Callable[[str], str] = lambda prompt: PAIR % (prompt.split()[-1], 1)
        self.lock = threading.Lock()
        self.url = ""


def reply(handler, status: int, body: bytes, **headers: str) -> bool:
    handler.reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return True


def status(code: int, message: str = "no", **headers: str) -> Callable:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler: reply(handler, code, body, **headers)


@contextmanager
def serving() -> Iterator[ChatServer]:
    state = ChatServer()

    def answer(handler) -> loopback.Answer:
        body = json.loads(handler.asked.body)
        prompt = body["messages"][0]["content"]
        with state.lock:
            state.running += 1
            state.most_running = max(state.most_running, state.running)
            state.bodies.append(body)
            state.keys.append(handler.headers["Authorization"])
            faults = [these for word, these in state.faults.items() if word in prompt and these]
            fault = faults[-1].pop(0) if faults else None
        try:
            if handler.path != "/v1/chat/completions":
                return 404, {}, "not here"
            if fault and fault(handler):
                return None
            time.sleep(state.delay)
            message = {"role": "assistant", "content": state.content(prompt)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return 200, {}, {"id": "x", "choices": [choice]}
        finally:
            with state.lock:  # the answer frees a place as soon as it is read
                state.running -= 1

    with loopback.serving(answer) as server:
        state.url = server.url("/v1")
        yield state
