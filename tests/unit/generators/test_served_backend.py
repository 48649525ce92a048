"""A generator whose model is in a server that its job starts."""

import json
import sys

import psutil
import pytest

from papertune.generators.backends import Request, open_backend
from papertune.models.loading import load_tokenizer
from papertune.records import Document
from papertune.servers import client
from papertune.study.prompts import Prompt
from papertune.study.settings import Decoding, OpenAIGenerator, TransformersGenerator
from snakemake_run import ROOT
from tiny_models import make_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("tiny"), chat=True, context=128)


@pytest.fixture
def write(tmp_path, folder, monkeypatch):
    """What a generator with a command line writes about texts."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.02)
    monkeypatch.delenv("PAPERTUNE_LOG", raising=False)
    noted = f"--requests {tmp_path / 'requests'} --pids {tmp_path / 'pids'}"

    def asked(line, *texts, attempt=1, **given):
        script = f"{sys.executable} {ROOT / 'tests/model_server.py'} {line} {noted} --port $port"
        settings = OpenAIGenerator(
            **{"backend": "openai", "model": "m", "prompt": "p", "serve": script} | given
        )
        requests = [
            Request(str(n), Document(str(n), "t", "u", 2020, text), prompt(text), attempt)
            for n, text in enumerate(texts)
        ]
        backend = open_backend(settings, folder=folder if settings.has_folder else None, threads=1)
        try:
            found = [one for batch in backend.write(requests) for one in batch]
        finally:
            backend.close()
        lines = (tmp_path / "requests").read_text().splitlines()
        pids = (tmp_path / "pids").read_text().split()
        assert len(pids) == 1 and not psutil.pid_exists(int(pids[0]))
        return sorted(found, key=lambda one: one.request.key), list(map(json.loads, lines))

    return asked


def prompt(text):
    return Prompt("$pairs of $text", {"text": text, "pairs": "2", "title": "t"})


def test_one_with_a_folder_reads_what_it_would_in_the_job(write, folder):
    texts = ["the next cache miss", "energy " * 400, "tern saves energy"]
    decoding = Decoding(max_new_tokens=9, temperature=0.5, top_p=0.9)
    found, asked = write("$model", *texts, decoding=decoding)
    plain = TransformersGenerator(backend="transformers", model="m", prompt="p", decoding=decoding)
    job = open_backend(plain, folder=folder, threads=1)
    requests = [one.request for one in found]
    [(_, rows, _)] = job._windows(requests)
    sent = [one["prompt"] for one in asked]
    assert sorted(sent[1:]) == sorted(tokens for _, tokens in rows)
    assert [one.text for one in found] == [f" {tokens}" for _, tokens in rows]
    assert "<user>" in load_tokenizer(folder).decode(sent[0])  # a turn of the chat template
    assert {(one["temperature"], one["top_p"]) for one in asked} == {(0.5, 0.9)}
    assert len({one["seed"] for one in asked[1:]}) == 3  # of each document
    assert {one["path"] for one in asked} == {"/v1/completions"}
    assert open_backend(plain, folder=folder, threads=1).version() == job.version()


def test_a_prompt_that_the_server_refuses_costs_one_document(write):
    found, _ = write("$model --context 45", "the next cache miss", "energy " * 400, "tern saves")
    assert [bool(one.text) for one in found] == [True, False, True]
    assert "maximum context length" in found[1].error and not found[1].lasting


def test_one_without_a_folder_chats_with_a_model_of_the_servers_own(write):
    found, asked = write("m", "caches", "misses")
    assert [one.text for one in found] == ["heard 2 of caches", "heard 2 of misses"]
    assert {(one["path"], one["model"]) for one in asked} == {("/v1/chat/completions", "m")}
