"""The openai backend against a real server on loopback with the faults that servers have."""

import logging
import signal
import socket
import threading
import time

import pytest
from chatting import KEY, PAIR, PROMPT, replies, settings, status, write

from papertune.errors import GeneratorError
from papertune.generators import asking
from papertune.generators.backends import Request, open_backend
from papertune.identity import fingerprint
from papertune.jobs import stopping
from papertune.pairfile import read_pairs
from papertune.records import Document, Rejection, read_records
from papertune.study import versions
from papertune.study.prompts import Prompt
from papertune.study.settings import Decoding
from processes import busy


def drops(handler) -> None:
    """A reply that never ends."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.1)


def test_what_is_sent(server, monkeypatch):
    write(server.url + "/", 1, decoding=Decoding(temperature=0.5, max_new_tokens=9, seed=4))
    messages = [{"role": "user", "content": "paper 0"}]
    decoding = {"temperature": 0.5, "top_p": 1.0, "max_tokens": 9, "seed": 4}
    assert server.bodies == [{"model": "tiny", "messages": messages, **decoding}]
    monkeypatch.delenv("OPENAI_API_KEY")
    write(server.url, 1)
    assert server.keys == [f"Bearer {KEY}", None]


def test_turns_are_sent_as_messages_and_what_others_do_not_know_only_where_it_has_an_effect(server):
    how = {"max_new_tokens": 9, "stop": ["\n\n", "Title:"], "repetition_penalty": 1.1}
    backend = open_backend(settings(server.url, decoding=Decoding(**how)), folder=None, threads=1)
    template = "--- system\nread\n--- user\n$title\n--- assistant\nyes\n--- user\n$text 1"
    asked = Prompt(template, {"title": "--- system", "text": "it"})
    server.content = lambda _: "It gives\ncaches.\n\nTitle: next"
    [[one]] = backend.write([Request("0", Document("0", "t", "u", 2020, "x"), asked)])
    [body] = server.bodies
    turns = [("system", "read"), ("user", "--- system"), ("assistant", "yes"), ("user", "it 1")]
    assert body["messages"] == [{"role": role, "content": text} for role, text in turns]
    assert body["stop"] == how["stop"] and body["repetition_penalty"] == 1.1
    assert (one.text, one.cut) == ("It gives\ncaches.", False)  # where a server pays no heed, too


def test_a_server_without_stop_is_asked_without_and_one_without_a_penalty_not_at_all(server):
    def refuses(*names):
        def fault(handler):
            found = [name for name in names if name in server.bodies[-1]]
            return status(400, f"Unrecognized request argument: {found[0]}") if found else None

        return fault

    decoding = Decoding(stop=["</s>"], repetition_penalty=1.2)
    server.faults[""] = [refuses("stop", "repeat_penalty")] * 9
    server.content = lambda _: "It gives caches.</s> And"
    [one] = write(server.url, 1, decoding=decoding).values()
    assert one.text == "It gives caches." and one.sent["repetition_penalty"] == 1.2
    assert not {"stop", "repeat_penalty"} & server.bodies[-1].keys()
    server.faults[""] = [refuses("repeat_penalty", "repetition_penalty")] * 9
    with pytest.raises(GeneratorError, match="no repetition penalty") as stopped:
        write(server.url, 1, decoding=decoding)
    assert "take repetition_penalty out" in str(stopped.value)


def test_requests_run_at_once_up_to_the_limit_and_results_come_as_they_finish(server):
    server.delay, server.faults["paper 0"] = 0.1, [lambda handler: time.sleep(2)]
    keys = list(write(server.url, 12, concurrency=5))
    assert server.most_running == 5 and keys[-1] == 0


@pytest.mark.parametrize(
    "fault",
    [
        status(429),
        status(500),
        status(503, "loading"),
        (200, {}, "{ not json"),
        (200, {}, '{"choices": []}'),
        (200, {}, "null"),
        (200, {}, '{"choices": [{"message": {"content": "' + "x" * 17 * 2**20 + '"}}]}'),
        (200, {}, '{"choices":' * 90_000),
        (200, {}, "[" + "1" * 9_000 + "]"),
        (500, {}, "[" * 900_000),
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        lambda handler: time.sleep(1.5),
        drops,
    ],
    ids=["429", "500", "503", "malformed", "no choice", "null", "long", "deep", "digits", "deep fault",
         "hung up", "slow", "in drops"],
)  # fmt: skip
def test_a_passing_fault_is_tried_again(server, fault):
    server.faults["paper 2"] = [fault, fault]
    found = write(server.url, timeout=1)
    assert not any(one.error for one in found.values())
    assert len(server.bodies) == 6 + 2


def test_one_document_that_fails_for_good_is_an_error_of_its_own(server):
    server.faults["paper 0"] = [status(429, Retry_After="1")]  # which is obeyed
    server.faults["paper 1"] = [status(400, "the context has 4096 tokens")]
    server.faults["paper 2"] = [status(500)] * 9
    start = time.monotonic()
    found = write(server.url)
    assert time.monotonic() - start >= 1
    assert "4096 tokens" in found[1].error and not found[1].lasting
    assert "500" in found[2].error and not found[2].lasting
    assert sum(not one.error for one in found.values()) == 4


def test_a_server_that_only_fails_ends_the_job(server):
    server.faults["paper"] = [status(500)] * 999
    with pytest.raises(GeneratorError, match="in a row failed"):
        write(server.url, 40, retries=0)
    assert len(server.bodies) < 20


@pytest.fixture
def asked_to_stop():
    """Stops the job from another thread, as a signal would; the mark is taken away afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    stopping.install()
    yield lambda seconds: threading.Timer(seconds, stopping.request, ["SIGTERM"]).start()
    stopping.install()
    signal.signal(signal.SIGTERM, before)


