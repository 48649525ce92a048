"""`precision: auto` is the faster one on this machine, by a real measurement."""

import pytest

from papertune.models import precision
from papertune.models.loading import load_model
from papertune.models.precision import bf16_units, choose, measured
from tiny_models import make_model
from tiny_training import Runs, facts_of, history_of


def config(width: int = 576, inner: int = 1536):
    from transformers import LlamaConfig

    return LlamaConfig(hidden_size=width, intermediate_size=inner)


@pytest.mark.parametrize(
    ("asked", "width", "units", "faster", "name", "why"),
    [
        ("bf16", 576, "AMX", 1e9, "bf16", "as requested"),
        ("fp32", 576, "AMX", 0.0, "fp32", "as requested"),
        ("auto", 576, "", 0.0, "fp32", "no units"),
        ("auto", 64, "AMX", 0.0, "fp32", "layers of 64 gain nothing"),
        ("auto", 576, "AMX", 1e-9, "bf16", "AMX: bf16 was measured"),
        ("auto", 576, "AVX512_BF16", 1e9, "fp32", "AVX512_BF16: bf16 was measured"),
    ],
)
def test_what_is_chosen_and_why(monkeypatch, asked, width, units, faster, name, why):
    monkeypatch.setattr(precision, "bf16_units", lambda: units)
    monkeypatch.setattr(precision, "FASTER", faster)
    chosen = choose(asked, config(width))
    assert chosen.name == name and why in chosen.why
    assert str(chosen.dtype) == {"bf16": "torch.bfloat16", "fp32": "torch.float32"}[name]
    assert (chosen.fp32 is not None) == ("measured" in chosen.why)


def test_this_machine_takes_what_it_measures_as_faster():
    import torch

    fp32, bf16 = measured(576, 1536, torch.get_num_threads())
    assert fp32 > 1 and bf16 > 1  # GFLOP/s
    wanted = "bf16" if bf16_units() and bf16 >= precision.FASTER * fp32 else "fp32"
    assert choose("auto", config()).name == wanted


def test_a_wide_model_trains_and_loads_in_it_at_the_same_loss(tmp_path, monkeypatch):
    """The training's own facts say which and why; the losses of both are the same but for rounding."""
    base = make_model(tmp_path / "wide", width=256, layers=1)
    run = Runs(tmp_path, base=base)
    how = {"epochs": 1, "evaluations": 1, "learning_rate": 1e-3}
    exact = run("exact", precision="fp32", **how)
    monkeypatch.setattr(precision, "bf16_units", lambda: "AMX")
    for faster, name in ((1e-9, "bf16"), (1e9, "fp32")):
        monkeypatch.setattr(precision, "FASTER", faster)
        folder = run(name, **how)
        said = facts_of(folder)["precision"]
        assert said["name"] == name and said["fp32"] > 1 and said["bf16"] > 1
        # answers do not hang on their batch
        assert str(load_model(folder).dtype) == "torch.float32"
        for ours, theirs in zip(history_of(folder), history_of(exact), strict=True):
            assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], rel=0.01)
    assert facts_of(exact)["precision"]["why"] == "as requested"
