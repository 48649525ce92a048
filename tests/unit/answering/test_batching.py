"""Batches: a document's rows together, and as many tokens as fit in memory."""

from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoConfig

from papertune.answering import batching
from papertune.answering.batching import Sizes, batches, rows_at_once
from papertune.study.settings import Answering, TransformersGenerator

LLAMA = AutoConfig.for_model(
    "llama", hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, vocab_size=49152,
)  # fmt: skip


def keys(made):
    return [[key for key, _ in batch] for batch in made]


def test_rows_about_the_same_stand_together():
    rows = [(f"{d}{q}", 10 * d + 3 * q) for d in range(1, 5) for q in range(3)]
    by = {"length": int, "about": lambda key: key[0]}
    assert keys(batches(rows, 3, **by)) == [[f"{d}{q}" for q in (2, 1, 0)] for d in (4, 3, 2, 1)]
    # what is half full is not filled with a part of the next
    assert list(map(len, batches(rows, 5, **by))) == [3, 3, 3, 3]
    # what is not half full is
    assert list(map(len, batches(rows, 2, **by))) == [2, 1, 2, 1, 2, 1, 2, 1]
    assert list(map(len, batches(rows, 8, **by))) == [6, 6]
    assert keys(batches(rows, 100, **by)) == [[f"{d}{q}" for d in (4, 3, 2, 1) for q in (2, 1, 0)]]
    # without it they are those of their length
    assert keys(batches(rows, 5, length=int))[0] == ["42", "41", "40", "32", "31"]
    # a size by the tokens of the longest
    made = batches(rows, lambda tokens: 60 // tokens, **by)
    assert all(len(batch) * max(tokens for _, tokens in batch) <= 60 for batch in made)
    assert sorted(key for batch in keys(made) for key in batch) == sorted(key for key, _ in rows)


def test_batches_are_as_large_as_memory_holds(monkeypatch, tmp_path):
    assert rows_at_once(7, LLAMA, 64, []) == 7
    size = rows_at_once("auto", LLAMA, 64, [])
    counts = [size(tokens) for tokens in (50, 330, 1000, 4000, 100_000)]
    assert counts[0] == batching.CPU_ROWS and counts[-1] == 1
    assert counts == sorted(counts, reverse=True) and 20 < counts[1] < 50
    row = Sizes.of(LLAMA).row(1000, 64, 4)
    assert 0.5 * 2**30 < counts[2] * row <= 2**30
    # keys and values are most of a row: 30 layers of 3 heads of 64 numbers, of both
    assert 30 * 3 * 64 * 2 * 4 * 1064 < row < 3 * 30 * 3 * 64 * 2 * 4 * 1064
    shared = rows_at_once("auto", LLAMA, 64, [], share=20)
    assert shared(50) == 5  # four batches of each process

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    total = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: total)
    assert rows_at_once("auto", LLAMA, 64, [])(330) == batching.GPU_ROWS
    (tmp_path / "model.safetensors").write_bytes(b"")
    with (tmp_path / "model.safetensors").open("r+b") as stream:
        stream.truncate(79 * 2**30)  # weights leave a gigabyte
    assert 10 < rows_at_once("auto", LLAMA, 64, [tmp_path])(330) < 64


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "gpt_neox", "falcon", "bloom", "mamba"])
def test_what_a_row_takes_is_known_of_every_family(family):
    sizes = Sizes.of(AutoConfig.for_model(family))
    assert 1 <= sizes.rows(300, 64, 4, 2**30, 64) <= 64


def test_the_setting():
    assert Answering().batch_size == "auto"
    assert Answering().identity() == Answering(batch_size=3).identity()
    how = {"backend": "transformers", "model": "m", "prompt": "p"}
    assert TransformersGenerator(**how).batch_size == "auto"
    for wrong in (0, -1, "many", 2.5):
        with pytest.raises(ValidationError):
            Answering(batch_size=wrong)
