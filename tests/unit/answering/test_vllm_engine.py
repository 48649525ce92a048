"""Answering through vLLM: what it is asked, what is refused; it answers through a stand-in here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from papertune.answering import vllm_engine
from papertune.answering.generation import Sampling
from papertune.answering.inference import answer
from papertune.answering.vllm_engine import check, engine_arguments, sampling_arguments
from papertune.errors import PapertuneError
from papertune.models.quantization import write_quantization
from papertune.records import Answer, Pair, read_records, write_records
from papertune.study.settings import Answering, Quantization
from tiny_models import make_model

PROMPT = "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:"
STAND_IN = Path(__file__).parents[2] / "stand_ins"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def adapter(folder, tmp_path_factory):
    from peft import LoraConfig, get_peft_model

    from papertune.models.loading import load_model

    how = {"target_modules": "all-linear", "task_type": "CAUSAL_LM", "init_lora_weights": False}
    output = tmp_path_factory.mktemp("adapter")
    get_peft_model(load_model(folder), LoraConfig(r=12, **how)).save_pretrained(output)
    return output


@pytest.fixture
def vllm(monkeypatch):
    monkeypatch.syspath_prepend(str(STAND_IN))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


def pairs(count=7):
    # one of them longer than the context
    return [
        Pair(
            id=f"{n:016x}", document=f"{n:016x}", year=2020, instruction="read",
            context="the next cache miss " * (60 if n == 3 else 1 + n % 4),
            question="what does it save", answer="energy and " * (n % 4) + f"{n} percent",
            generator="g",
        )
        for n in range(count)
    ]  # fmt: skip


def run(tmp_path, engine, model, base=None):
    write_records(tmp_path / "test.jsonl", pairs())
    output = tmp_path / f"{engine}-{model.name}.jsonl"
    answer(
        model=model,
        base=base,
        test_set=tmp_path / "test.jsonl",
        prompt=PROMPT,
        answering=Answering(max_new_tokens=12, batch_size=2, engine=engine),
        output=output,
        store=tmp_path / "store",
        identity={"model": model.name},
    )
    return list(read_records(output, Answer))


@pytest.mark.parametrize("adapted", [False, True])
def test_vllm_is_asked_for_what_transformers_answers(tmp_path, folder, adapter, vllm, adapted):
    model, base = (adapter, folder) if adapted else (folder, None)
    ours = run(tmp_path, "transformers", model, base)
    theirs = run(tmp_path, "vllm", model, base)  # another identity: nothing of it was in the store
    assert "vllm" in sys.modules
    for one, other in zip(ours, theirs, strict=True):
        assert (other.text, other.new_tokens, other.truncated) == (
            one.text,
            one.new_tokens,
            one.truncated,
        )
        assert other.reference_tokens == one.reference_tokens
        # a text of the whole context leaves vLLM no place to write, and loses one more token
        cut = one.pair.endswith("3")
        assert cut or other.reference_nll == pytest.approx(one.reference_nll, abs=2e-3)


def test_without_vllm_it_is_said_what_to_do(tmp_path, folder):
    with pytest.raises(PapertuneError, match="vLLM is not installed") as caught:
        run(tmp_path, "vllm", folder)
    assert caught.value.where == "answering.engine"
    assert "pip install" in caught.value.hint and "transformers" in caught.value.hint


def test_what_vllm_would_answer_otherwise_is_refused(tmp_path, adapter, vllm, monkeypatch):
    check(adapter)
    with pytest.raises(PapertuneError, match="3 processes would share a GPU"):
        check(adapter, shards=3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    check(adapter, shards=3)
    monkeypatch.setattr(vllm_engine, "RANKS", (1, 8))
    with pytest.raises(PapertuneError, match="rank 12"):
        check(adapter)
    write_quantization(tmp_path, Quantization())
    with pytest.raises(PapertuneError, match="4 bit"):
        check(tmp_path)


def test_the_engine_gets_room_for_the_longest_row_and_the_rank(folder, adapter):
    whole = engine_arguments(folder, None, 90)
    assert (whole["model"], whole["max_model_len"]) == (str(folder), 90)
    assert whole["load_format"] == "safetensors" and whole["trust_remote_code"] is False
    assert "enable_lora" not in whole
    adapted = engine_arguments(adapter, folder, 900)
    assert adapted["model"] == str(folder)
    assert adapted["max_model_len"] == 128  # the context
    assert (adapted["enable_lora"], adapted["max_lora_rank"]) == (True, 16)  # for rank 12


def test_each_row_draws_by_its_own_seed():
    greedy = sampling_arguments("a", Sampling(9), {5, 3}, 1.1)
    assert greedy["stop_token_ids"] == [3, 5] and greedy["repetition_penalty"] == 1.1
    assert "seed" not in greedy
    drawn = [sampling_arguments(key, Sampling(9, 0.7), {3}, 1.0)["seed"] for key in "aab"]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 0 <= drawn[0] < 2**63


def test_the_engine_is_part_of_the_identity_only_where_it_is_another():
    assert "engine" not in Answering().identity()
    assert Answering(engine="vllm").identity()["engine"] == "vllm"
