"""A chat completions server on loopback whose faults a test chooses."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


def status(code: int, message: str = "no", **headers: str) -> Callable:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler: reply(handler, code, body, **headers)


@contextmanager
def serving() -> Iterator[ChatServer]:
    state = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            with state.lock:
                state.running += 1
                state.most_running = max(state.most_running, state.running)
            try:
                self.answer()
            except OSError:
                self.close_connection = True
            finally:
                with state.lock:
                    state.running -= 1

        def answer(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = body["messages"][0]["content"]
            with state.lock:
                state.bodies.append(body)
                state.keys.append(self.headers.get("Authorization"))
                fault = None
                for word, faults in state.faults.items():
                    if word in prompt and faults:
                        fault = faults.pop(0)
            if self.path != "/v1/chat/completions":
                reply(self, 404, b"not here")
                return
            if fault and fault(self):
                return
            time.sleep(state.delay)
            message = {"role": "assistant", "content": state.content(prompt)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            with state.lock:
                state.running -= 1  # the answer frees a place as soon as it is read
            try:
                reply(self, 200, json.dumps({"id": "x", "choices": [choice]}).encode())
            finally:
                with state.lock:
                    state.running += 1

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
