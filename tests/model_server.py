"""A model server as jobs start them, with typical faults; plain Python, so it starts fast.

It answers `/v1/completions` with what it was sent, and knows one model, by the name it is given.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--pids", default=os.devnull)  # where it notes down each of its processes
parser.add_argument("--requests", default=os.devnull)  # and each request
parser.add_argument("--dies-after", type=int, default=1 << 30)  # answers
parser.add_argument("--fault", default="")
parser.add_argument("--key", action="store_true")  # asks for it
parser.add_argument("--takes", default="tokens")
parser.add_argument("--context", type=int, default=1 << 30)  # most tokens of a prompt
parser.add_argument("--adapter", default="")  # name=folder, by which it is then asked
options = parser.parse_args()
answers = threading.Semaphore(options.dies_after)


def note(path: str, what: object) -> None:
    with open(path, "a") as stream:
        stream.write(f"{json.dumps(what)}\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def reply(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if options.fault == "loads forever":
            return self.reply(503, {"error": "loading"})
        if self.path == "/v1/models":
            return self.reply(200, {"data": [{"id": options.model}]})
        return self.reply(404, {})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if options.key and key != os.environ["VLLM_API_KEY"]:
            return self.reply(401, {"error": {"message": "Unauthorized"}})
        if asked["model"] != (options.adapter.partition("=")[0] or options.model):
            what = f"The model `{asked['model']}` does not exist."
            return self.reply(404, {"error": {"message": what}})
        note(options.requests, asked | {"key": key, "path": self.path, "started": vars(options)})
        if self.path == "/v1/chat/completions":
            content = asked["messages"][-1]["content"]
            choice = {"message": {"content": f"heard {content}"}, "finish_reason": "stop"}
            return self.reply(200, {"choices": [choice]})
        prompt = asked["prompt"]
        if options.takes == "text" and not isinstance(prompt, str):
            return self.reply(400, {"detail": "prompt must be a string."})
        if len(prompt) > options.context:
            what = f"This model's maximum context length is {options.context} tokens."
            return self.reply(400, {"error": {"message": what}})
        if not answers.acquire(blocking=False):
            print("out of memory, alas", file=sys.stderr, flush=True)
            os._exit(9)
        read = len(prompt.split()) if isinstance(prompt, str) else len(prompt)
        usage = {"prompt_tokens": read, "completion_tokens": 3}
        choice = {"index": 0, "text": f" {prompt}", "finish_reason": "stop"}
        return self.reply(200, {"choices": [choice], "usage": usage})

    def log_message(self, *_: object) -> None:
        """Nothing."""


note(options.pids, os.getpid())
if options.fault == "dies at once":
    sys.exit("there is no such device")
if options.fault == "begins others":
    sleep = [
        sys.executable,
        "-c",
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)",
    ]
    for own_session in (False, True):
        other = subprocess.Popen(sleep, start_new_session=own_session)
        note(options.pids, other.pid)
if options.fault == "does not listen":
    note(options.requests, options.port)
    time.sleep(600)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


with Server((options.host, options.port), Handler) as server:
    server.serve_forever(poll_interval=0.02)