def test_asked_to_stop_it_waits_for_replies_on_their_way_and_asks_no_more(server, asked_to_stop):
    server.faults["paper 2"] = [lambda handler: time.sleep(1)]
    server.delay = 0.4
    found = []
    asked_to_stop(0.6)
    with pytest.raises(stopping.Interrupted):
        for batch in replies(server.url, 40, concurrency=3):
            found += batch
    assert not any(one.error for one in found)
    assert len(found) == len(server.bodies) < 12
    assert "2" in {one.request.key for one in found}


def test_asked_to_stop_it_tries_nothing_again(server, asked_to_stop):
    server.faults["paper"] = [status(429, Retry_After="60")] * 99
    asked_to_stop(0.5)
    start = time.monotonic()
    with pytest.raises(stopping.Interrupted):
        for batch in replies(server.url, 9, retries=9):
            assert all(one.error and not one.lasting for one in batch)
    assert time.monotonic() - start < 3 * busy()
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (status(401, f"Incorrect API key provided: {KEY}"), "OPENAI_API_KEY"),
        (status(404, "model not found"), "no model 'tiny'"),
        ((302, {"Location": "https://example.org/"}, ""), "not a chat completions"),
    ],
    ids=["401", "404", "302"],
)
def test_what_concerns_all_ends_the_job_and_keeps_what_is_done(server, fault, told):
    server.faults["paper 3"] = [fault]
    done = []
    with pytest.raises(GeneratorError) as error:
        for batch in replies(server.url, 6, concurrency=2):
            done += batch
    assert told in str(error.value)
    assert KEY not in str(error.value)
    assert len(done) >= 3


def test_urls_that_cannot_be():
    with pytest.raises(GeneratorError, match="start the server") as error:
        write("http://127.0.0.1:1/v1", retries=1)  # where nobody listens
    assert "127.0.0.1:1" in str(error.value)
    with pytest.raises(GeneratorError, match="not an http"):
        open_backend(settings("localhost:11434/v1"), folder=None, threads=1)
    # no settings of a file have one
    with_user = settings("http://h/v1").model_copy(update={"url": "http://me:5ecret 1@h/v1"})
    with pytest.raises(GeneratorError, match="a user or password") as error:
        open_backend(with_user, folder=None, threads=1)
    assert "5ecret" not in str(error.value)


