"""Servers of language models are asked for their models before a run needs them."""

import json

import pytest

from loopback import serving
from papertune.cluster.findings import Finding
from papertune.cluster.model_servers import check_servers
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from snakemake_run import ROOT


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def found_at(url: str, **changes) -> list[Finding]:
    study = load_experiment(ROOT / "config/experiments/research-approach.yaml")
    writer = study.generators["qwq"].model_copy(update={"url": url, **changes})
    generators = {"qwq": writer}
    layout = Layout("mine", study.model_copy(update={"generators": generators}))
    return list(check_servers(layout))


def models(*names: str, **more: str) -> str:
    return json.dumps({"data": [{"id": name, **more} for name in names]})


def test_a_writers_server_is_asked_and_its_memory_told():
    with serving((200, {}, models("qwq:32b", "phi:latest"))) as server:
        found = found_at(server.url("/v1"))
        assert found_at(server.url("/v1"), model="phi")[0].state == "ok"
        del server.asked[1:]
        assert server.paths == ["/v1/models"]
    # Ollama's file has 20 GB; keys and values of 64 layers, 8 heads of 128 numbers of two bytes
    assert "20 GB" in str(found) and "0.3 GB" in str(found)
    assert {one.state for one in found} == {"ok"}


def test_one_that_does_not_answer_has_to_run_in_time():
    found = found_at("http://127.0.0.1:9/v1")
    assert found[0].state == "doubt" and "does not answer" in found[0].text


def test_a_key_that_is_not_set_is_named_for_servers_elsewhere():
    found = found_at("https://models.example/v1")
    assert "OPENAI_API_KEY" in str(found[-1]) and found[-1].state == "doubt"


def test_a_model_that_it_has_not_is_told_with_those_it_has():
    with serving((200, {}, models("llama3:8b", "qwq:32b-q8"))) as server:
        (first, *_) = found_at(server.url("/v1"), model="qwq:32b")
    assert first.state == "doubt" and "llama3:8b" in first.text and "qwq:32b-q8" in first.text
    assert "generators.qwq.model" in first.hint


def test_llama_cpp_has_one_model_under_any_name():
    with serving((200, {}, models("/models/some.gguf", owned_by="llamacpp"))) as server:
        assert found_at(server.url("/v1"))[0].state == "ok"


@pytest.mark.parametrize("key", ["", "secret-key"])
def test_a_key_that_is_wanted_is_named_and_never_shown(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving((401, {}, "Incorrect API key provided: secret-key")) as server:
        (first, *_) = found = found_at(server.url("/v1"))
        assert server.asked[0].headers.get("Authorization", "") == (f"Bearer {key}" if key else "")
    assert first.state == "wrong" and "OPENAI_API_KEY" in first.text
    assert ("not set" in first.text) == (not key) and "secret" not in str(found)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, "404 page not found", "/v1"),
        (200, "<html>Welcome</html>", "OpenAI"),
        (200, "[]", "OpenAI"),
        (200, '{"data": [1]}', "OpenAI"),
        (200, '{"data": null}', "OpenAI"),
        (502, "bad gateway", "502"),
    ],
)
def test_what_is_another_server_or_path_is_told(status, body, told):
    with serving((status, {}, body)) as server:
        (first, *_) = found_at(server.url(""))
    assert first.state == "doubt" and told in str(first)


def test_a_key_that_no_header_can_have_is_told(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sch\xf6n")
    (first, *_) = found_at("http://127.0.0.1:9/v1")
    assert first.state == "wrong" and "OPENAI_API_KEY" in first.hint


@pytest.mark.parametrize(("program", "states"), [("no-such-server", ["doubt"]), ("sh", [])])
def test_the_program_of_a_server_that_a_job_starts_is_looked_for(program, states):
    found = found_at("", serve=f"{program} --port $port")
    assert [one.state for one in found] == states and (not states or program in found[0].text)
