"""The benchmark of GPUs: what it counts, and that it runs, on tiny models and a CPU."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import gpu_training
from gpu_training import CASES, measure, operations, peak_of, texts


def test_operations_are_those_of_the_formula():
    # GPT-2 124M at 1,024 tokens: 6 × 124.4M + 12 × 12 × 768 × 1,024
    assert operations(0, 124_400_000, 12, 768, 1024) == 746_400_000 + 113_246_208
    assert operations(100, 10, 0, 0, 0) == 460


def test_the_longest_name_tells_the_peak():
    assert peak_of("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_of("NVIDIA H100 PCIe") == 756e12
    assert peak_of("NVIDIA A100-SXM4-80GB") == 312e12
    assert peak_of("NVIDIA L40S") == 362e12
    assert peak_of("NVIDIA L4") == 121e12
    assert peak_of("cpu") is peak_of("NVIDIA A10G") is None


def test_packed_texts_fit_several_to_a_row():
    assert {len(row["input_ids"]) for row in texts(9, 1024, False, 50)} == {1024}
    lengths = [len(row["input_ids"]) for row in texts(99, 1024, True, 50)]
    assert 64 <= min(lengths) < max(lengths) < 448


@pytest.mark.parametrize("name", ["gpt2-full-packed", "llama-lora", "llama-qlora"])
def test_a_case_runs_in_small(tmp_path, name, monkeypatch):
    monkeypatch.setattr(gpu_training, "PEAKS", {"cpu": 1e12})
    facts = measure(name, tmp_path, tiny=True, steps=9, batch=0)
    assert facts["rate"] > 0 and 0 < facts["share"] < 1 and facts["memory"] > 0
    if CASES[name].method == "full":
        assert facts["trained"] == facts["parameters"]
    else:
        assert facts["trained"] < facts["parameters"] / 2
        # 2 layers of 7 linear modules on a tied embedding of 512 × 64
        assert (
            facts["parameters"] - facts["trained"]
            == 512 * 64 + 2 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 128 * 3 + 64 * 2) + 64
        )
