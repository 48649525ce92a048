"""Every method and every setting of training, run on small models."""

import re
from contextlib import nullcontext
from functools import cache

import pytest

from papertune.errors import TrainingError
from papertune.examples.forms import Form, read_examples
from papertune.examples.tokens import answer_loss, pad
from papertune.models.loading import load_model, load_tokenizer, set_up_torch
from papertune.models.quantization import quantization_of
from papertune.pairfile import read_pairs, write_pairs
from papertune.study.recipe import Recipe
from papertune.study.settings import ExampleForm, Freeze, Lora, Quantization, Subset, Training
from papertune.training.callback import RunCallback
from papertune.training.methods import prepare
from papertune.training.train import Run, fit
from tiny_models import make_model
from tiny_training import PROMPT, Runs, bytes_of, facts_of, history_of, pairs, weights_of

LLAMA = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
# architecture → its linear layers, as reports name them
MODULES = {
    "gpt2": {"c_attn", "c_proj", "c_fc"},
    "falcon": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
    **dict.fromkeys(("llama", "qwen2", "gemma2", "mistral"), LLAMA),
}
# layers and embedding, where they are not as llama's
PLACES = {
    "gpt2": ("transformer.h", "transformer.wte"),
    "falcon": ("transformer.h", "transformer.word_embeddings"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Makes a base of a family, of three layers, once."""
    root = tmp_path_factory.mktemp("bases")

    @cache
    def made(family):
        set_up_torch(1)
        return make_model(root / family, family=family, width=64, layers=3)

    return made


@pytest.fixture
def run(base, tmp_path):
    runs = Runs(tmp_path, base=base("llama"))
    return lambda name, family="llama", **how: runs(
        name, **{"base": base(family), "evaluations": 2, **how}
    )


def changed(folder, base):
    """Names of the weights that training has changed."""
    before, after = weights_of(base), weights_of(folder)
    return {name for name in before if not before[name].equal(after[name])}


def adapters(folder):
    """(layer, kind of module) of every adapter that has learned something."""
    learned = [n for n, weight in weights_of(folder).items() if "lora_B" in n and weight.any()]
    found = [re.search(r"\.(\d+)\.(?:.*\.)?(\w+)\.lora_B", name) for name in learned]
    return {(int(one[1]), one[2]) for one in found}


def validation_loss(model, output, folder):
    """Of a loaded model over the validation pairs, in nats per token of a batch, as the Trainer's."""
    import torch

    tokenizer, some = load_tokenizer(output), read_pairs(folder / "validation.parquet")
    form = Form(tokenizer, "prompt", PROMPT)
    rows = read_examples(form, some, ExampleForm(), max_length=96).rows
    batch = pad(rows, tokenizer.pad_token_id)
    labels = batch.pop("labels")
    with torch.no_grad():
        return float(answer_loss(model(**batch), labels))


@pytest.mark.parametrize("family", MODULES)
def test_qlora_trains_adapters_on_every_linear_layer_in_4_bit(run, base, tmp_path, family):
    import torch

    output = run("q", family=family, method="qlora")
    assert adapters(output) == {(n, kind) for n in range(3) for kind in MODULES[family]}
    assert quantization_of(output) == Quantization()
    facts, whole = facts_of(output), facts_of(run("l", family=family, method="lora"))
    assert facts["total_parameters"] == whole["total_parameters"]  # four bits are a parameter
    # it answers with the base that it was trained on: the same loss
    model = load_model(output, base=base(family))
    packed = [p for p in model.parameters() if p.dtype == torch.uint8]
    layers = [name for name, _ in model.named_modules() if name.endswith("base_layer")]
    assert len(packed) == len(layers) > 0
    theirs = facts["best_validation_loss"]
    assert validation_loss(model, output, tmp_path) == pytest.approx(theirs, rel=1e-5)


def test_quantised_weights_are_those_of_training_whatever_the_precision_of_the_rest(base):
    import torch

    weights = []
    for precision, rest in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        model = load_model(base("llama"), precision=precision, quantization=Quantization())
        assert {p.dtype for p in model.parameters()} == {torch.uint8, rest}
        weights.append(model.state_dict())
    ours, theirs = weights
    for name, weight in ours.items():
        if weight.dtype == torch.uint8 or "absmax" in name or "quant" in name:
            assert weight.equal(theirs[name]), name
    name = "model.embed_tokens.weight"
    assert ours[name].equal(weights_of(base("llama"))[name])  # never rounded


def test_another_quantisation_is_another_base(run):
    hows = [Quantization(), Quantization(type="fp4"), Quantization(double=False)]
    folders = [run(str(n), method="qlora", quantization=how) for n, how in enumerate(hows)]
    assert len({bytes_of(folder) for folder in folders}) == 3
    assert [quantization_of(folder) for folder in folders] == hows


def test_adapters_are_on_the_named_modules_and_one_that_is_not_there_is_said(run):
    output = run("named", method="qlora", lora=Lora(rank=4, target_modules=["q_proj"]))
    assert adapters(output) == {(n, "q_proj") for n in range(3)}
    with pytest.raises(TrainingError, match="no linear module 'q_projj'") as error:
        run("named", method="lora", lora=Lora(target_modules=["v_proj", "q_projj"]))
    assert "did you mean 'q_proj'" in str(error.value) and "down_proj" in error.value.hint


@pytest.mark.parametrize("family", ["llama", "gpt2", "falcon"])
@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [
        ({"first": 2}, ["0", "1"]),
        ({"last": 1}, ["2"]),
        ({"first": 1, "layers": [2]}, ["0", "2"]),
        ({"modules": ["{layers}.1", "{embedding}"]}, ["1"]),
    ],
)
def test_frozen_layers_and_modules_stay_and_the_rest_learns(run, base, family, freeze, frozen):
    layers, embedding = PLACES.get(family, ("model.layers", "model.embed_tokens"))
    named = [one.format(layers=layers, embedding=embedding) for one in freeze.get("modules", [])]
    output = run(
        "frozen", family=family, method="freeze", freeze=Freeze(**freeze | {"modules": named})
    )
    every, moved = set(weights_of(base(family))), changed(output, base(family))
    starts = tuple(f"{one}." for one in (*(f"{layers}.{n}" for n in frozen), *named))
    stay = {name for name in every if name.startswith(starts)}
    assert stay and not (moved & stay)
    # what nothing depends on (the key's bias in softmax attention) may stay where it is
    rest = {n for n in every - stay if not any(part in n for part in ("norm", "bias", "ln"))}
    assert rest <= moved
    facts = facts_of(output)
    assert 0 < facts["trainable_parameters"] < facts["total_parameters"]


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_adapters_leave_out_frozen_layers(run, method):
    output = run("both", method=method, freeze=Freeze(first=2, modules=["model.layers.2.mlp"]))
    assert adapters(output) == {(2, f"{kind}_proj") for kind in "qkvo"}
    assert not [name for name in weights_of(output) if "layers.2" not in name]


@pytest.mark.parametrize(
    ("method", "freeze", "message"),
    [
        ("freeze", {"first": 4}, "asks for 4 layers, but the base has 3"),
        ("freeze", {"last": 9, "layers": [3]}, "asks for 9 layers, but the base has 3"),
        ("freeze", {"modules": ["model.embed_token"]}, "did you mean 'model.embed_tokens'"),
        ("freeze", {"modules": ["model", "lm_head"]}, "leaves nothing to train"),
        ("lora", {"first": 3}, "no module gets an adapter"),
    ],
)
def test_what_cannot_be_frozen_is_said(run, method, freeze, message):
    with pytest.raises(TrainingError, match=message):
        run("wrong", method=method, freeze=Freeze(**freeze))


def test_scratch_has_the_shape_of_the_base_and_none_of_its_weights(run, base):
    new = {"method": "scratch", "epochs": 6}
    one, again, other = run("a", **new), run("b", **new), run("a", seed=2, **new)
    assert bytes_of(one) == bytes_of(again) != bytes_of(other)
    before, after = weights_of(base("llama")), weights_of(one)
    assert {n: w.shape for n, w in before.items()} == {n: w.shape for n, w in after.items()}
    name = "model.layers.0.mlp.up_proj.weight"
    assert not after[name].allclose(before[name], atol=0.1)
    learned = history_of(one)
    assert learned[-1]["validation_loss"] < learned[0]["validation_loss"]


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_gradient_checkpointing_changes_nothing(run, method):
    without = run("without", method=method)
    assert bytes_of(without) == bytes_of(run("with", method=method, gradient_checkpointing=True))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_full_in_bf16_with_checkpointing_comes_near_fp32(run, family):
    how = {"family": family, "epochs": 3, "learning_rate": 1e-3}
    exact = history_of(run("fp32", precision="fp32", **how))
    folder = run("bf16", precision="bf16", gradient_checkpointing=True, **how)
    # of the computation, not of the weights
    assert {str(weight.dtype) for weight in weights_of(folder).values()} == {"torch.float32"}
    near = history_of(folder)
    assert near != exact
    for row, other in zip(near, exact, strict=True):
        # bf16 has 8 bits of a number: about 0.4 % at each of many roundings
        for kind in {"train_loss", "validation_loss"} & {*row}:
            assert row[kind] == pytest.approx(other[kind], rel=0.03)
    assert near[-1]["validation_loss"] < near[0]["validation_loss"]


GPU = "__import__('torch').cuda.is_available()"
PAGED = pytest.mark.skipif(f"not {GPU}", reason="paging needs a GPU")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adamw", "torch.optim.adamw.AdamW"),
        ("adamw_8bit", "bitsandbytes.optim.adamw.AdamW"),
        ("adafactor", "transformers.optimization.Adafactor"),
        ("sgd", "torch.optim.sgd.SGD"),
        pytest.param("paged_adamw_8bit", "bitsandbytes.optim.adamw.AdamW", marks=PAGED),
        pytest.param("paged_adamw_32bit", "bitsandbytes.optim.adamw.AdamW", marks=PAGED),
    ],
)
def test_optimisers_by_their_usual_names(run, base, monkeypatch, name, kind):
    used, begin = [], RunCallback.on_train_begin

    def seen(watch, args, state, control, **rest):
        used.append(getattr(rest["optimizer"], "optimizer", rest["optimizer"]))
        return begin(watch, args, state, control, **rest)

    monkeypatch.setattr(RunCallback, "on_train_begin", seen)
    output = run("model", optimizer=name, betas=(0.8, 0.9), learning_rate=2e-2)
    (one,) = used
    assert f"{type(one).__module__}.{type(one).__name__}" == kind
    assert one.defaults.get("betas", (0.8, 0.9)) == (0.8, 0.9)
    if name.endswith("bit"):
        assert one.args.optim_bits == (8 if "8bit" in name else 32)
        assert one.is_paged == name.startswith("paged")
    assert changed(output, base("llama"))


