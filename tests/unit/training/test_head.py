"""Head and loss computed in parts: the same loss, the same gradients, far fewer logits at once."""

import pytest

from papertune.examples.packing import Collator
from papertune.examples.tokens import MASKED, answer_loss, pad
from papertune.models.loading import load_model, set_up_torch
from papertune.study.settings import Training
from papertune.training import head as heads
from papertune.training.head import HeadLoss, choose_attention, compile_layers, is_compiled
from tiny_models import make_model

ROWS = [
    {"input_ids": [3, 4, 5, 6, 7, 8, 9], "labels": [MASKED, MASKED, MASKED, 6, 7, MASKED, 9]},
    {"input_ids": [9, 8, 7, 6], "labels": [9, 8, 7, 6]},
]


def losses(model, how, **kept):
    """The loss of some rows, and all gradients."""
    batch = pad(ROWS, 0, **kept)
    labels = batch.pop("labels")
    set_up_torch(1, seed=1)  # the same dropout
    model.zero_grad()
    if how is None:
        loss = answer_loss(model(**batch), labels)
    else:
        with how.left_out():
            loss = how.loss(model(**batch), labels)
    (2 * loss).backward()
    return loss.item(), {
        name: weight.grad.clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


@pytest.mark.parametrize("only_needed", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_loss_and_gradients_are_those_of_all_logits(
    tmp_path, monkeypatch, family, compiled, only_needed
):
    import torch

    set_up_torch(1)
    model = load_model(make_model(tmp_path, family=family), precision="fp32").train()
    monkeypatch.setattr(torch, "compile", lambda function: function)
    how = HeadLoss.of(model, half=False, compiled=compiled)
    assert how is not None
    how.most = 1000  # three places at once
    loss, gradients = losses(model, how, only_needed=only_needed)
    expected, all_gradients = losses(model, None, only_needed=only_needed)
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in all_gradients.items():
        assert torch.allclose(gradients[name], gradient, rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("family", ["gemma2", "cohere", "phi"])  # a cap, a scale, a bias
def test_a_model_that_makes_something_of_its_logits_keeps_its_head(tmp_path, family):
    model = load_model(make_model(tmp_path, family=family), precision="fp32")
    assert HeadLoss.of(model, half=False, compiled=False) is None


def test_only_long_runs_of_all_weights_are_compiled_by_themselves(monkeypatch):
    auto = Training()
    assert not is_compiled(auto, 10**6, adapters=False)  # there is no GPU here
    monkeypatch.setattr(heads, "device_name", lambda: "cuda")
    monkeypatch.setattr(heads, "find_spec", lambda name: name == "triton")
    monkeypatch.setattr(heads.shutil, "which", lambda name: "/usr/bin/cc")
    assert is_compiled(auto, heads.LONG, adapters=False)
    assert not is_compiled(auto, heads.LONG - 1, adapters=False)
    assert not is_compiled(auto, heads.LONG, adapters=True)
    assert is_compiled(Training(compile=True), 1, adapters=True)
    assert not is_compiled(Training(compile=False), 10**6, adapters=False)


def test_compiled_layers_give_what_they_gave(tmp_path, monkeypatch):
    import torch

    set_up_torch(1)
    model = load_model(make_model(tmp_path, family="gpt2"), precision="fp32")
    ids = torch.tensor([[3, 4, 5, 6]])
    expected = model(input_ids=ids, use_cache=False).logits
    monkeypatch.setattr(torch._dynamo.config, "suppress_errors", False)
    used = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda layer: used(layer, backend="eager"))
    compile_layers(model)
    assert torch.allclose(model(input_ids=ids, use_cache=False).logits, expected, atol=1e-5)


def test_attention_that_plans_for_each_shape_is_taken_for_one_shape_only():
    import torch

    for lengths, packed, taken in (
        ((4, 4), False, True),
        ((4, 5), False, False),
        ((4, 4), True, False),
    ):
        choose_attention([{"input_ids": [1] * length} for length in lengths], packed=packed)
        assert torch.backends.cuda.cudnn_sdp_enabled() == taken
    set_up_torch(1)  # as every job begins, those that answer among them
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.parametrize(("even", "context", "length"), [(0, 128, 7), (8, 128, 8), (8, 7, 7)])
def test_rows_on_a_gpu_have_few_lengths_and_the_same_loss(tmp_path, even, context, length):
    set_up_torch(1)
    model = load_model(make_model(tmp_path, family="gpt2"), precision="fp32")
    batch = Collator(0, True, even, context)(ROWS)
    assert batch["input_ids"].shape == (2, length) and ("attention_mask" in batch) == (not even)
    labels = batch.pop("labels")
    loss = answer_loss(model(**{k: v for k, v in batch.items() if k != "tokens"}), labels)
    assert loss.item() == pytest.approx(losses(model, None)[0], rel=1e-5)