def test_a_killed_server_costs_only_what_was_not_finished(server, study):
    server.faults["Title 5"] = [status(401)]
    with pytest.raises(GeneratorError):
        study(server.url, concurrency=1)
    assert len(server.bodies) == 6
    counts = study(server.url, concurrency=8, timeout=7)  # neither is part of the identity
    assert (counts.asked, counts.from_store, counts.pairs) == (3, 5, 8)
    assert len(server.bodies) == 9
    pairs = list(read_pairs(study.folder / "pairs.parquet"))
    assert [pair.document for pair in pairs] == sorted(pair.document for pair in pairs)


def test_a_document_is_asked_again_until_it_is_given_up(server, study):
    server.content = lambda prompt: "I cannot." if "Title 3" in prompt else server_pair
    server_pair = '{"question": "What is given here?", "answer": "Caches."}'
    counts = study(server.url, attempts=3)
    asked = [b for b in server.bodies if "Title 3" in b["messages"][0]["content"]]
    assert [(b["temperature"], b["seed"]) for b in asked] == [(0, 1), (0.7, 2), (0.7, 3)]
    assert (counts.asked, counts.requests, counts.pairs) == (8, 10, 7)
    (rejection,) = read_records(study.folder / "rejected.jsonl", Rejection)
    assert rejection.key == f"{3:016x}" and rejection.reason == "no_pairs"
    assert "attempt 3: refusal" in rejection.detail


def test_half_a_surrogate_pair_in_a_reply_costs_no_run(server, study):
    server.content = lambda prompt: f"\ud83d {PAIR % 7} \udc00"
    assert study(server.url).pairs == 8
    [written] = [*(study.folder / "store" / "synthesize").rglob("*.jsonl")]
    assert written.read_text().count("\ufffd [{") == 8


def test_raw_replies_are_judged_anew_and_what_counts_asks_anew(server, study):
    server.content = lambda prompt: "Q: What is given here?\nA: Caches and birds."
    assert study(server.url).pairs == 8
    [pair, *_] = read_pairs(study.folder / "pairs.parquet")
    assert pair.provenance == {
        "backend": "openai",
        "model": "tiny",
        "revision": "",
        "prompt": fingerprint(PROMPT),
        "decoding": Decoding().identity(),
        "attempt": 1,
        "version": versions.SYNTHESIZE,
    }
    # judging otherwise asks nobody; another decoding, model or number of pairs asks about all
    strict = {"grounding": 0.7, "attempts": 1}
    with pytest.raises(GeneratorError, match="not one pair from 8 documents: every pair"):
        study(server.url, **strict)
    assert len(server.bodies) == 8
    for number, change in enumerate(({"model": "x"}, {"pairs": 1}, {"decoding": {"seed": 2}}), 2):
        study(server.url, **change)
        assert len(server.bodies) == 8 * number


