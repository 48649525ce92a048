"""The internals of other libraries that are used still exist, and work as expected."""

import subprocess
import sys

import pytest

from papertune.models.loading import load_model, set_up_torch
from papertune.study.settings import Quantization
from snakemake_run import ROOT
from tiny_models import make_model

START = """
import sys
from papertune.models.loading import set_up_torch
set_up_torch(1)
from transformers import AutoModelForCausalLM, Trainer
slow = {"sklearn", "scipy", "datasets", "trio", "bitsandbytes"} & {*sys.modules}
from papertune.models.quantization import bring_bitsandbytes
bring_bitsandbytes()
from peft.import_utils import is_bnb_4bit_available
from transformers.utils import is_bitsandbytes_available
print(sorted(slow), is_bnb_4bit_available(), is_bitsandbytes_available())
"""


def test_a_job_starts_without_what_few_need_and_gets_bitsandbytes_when_asked():
    done = subprocess.run(
        [sys.executable, "-c", START], env={"PYTHONPATH": str(ROOT / "workflow/scripts")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[-2] == "[] True True"


@pytest.mark.parametrize("family", ["llama", "falcon"])
def test_bitsandbytes_quantises_every_layer_and_packs_no_weight_anew(tmp_path, family):
    import torch
    from bitsandbytes.nn import Linear4bit

    set_up_torch(1)
    model = load_model(make_model(tmp_path, family=family), quantization=Quantization())
    layers = [layer for layer in model.modules() if isinstance(layer, Linear4bit)]
    assert len(layers) >= 8 and not any(layer.support_avx512bf16_for_cpu for layer in layers)
    before = [layer.weight.data.clone() for layer in layers]
    model(torch.tensor([[5, 6, 7]]))
    assert all(one.equal(layer.weight.data) for one, layer in zip(before, layers, strict=True))
