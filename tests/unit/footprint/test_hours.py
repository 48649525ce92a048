"""Estimated hours: measurements of others are within the range."""

import pytest

from papertune.footprint.architecture import Architecture, architecture_of
from papertune.footprint.counts import documents_in
from papertune.footprint.hours import (
    FAST,
    PEAK,
    SLOW,
    Pace,
    hours_of,
    processor,
    requests_of,
    training_seconds,
    writing_seconds,
)
from papertune.models.cards import card_of
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.recipe import Recipe
from papertune.study.settings import Training
from snakemake_run import ROOT


def arch(name: str) -> Architecture:
    return architecture_of(card_of(name).config)


GPT2, LLAMA_3B = arch("openai-community/gpt2"), arch("meta-llama/Llama-3.2-3B-Instruct")
# Qwen-7B, of 7.7 thousand million parameters
QWEN = architecture_of(
    {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
    | {"intermediate_size": 11008, "vocab_size": 151936}
)


def recipe(method: str, **training) -> Recipe:
    return Recipe(method=method, training=Training(**training))


def test_operations_are_six_for_each_weight_and_token():
    whole = Pace(share=1.0, step=0.0, layer=0.0, start=0.0, whole=True)
    weights = GPT2.layers * GPT2.layer + GPT2.embedding
    seconds = training_seconds(GPT2, recipe("full"), 1e6, 10, whole)
    assert seconds == pytest.approx(6 * weights * 1e6 / PEAK)
    assert training_seconds(GPT2, recipe("lora"), 1e6, 10, whole) == pytest.approx(seconds * 2 / 3)
    again = recipe("full", gradient_checkpointing=True)
    assert training_seconds(GPT2, again, 1e6, 10, whole) == pytest.approx(seconds * 4 / 3)


@pytest.mark.parametrize(
    ("made_of", "how", "tokens", "steps", "seconds"),
    [
        # nanoGPT, compiled: 0.5 million tokens in 40 steps, 107,000 a second
        (GPT2, recipe("full"), 491_520, 40, 491_520 / 107_000),
        # torchtune: LoRA, packed and compiled, 8,000 to 9,000 tokens a second
        (LLAMA_3B, recipe("lora"), 8192, 4, 8192 / 8500),
        # the README of Qwen: batches of 1, eight of them an update, at 1,024 and 256 tokens
        (QWEN, recipe("lora", gradient_checkpointing=True), 8 * 1024, 8, 2.8),
        (QWEN, recipe("qlora", gradient_checkpointing=True), 8 * 1024, 8, 3.5),
        (QWEN, recipe("qlora", gradient_checkpointing=True), 8 * 256, 8, 3.0),
        (QWEN, recipe("lora", gradient_checkpointing=True), 8 * 8192, 8, 21.3),
    ],
)
def test_what_others_have_measured_on_an_a100_lies_between(made_of, how, tokens, steps, seconds):
    least, most = (training_seconds(made_of, how, tokens, steps, pace) for pace in (FAST, SLOW))
    assert least <= seconds <= most
    assert most < 12 * least


def test_writing_takes_a_pass_for_each_token_of_a_batch():
    # transformers, a 7B in bf16: 25 to 40 tokens a second of one text
    least, most = (writing_seconds(QWEN, 1, 0, 100, pace) for pace in (FAST, SLOW))
    assert least <= 100 / 40 and most >= 100 / 25
    assert writing_seconds(QWEN, 64, 0, 100, FAST) == pytest.approx(2 * least)
    assert writing_seconds(QWEN, 64, 0, 100, FAST, batch=64) == pytest.approx(least)
    assert writing_seconds(QWEN, 64, 0, 100, FAST, in_4_bit=True) > 2 * least


def layout_of(name: str, **changes) -> Layout:
    study = load_experiment(ROOT / f"config/experiments/{name}.yaml")
    return Layout(name, study.model_copy(update=changes))


@pytest.fixture(autouse=True)
def nothing_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_experiment_takes_what_its_jobs_take():
    hours, once = hours_of(layout_of("isca")), hours_of(layout_of("isca", seeds=[1]))
    assert 0 < hours.total[0] < hours.total[1] < 24
    assert hours.training == pytest.approx([3 * one for one in once.training])
    assert hours.unknown == ()
    assert requests_of(layout_of("isca")) == {}


def test_servers_are_asked_and_not_counted():
    layout = layout_of("research-approach")
    assert requests_of(layout) == {"qwq": pytest.approx(144)}
    assert hours_of(layout).writing == (0, 0)


def test_what_nothing_is_known_of_is_named():
    study = layout_of("isca").experiment
    base = study.bases["gpt2"].model_copy(update={"hub": "lab/unheard-of"})
    assert hours_of(layout_of("isca", bases={"gpt2": base})).unknown == ("full", "lora", "baseline")


def test_documents_that_are_expected_count_until_they_are_listed(tmp_path):
    layout = layout_of("isca", expected=2000)
    parts = layout.experiment.parts_of("train")
    assert documents_in(layout, parts, ()) == pytest.approx(2000 * 17 / 20)
    listed = tmp_path / layout.by_year("listings")[2005]
    listed.parent.mkdir(parents=True)
    listed.write_text("{}\n" * 7)
    assert documents_in(layout, parts, ()) == pytest.approx(2000 * 16 / 20 + 7)
    undated = layout_of("ho-chi-minh")
    assert documents_in(undated, ["test"], ()) == pytest.approx(144 * 0.2)


def test_cores_take_longer_than_a_gpu_and_more_of_them_less():
    study = load_experiment(ROOT / "config/experiments/isca.yaml")
    layout = Layout("isca", study)
    gpu, two, many = (hours_of(layout, *of).total for of in ((), (processor(2),), (processor(64),)))
    assert gpu[0] < many[0] < two[0] and gpu[1] < many[1] < two[1]
    # seen on two cores with the demo: minutes
    demo = Layout("demo", load_experiment(ROOT / "config/experiments/demo.yaml"))
    assert hours_of(demo, processor(2)).total[1] < 1