@pytest.mark.skipif(GPU, reason="there is a GPU to page from")
def test_without_a_gpu_nothing_is_paged_and_the_error_says_what_to_take(run, tmp_path):
    for name, instead in (("paged_adamw_8bit", "adamw_8bit"), ("paged_adamw_32bit", "adamw")):
        with pytest.raises(TrainingError, match=name) as error:
            run("paged", optimizer=name)
        assert f"take {instead}," in error.value.hint
    assert not (tmp_path / "checkpoints").exists()  # before anything was trained
    # pre-training comes to the same by another way
    nothing = dict.fromkeys(("train", "validation", "seed")) | {"run": Run(tmp_path, "nothing")}
    with pytest.raises(TrainingError, match=name):
        fit(None, None, training=Training(optimizer=name), **nothing)


def test_a_diverging_run_stops_and_says_where_the_best_model_is(run, tmp_path):
    # a good beginning, then a rate that grows to far too much
    how = {
        "schedule": "constant_with_warmup", "warmup": 0.9, "learning_rate": 3.0, "epochs": 8,
        "evaluations": 24, "clip": 1e6,
    }  # fmt: skip
    with pytest.raises(TrainingError, match=r"is worse than guessing: 5\.77") as error:
        run("wild", **how)
    found = (tmp_path / "checkpoints/wild").iterdir()
    (folder,) = (folder for folder in found if str(folder) in str(error.value))
    assert (folder / "model.safetensors").exists() and "learning_rate" in error.value.hint
    assert not (tmp_path / "wild").exists()