def test_what_is_judged_is_on_disk_soon(server, study, monkeypatch):
    server.content = lambda prompt: "Q: What is given here?\nA: Caches and birds."
    real, kept = asking.choose, []

    def dies_at_the_fifth(*of):
        lines = [
            path.read_text().count("\n") for path in study.folder.glob("store/pairs/*/*.jsonl")
        ]
        kept.append(sum(lines))
        if len(kept) == 5:
            raise KeyboardInterrupt
        return real(*of)

    monkeypatch.setattr(asking, "choose", dies_at_the_fifth)
    monkeypatch.setattr(asking, "EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        study(server.url)
    assert kept == [0, 1, 2, 3, 4]
    monkeypatch.setattr(asking, "EVERY", 60.0)
    kept[:] = [0, 0]
    with pytest.raises(KeyboardInterrupt):
        study(server.url)
    assert study(server.url).pairs == 8 and len(server.bodies) == 8
    assert len(kept) == 5 + 2, "two that were finished by then are kept as well"


def test_the_key_is_written_nowhere(server, study, caplog):
    caplog.set_level(logging.DEBUG)
    server.faults["Title 5"] = [status(400, f"bad key {KEY}")]
    study(server.url)
    assert f"Bearer {KEY}" in server.keys
    written = [path.read_bytes() for path in study.folder.rglob("*") if path.is_file()]
    assert len(written) >= 4 and not any(KEY.encode() in text for text in written)
    assert KEY not in caplog.text and "HTTP 400" in caplog.text


def test_of_several_candidates_the_best_is_kept_and_more_are_asked_for_alone(server, study):
    pair = "Question: What does the title say of caches? Answer: It has %s."
    decoding = {"decoding": {"temperature": 0.5, "seed": 7}, "pairs": 1, "grounding": 0}

    def content(prompt):
        number = (server.bodies[-1]["seed"] - 7) // 1000
        return pair % ("caches number 1" if number else "nothing of value")

    server.content = content
    for candidates, more in ((2, 16), (2, 0), (4, 16)):
        server.bodies.clear()
        study(server.url, candidates=candidates, concurrency=1, **decoding)
        assert len(server.bodies) == more
        pairs = list(read_pairs(study.folder / "pairs.parquet"))
        assert len(pairs) == 8
        for one in pairs:
            assert one.provenance["candidate"] == 2 and one.provenance["of"] == candidates
            assert one.provenance["decoding"]["seed"] == 1007 and one.provenance["marks"]
        rejected = list(read_records(study.folder / "rejected.jsonl", Rejection))
        assert len(rejected) == 8 * (candidates - 1)
        assert {one.reason for one in rejected} <= {"unfit", "duplicate"}
    server.faults["Title 3"] = [status(400, "odd")] * 9
    study(server.url, candidates=5, concurrency=1, **decoding)
    refused = [one for one in read_records(study.folder / "rejected.jsonl", Rejection)
               if one.reason == "service_refused"]  # fmt: skip
    assert len(refused) == 1  # some of its candidates are there, and it is asked for the rest later


def test_what_was_written_is_read_anew_and_what_was_removed_is_said(server, study, monkeypatch):
    server.content = lambda _: (
        "**Question:** What does *Tern* give → for `a*b`?\n**Answer:** → It gives _many_ caches 🚀"
    )
    monkeypatch.setattr(versions, "SYNTHESIZE", versions.SYNTHESIZE - 1)
    study(server.url, grounding=0)
    monkeypatch.undo()
    asked = len(server.bodies)
    counts = study(server.url, grounding=0)
    assert counts.requests == 0 and len(server.bodies) == asked == 8
    pairs = list(read_pairs(study.folder / "pairs.parquet"))
    assert {(one.question, one.answer) for one in pairs} == {
        ("What does Tern give → for a*b?", "It gives many caches")
    }
    removed = {"arrow": 1, "backticks": 1, "emoji": 1, "emphasis": 2}
    assert all(one.provenance["cleaned"] == removed for one in pairs)


def test_pairs_about_a_part_of_a_prompt_are_told_and_none(server):
    def short(handler):
        choice = {"message": {"content": PAIR % "1"}, "finish_reason": "stop"}
        return 200, {}, {"choices": [choice], "usage": {"prompt_tokens": 512}}

    server.faults["paper 0"] = [short]
    whole = "It saves energy. " * 500
    backend = open_backend(settings(server.url), folder=None, threads=1)
    asked = Prompt(f"paper 0 {whole}", {})
    [[one]] = backend.write([Request("0", Document("0", "t", "u", 2020, "x"), asked)])
    assert not one.text and "num_ctx" in one.error
    assert one.answered and not one.lasting  # the next run asks again
