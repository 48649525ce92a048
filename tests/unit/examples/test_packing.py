"""Packing changes neither the loss of an example nor which tokens count, whatever the architecture."""

import random

import pytest

from papertune.errors import TrainingError
from papertune.examples.packing import Collator, arrange, pack, way_of
from papertune.examples.tokens import MASKED, answer_loss, pad
from tiny_training import Runs, facts_of, history_of, weights_of

COMMON = {"vocab_size": 120, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
LLAMA = {
    **COMMON, **SIZE, "intermediate_size": 48, "num_key_value_heads": 1,
    "max_position_embeddings": 64, "initializer_range": 0.3,
}  # fmt: skip
GPT2 = {**COMMON, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
ARCHITECTURES = {
    "gpt2": {**GPT2, "initializer_range": 0.3},
    "llama": LLAMA,
    "qwen3": {**LLAMA, "head_dim": 16},
    "gemma": {**LLAMA, "head_dim": 16},
    # windows shorter than the examples
    "gemma2": {**LLAMA, "head_dim": 16, "sliding_window": 4},
    "gemma3_text": {**LLAMA, "head_dim": 16, "sliding_window": 4},
    "mistral": {**LLAMA, "sliding_window": 4},
    "gpt_neox": {**LLAMA, "hidden_dropout": 0.0},
    "falcon": {**COMMON, **SIZE, "initializer_range": 0.3},
    "opt": {**COMMON, **SIZE, "ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.3}
    | {"max_position_embeddings": 64, "dropout": 0.0},
}
MASKS = {"falcon", "opt"}  # they need one


def make(family: str, implementation: str = "sdpa", **changes):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(3)
    config = AutoConfig.for_model(family, **{**ARCHITECTURES.get(family, COMMON), **changes})
    return AutoModelForCausalLM.from_config(config, attn_implementation=implementation).eval()


def examples(count: int = 6, seed: int = 1, longest: int = 15):
    """Rows of random tokens; of some the loss counts all, the first is a text without prompt."""
    draw, rows = random.Random(seed), []
    for number in range(count):
        length = draw.randrange(5, longest)
        ids = [draw.randrange(3, 120) for _ in range(length)]
        shown = 0 if number == 0 else draw.randrange(1, length - 2)
        rows.append({"input_ids": ids, "labels": [MASKED] * shown + ids[shown:]})
    return rows


def loss_of(model, batch):
    """Sum of the losses of all counted tokens, and their number."""
    batch = {key: value for key, value in batch.items() if key != "tokens"}
    labels = batch.pop("labels")
    loss = answer_loss(model(**batch), labels, num_items_in_batch=1)
    # as the Trainer counts them
    return loss, int((labels[:, 1:] != MASKED).sum())


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("family", ARCHITECTURES)
def test_the_loss_of_each_example_is_what_it_is_alone(family, implementation):
    model = make(family, implementation)
    way = way_of(model, "test")
    masks = {"sdpa": "mask", "eager": "added mask"}
    assert way == (masks[implementation] if family in MASKS else "positions")
    rows = examples()
    for limit in (1, 32, 1000):  # a row for each, some rows, one row
        for row in rows:
            wanted, count = loss_of(model, pad([row], 0))
            silent = [{**other, "labels": [MASKED] * len(other["labels"])} for other in rows]
            alone = [
                row if other is row else mute for other, mute in zip(rows, silent, strict=True)
            ]
            batch = pack(alone, 0, limit, way=way)
            assert len(batch["logits_to_keep"]) == batch["labels"].shape[1] <= count + 1
            loss, counted = loss_of(model, batch)
            assert counted == count
            assert loss.item() == pytest.approx(wanted.item(), rel=1e-4)
    if family == "falcon":  # attention that crosses is seen
        loss, _ = loss_of(model, pack(alone, 0, 1000, way="positions"))
        assert abs(loss.item() - wanted.item()) > 0.01 * wanted.item()


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 2}),
        ("mamba", {"hidden_size": 32, "num_hidden_layers": 2}),
    ],
)
def test_an_architecture_that_cannot_is_an_error(family, changes):
    model = make(family, "eager", **changes)
    with pytest.raises(TrainingError, match="cannot keep packed examples apart") as caught:
        Collator.of(model, 0, 100, "full/seed-1")
    assert caught.value.where == "full/seed-1" and "packing" in caught.value.hint
    assert Collator.of(model, 0, None, "full/seed-1").limit is None


def test_finding_out_for_an_adapted_model_leaves_it_and_the_random_numbers_alone():
    import torch
    from peft import LoraConfig, get_peft_model

    for family, way in (("llama", "positions"), ("falcon", "mask")):
        model = get_peft_model(make(family), LoraConfig(target_modules="all-linear")).train()
        before = torch.get_rng_state()
        assert way_of(model, "test") == way
        assert model.training and torch.equal(torch.get_rng_state(), before)


def test_rows_are_few_and_alike():
    lengths = [90, 10, 50, 50, 100, 60, 40]
    assert [sum(lengths[i] for i in row) for row in arrange(lengths, 100)] == [100] * 4
    assert arrange([5, 300, 5], 100) == [[1], [0, 2]]  # a longer one has its own
    assert arrange([7], 100) == [[0]]
    draw = random.Random(1)
    for _ in range(50):
        lengths = [draw.randrange(1, 100) for _ in range(draw.randrange(1, 20))]
        rows = arrange(lengths, 100)
        assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
        assert max(sum(lengths[i] for i in row) for row in rows) <= 100
        assert len(rows) <= 1 + 2 * sum(lengths) / 100


def test_tokens_are_counted_without_padding_and_empty_examples():
    rows = examples(4)
    real = sum(len(row["input_ids"]) for row in rows)
    empty = {"input_ids": [0, 0], "labels": [MASKED] * 2}  # fills up the batch of a process
    for collate in (Collator(0, True), Collator(0, True, limit=20)):
        assert collate(rows)["tokens"] == collate([*rows, empty])["tokens"] == real
        assert collate([empty])["tokens"] == 0
        loss, _ = loss_of(make("gpt2"), collate([empty]))
        assert loss.item() == 0


def test_a_packed_run_is_the_padded_one(tmp_path):
    import torch

    run = Runs(tmp_path)
    how = {"accumulation": 2, "evaluations": 3}
    padded = run("padded", **how)
    packed = run("packed", examples={"packing": "whole", "length": 90}, **how)
    for fact in ("steps", "best_step", "tokens_seen", "examples"):
        assert facts_of(packed)[fact] == facts_of(padded)[fact]
    for row, other in zip(history_of(packed), history_of(padded), strict=True):
        assert row == pytest.approx(other, rel=1e-4)
    theirs = weights_of(padded)
    for name, one in weights_of(packed).items():
        torch.testing.assert_close(one, theirs[name], rtol=1e-3, atol=1e-4)