LOW = [1.0] * 4
LASTING = {  # training and validation losses from the untrained model on, and what comes of them
    "not for long": ([0, 7.0, 7.0], [2.0, *LOW], ""),
    "not in a row": ([0, 7.0, 5.0, 7.0, 7.0], [2.0, *LOW], ""),
    "not as many times": ([0, 5.9, 5.9, 5.9], [2.0, *LOW], ""),
    "near zero": ([0, 0.9, 0.9, 0.9], [0.001, *LOW], ""),
    "overfitting": ([0, 1.0, 0.1, 0.1], [2.0, 5.0, 7.0, 8.0], ""),
    "diverging": ([0, 7.0, 7.0, 7.0], [2.0, *LOW], "was above 6 for 3 validations"),
    "diverging at the end": ([0, 7.0], [2.0, 1.0], "was above 6 for 1 validations"),
    "unlearned at the end": (
        [0, 6.0, 5.9, 5.8],
        [2.0, 4.0, 4.5, 4.4],
        "was above 3 for 3 validations",
    ),
    "unlearned, but better before at the end": ([0, 6.0, 5.9, 5.8], [2.0, 1.9, 4.5, 4.4], ""),
    "overfitting at the end": ([0, 1.0, 0.1, 0.1], [2.0, 5.0, 7.0, 8.0], ""),
    "guessing": ([0, 9.6], [8.0, 1.0], "a loss of 9.6 at step 1 is worse than guessing: 9"),
    "overfitting into guessing": ([0, 0.1], [8.0, 9.5], "worse than guessing"),
    "new weights": ([0, 10.0, 9.5, 9.4], [9.6, 9.5, 9.5, 9.4], ""),
    "new weights, a mean since the beginning": ([0, 9.5], [9.6, 1.0], ""),
    "new weights that have learned nothing": ([0, 9.5, 9.6], [9.6, 9.5, 8.0], "guessing"),
    "new weights that get worse": ([0, 9.5, 9.7, 9.7], [9.6, 9.7, 9.7, 9.7], "guessing"),
}


@pytest.mark.parametrize("name", LASTING)
def test_when_a_loss_is_an_error(name):
    from transformers import TrainerControl, TrainerState

    trained, validated, message = LASTING[name]
    at_the_end = name.endswith(("end", "nothing", "since the beginning"))
    rows = [
        {"step": n, "epoch": n, "eval_loss": of} | ({"loss": loss} if n else {})
        for n, (loss, of) in enumerate(zip(trained, validated, strict=False))
    ]
    steps = len(rows) - 1 if at_the_end else 100
    state = TrainerState(log_history=rows, global_step=len(rows) - 1)
    callback = RunCallback(steps, Training(), "run", guessing=9.0)
    callback.begin(state)
    with pytest.raises(TrainingError, match=message) if message else nullcontext():
        callback.on_evaluate(None, state, TrainerControl())


def test_the_untrained_model_stands_first_and_is_what_a_run_is_measured_against(
    run, base, tmp_path, caplog
):
    good = run("good", method="lora")
    first, facts = history_of(good)[0], facts_of(good)
    assert (first["step"], "train_loss" in first, facts["better_than_untrained"]) == (
        0,
        False,
        True,
    )
    theirs = validation_loss(load_model(base("llama"), precision="fp32"), good, tmp_path)
    assert first["validation_loss"] == facts["untrained_value"] == pytest.approx(theirs, rel=1e-5)
    # what is good already only gets worse; patience counts from the untrained model on
    folder = run("worse", base=run("learned", epochs=8), evaluations=4, patience=2,
                 learning_rate=0.02, warmup=0, divergence=None)  # fmt: skip
    facts, rows = facts_of(folder), history_of(folder)
    assert not facts["better_than_untrained"] and facts["best_step"] > 0
    assert facts["best_value"] > facts["untrained_value"] and facts["steps"] == rows[2]["step"]
    assert "training never beat the untrained model, whose validation loss is" in caplog.text


def test_training_sees_the_subset_only(run, tmp_path):
    output = run("some", subset=Subset(first=10))
    told = facts_of(output)["subset"]
    assert (told["first"], told["pairs"], told["of"]) == (10, 10, 24)
    write_pairs(tmp_path / "train.parquet", pairs(0, 10))
    assert bytes_of(run("those")) == bytes_of(output)


def test_what_is_trained_stays_in_float32_and_a_base_under_adapters_need_not(base):
    for method, held in (("full", "float32"), ("lora", "bfloat16")):
        model = prepare(base("llama"), Recipe(method=method, training=Training(precision="bf16")))
        assert {str(p.dtype) for p in model.parameters() if p.requires_grad} == {"torch.float32"}
        assert str(model.get_input_embeddings().weight.dtype) == f"torch.{held}"
