"""The estimate of memory: parameters, activations, and the message if a model does not fit."""

import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from loopback import serving
from papertune.cluster.hub import ask_hub
from papertune.cluster.machine import check_bases, check_memory, show_memory
from papertune.footprint.architecture import architecture_of, from_scratch, read_architecture
from papertune.footprint.peaks import answering_peak, training_peak
from papertune.footprint.study import Task, memory_mb, peak_of, tasks_of, what_would_fit
from papertune.footprint.trained import BF16, Machine, Trained
from papertune.models.loading import in_one_step
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.recipe import Recipe
from papertune.study.settings import (
    Answering,
    Lora,
    Tokenizer,
    Training,
)
from papertune.study.settings import Architecture as FromScratch
from processes import python
from snakemake_run import ROOT

LIKE_LLAMA = {
    "hidden_size": 48, "intermediate_size": 112, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 12, "max_position_embeddings": 64, "vocab_size": 211,
}  # fmt: skip
GPT2 = {"n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 64, "vocab_size": 211}
NO_DROPOUT = {"resid_pdrop": 0.0, "attn_pdrop": 0.0, "embd_pdrop": 0.0}
COMMON = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
FALCON = {name: LIKE_LLAMA[name] for name in COMMON}
BIG_FALCON = {"new_decoder_architecture": True, "num_kv_heads": 2, "bias": True}
OLD_FALCON = {"parallel_attn": False, "multi_query": False, "bias": True}
BASES = {
    "gpt2": ("gpt2", GPT2 | NO_DROPOUT),
    "gpt2, other sizes": ("gpt2", GPT2 | NO_DROPOUT | {"n_inner": 100}),
    "llama": ("llama", LIKE_LLAMA),
    "llama with biases": ("llama", LIKE_LLAMA | {"attention_bias": True, "mlp_bias": True}),
    "llama, tied": ("llama", LIKE_LLAMA | {"tie_word_embeddings": True}),
    "mistral": ("mistral", LIKE_LLAMA),
    "qwen2": ("qwen2", {k: v for k, v in LIKE_LLAMA.items() if k != "head_dim"}),
    "qwen3": ("qwen3", LIKE_LLAMA),
    "gemma": ("gemma", LIKE_LLAMA),
    "gemma2": ("gemma2", LIKE_LLAMA),
    "gemma3": ("gemma3_text", LIKE_LLAMA),
    "falcon": ("falcon", FALCON),
    "falcon 40b": ("falcon", FALCON | BIG_FALCON),
    "falcon, in sequence": ("falcon", FALCON | OLD_FALCON),
}


GPT2_CONFIG = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12}
GPT2_CONFIG |= {"n_positions": 1024, "vocab_size": 50257}
GPT2_SMALL = architecture_of(GPT2_CONFIG)
FALCON_7B = architecture_of(
    {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "vocab_size": 65024}
    | {"num_attention_heads": 71}
)
GPU, CPU = Machine(on_gpu=True, half=True), Machine()


def recipe(method: str = "full", **training) -> Recipe:
    return Recipe(method=method, training=Training(**training))


def model(family: str, values: dict, layers: int | None = None):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    key = "n_layer" if family == "gpt2" else "num_hidden_layers"
    config = AutoConfig.for_model(family, **values | ({key: layers} if layers else {}), **ends)
    made = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    in_one_step(made)  # as models are loaded
    return made


@pytest.mark.parametrize("name", BASES)
def test_parameters_are_those_of_transformers(name):
    family, values = BASES[name]
    made = model(family, values)
    arch = architecture_of({**made.config.to_dict(), "model_type": family})
    assert arch is not None and arch.exact
    assert arch.parameters == sum(p.numel() for p in made.parameters())
    linear = {n: m for n, m in made.named_modules() if n.startswith(f"{arch.stem}.0.")}
    for one in arch.linears:
        weight = linear[f"{arch.stem}.0.{one.path}"].weight
        assert sorted(weight.shape) == sorted((one.inputs, one.outputs))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_parameters_of_a_base_from_scratch_are_those_that_it_will_have(family):
    from papertune.training.data import Text
    from papertune.training.pretraining import make_model, make_tokenizer

    shape, words = FromScratch(family=family, context=64), Tokenizer(kind="characters")
    made = make_model(shape, make_tokenizer([Text("", "some text")], words, 64))
    assert from_scratch(shape, words).parameters == sum(p.numel() for p in made.parameters())


def adapted(made, lora: Lora):
    from peft import LoraConfig, get_peft_model

    how = {"target_modules": lora.target_modules, "lora_dropout": lora.dropout}
    return get_peft_model(made, LoraConfig(r=lora.rank, **how))


@pytest.mark.parametrize(
    "given",
    [
        {"method": "full"},
        {"lora": {"target_modules": "all-linear"}},
        {"lora": {"target_modules": ["q_proj", "down_proj"]}},
        {"lora": {"target_modules": r".*\.(up|gate)_proj"}},
        {"freeze": {"first": 2}},
        {"freeze": {"last": 1, "layers": [0]}},
        {"freeze": {"modules": ["model.embed_tokens", "model.layers.1"]}},
        {"freeze": {"modules": ["lm_head"], "first": 1}},
    ],
)
def test_trained_parameters_are_those_that_get_gradients(given):
    from papertune.training.methods import frozen_modules

    recipe = Recipe.model_validate({"method": next(iter(given)), **given})
    made = model("llama", LIKE_LLAMA)
    arch = architecture_of(made.config.to_dict())
    if recipe.freeze:
        for name in frozen_modules(made, recipe.freeze, "here"):
            made.get_submodule(name).requires_grad_(False)
    elif recipe.with_adapters:
        made = adapted(made, recipe.lora)
    expected = sum(p.numel() for p in made.parameters() if p.requires_grad)
    assert Trained(arch, recipe, CPU).parameters == expected


# ---- what layers keep ---------------------------------------------------------------------------

LENGTH, ROWS = 37, 3


def kept(made, half: bool) -> int:
    """Bytes of activations that autograd keeps, weights and their copies left out."""
    import torch

    weights = {p.untyped_storage().data_ptr() for p in made.parameters()}
    shapes = {tuple(p.shape) for p in made.parameters()}
    shapes |= {shape[::-1] for shape in shapes}
    seen = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        copied = tensor.dtype == torch.bfloat16 and tuple(tensor.shape) in shapes
        if storage.data_ptr() not in weights and not copied:
            seen[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    ids = torch.arange(ROWS * LENGTH).reshape(ROWS, LENGTH) % 200
    mask = torch.ones_like(ids)
    mask[0, -3:] = 0  # padded, as batches are
    made.train()
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=half),
    ):
        made(input_ids=ids, attention_mask=mask, use_cache=False)
    return sum(size for size, _ in seen.values())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("role", ["trained", "adapters", "dropout", "passed"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "gemma2", "falcon"])
def test_a_layer_keeps_what_is_estimated(name, role, half):
    family, values = BASES[name]
    lora = Lora(rank=5, dropout=0.1 if role == "dropout" else 0.0)
    with_adapters = role in ("adapters", "dropout")
    how = recipe("lora" if with_adapters else "full", max_length=LENGTH)
    how = how.model_copy(update={"lora": lora})
    sizes = []
    for layers in (2, 3):
        made = model(family, values, layers)
        arch = architecture_of(made.config.to_dict())
        if with_adapters:
            made = adapted(made, lora)
        if role == "passed":
            for path, parameter in made.named_parameters():
                parameter.requires_grad_(f"{arch.stem}." not in path)
        sizes.append(kept(made, half))
    trained = Trained(arch, how, Machine(half=half))
    estimate = ROWS * LENGTH * trained.kept("adapters" if with_adapters else role)
    assert estimate == pytest.approx(sizes[1] - sizes[0], rel=0.01)


# ---- what it comes to ---------------------------------------------------------------------------


def peak(method: str = "full", arch=GPT2_SMALL, machine=GPU, parts: dict | None = None, **training):
    one = {"training": training, **(parts or {})}
    return training_peak(arch, Recipe.model_validate({"method": method, **one}), machine)


@pytest.mark.parametrize("machine", [GPU, CPU])
@pytest.mark.parametrize("method", ["full", "lora", "qlora", "scratch"])
def test_more_of_anything_takes_more(method, machine):
    def size(**training) -> int:
        return peak(method, machine=machine, **training).device

    sizes = [size(batch_size=batch) for batch in (1, 2, 16, 32, 64)]
    lengths = [size(batch_size=16, max_length=length) for length in (64, 128, 256, 512, 1024)]
    for grown in (sizes, lengths):
        assert grown == sorted(grown) and grown[-1] > grown[0]
    # a context of 1,024 holds no more
    assert size(max_length=4096) == size(max_length=1024)
    assert size(batch_size=64, gradient_checkpointing=True) < size(batch_size=64)


def test_methods_processes_and_packing_take_less_in_their_order():
    def size(method: str, **parts) -> int:
        return peak(method, FALCON_7B, parts=parts, batch_size=1, max_length=256).device

    frozen = size("freeze", freeze={"first": 16})
    assert size("qlora") < size("lora") < frozen < size("full")
    # in 4 bit with double quantisation: about half a byte for each, embeddings in 16 bit
    assert 3.9e9 < Trained(FALCON_7B, recipe("qlora"), GPU).weights(BF16) < 4.5e9
    assert size("lora", lora={"rank": 4}) < size("lora", lora={"rank": 256})
    assert size("qlora") < size("qlora", quantization={"double": False})
    rows = {"batch_size": 16, "max_length": 512}
    assert peak(machine=replace(GPU, processes=8), **rows).device < peak(**rows).device
    # a process computes its share of an update, up to the batch, though that divides it unevenly
    uneven = recipe(batch_size=8, accumulation=3, max_length=512)
    assert Trained(GPT2_SMALL, uneven, replace(GPU, processes=2)).tokens == 8 * 512
    cut = {"examples": {"packing": "blocks", "length": 128}}
    assert peak(parts=cut, **rows).device < peak(**rows).device


def test_optimisers_take_what_they_keep_of_each_parameter():
    names = ("adamw", "adamw_8bit", "paged_adamw_32bit", "sgd")
    peaks = [peak(optimizer=name) for name in names]
    whole, in_8_bit, paged, none = (one.optimizer / GPT2_SMALL.parameters for one in peaks)
    assert whole == 8 and paged == none == 0
    assert 2 < in_8_bit < 4.5  # the embedding's stay in 32 bit
    assert peaks[2].host > peaks[0].host


def test_answering_takes_weights_a_cache_and_logits():
    def size(method="baseline", arch=GPT2_SMALL, machine=GPU, batch_size=8):
        answering = Answering(max_new_tokens=64, batch_size=batch_size)
        return answering_peak(arch, recipe(method, max_length=512), answering, machine)

    assert size().weights * 2 == size(machine=CPU).weights == 4 * GPT2_SMALL.parameters
    assert size(batch_size=64).device > size().device
    assert size("qlora", FALCON_7B).device < size("lora", FALCON_7B).device - 9e9


def test_an_unknown_architecture_counts_its_weights_and_no_sizes_tell_nothing(tmp_path):
    made = model("opt", {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2})
    made.save_pretrained(tmp_path)
    arch = read_architecture(tmp_path)
    assert not arch.exact
    assert arch.parameters == pytest.approx(sum(p.numel() for p in made.parameters()))
    for config in ("{}", '{"model_type": "gpt2"}', '{"hidden_size": "wide"}', "{"):
        (tmp_path / "config.json").write_text(config)
        assert read_architecture(tmp_path) is None


# ---- what is said -------------------------------------------------------------------------------


def test_what_would_fit_is_named_with_its_own_estimate():
    said = what_would_fit(GPT2_SMALL, recipe(batch_size=8, max_length=1024), GPU, 5.2e9)
    for change, how in {
        "training.gradient_checkpointing: true": {"batch_size": 8, "gradient_checkpointing": True},
        "training.batch_size: 2 with accumulation: 4": {"batch_size": 2, "accumulation": 4},
    }.items():
        size = peak(max_length=1024, **how).device
        assert f"{change} ({size / 1e9:.1f} GB)" in said and size <= 5.2e9, said
    assert "method: lora" in said and "method: qlora" in said
    # of adapters without quantisation, a GPU of 12 GB holds no 7B model
    seven = what_would_fit(FALCON_7B, recipe(batch_size=4, max_length=512), GPU, 12e9)
    assert "method: qlora" in seven and "method: lora" not in seven
    assert "the least is" in what_would_fit(FALCON_7B, recipe(), GPU, 1e9)


def test_parts_of_a_model_fit_where_the_whole_does_not():
    how = {"batch_size": 8, "max_length": 512, "gradient_checkpointing": True}
    whole, parts = (replace(GPU, processes=8, sharded=sharded) for sharded in (False, True))
    large, small = (peak(arch=FALCON_7B, machine=machine, **how) for machine in (whole, parts))
    # weights, gradients and two moments are 16 bytes for a parameter; each process has an eighth
    cut = 16 * FALCON_7B.parameters
    assert large.device > cut and cut / 8 < small.device < cut / 8 + 12e9
    assert small.weights + small.optimizer == pytest.approx(12 * FALCON_7B.parameters / 8, rel=1e-6)
    # each reads the file as a whole
    assert small.host >= 4 * FALCON_7B.parameters
    seven = recipe(**how)
    assert "compute.parallel: fsdp" in what_would_fit(FALCON_7B, seven, whole, 80e9)
    assert "fsdp" not in what_would_fit(FALCON_7B, seven, replace(whole, processes=1), 80e9)
    # answers in between are made with all weights
    judged = peak(arch=FALCON_7B, machine=parts, best_by="token_f1", batch_size=8)
    assert judged.phases["answers"] == 2 * FALCON_7B.parameters


def gpus(**sizes: float):
    """What one GPU has, by work."""
    return lambda task: sizes.get(task.work) if task.on_gpu else None


def isca(tmp_path: Path, find_batch: bool = True, **changes) -> Layout:
    experiment = load_experiment(ROOT / "config/experiments/isca.yaml")
    compute = experiment.compute.model_copy(update={"memory_mb": None, **changes})
    training = experiment.training.model_copy(update={"find_batch": find_batch})
    changed = {"compute": compute, "training": training}
    layout = Layout("isca", experiment.model_copy(update=changed), str(tmp_path))
    base = Path(layout.base("full"))
    base.mkdir(parents=True, exist_ok=True)
    (base / "config.json").write_text(json.dumps(GPT2_CONFIG))
    return layout


def test_a_folder_that_is_no_base_is_found_before_anything_is_made_for_it(tmp_path):
    (found,) = check_bases([layout := isca(tmp_path)])
    assert found.state == "wrong" and "no safetensors weights in the folder" in found.text
    assert layout.base("full") in found.text
    (Path(layout.base("full")) / "model.safetensors").write_bytes(b"cut")
    assert {one.hint for one in check_bases([layout])} == {"download the complete model again"}


def test_models_that_do_not_fit_are_an_error_with_what_would(tmp_path):
    tasks = tasks_of(isca(tmp_path, find_batch=False))
    small = gpus(train=5e9, answer=5e9)
    found = {item.text.partition(" takes")[0]: item for item in check_memory(tasks, small)}
    bad = found["isca: training full"]
    assert bad.state == "wrong" and "but 5.0 GB are there" in bad.text
    assert "what would fit: training.batch_size: " in bad.hint and "qlora" in bad.hint
    assert found["isca: answering of full"].state == "ok"
    large = list(check_memory(tasks, gpus(train=80e9, answer=80e9)))
    assert {item.state for item in large} == {"ok"}
    assert "and 80.0 GB are there" in str(large)
    unknown = list(check_memory(tasks, gpus()))
    assert "isca: a GPU of 24 GB or more is needed" in unknown[-2].text
    assert "set gpu_memory_gb in the profile" in unknown[-1].text
    assert "!! isca: training full takes about" in show_memory(tasks, small)
    # a batch that is found by itself has to fit at its smallest
    (found,) = check_memory([Task(isca(tmp_path), "train", "full")], small)
    assert found.state == "ok"


def test_what_jobs_ask_for_is_said_or_estimated_and_grows(tmp_path):
    said = isca(tmp_path, memory_mb=3000, shards=2)
    assert memory_mb(Task(said, "train", "full"), 3) == 3000
    assert memory_mb(Task(said, "answer", "full"), 3) == 6000
    estimated = isca(tmp_path / "estimated", shards=2)
    task = Task(estimated, "train", "full")
    asked = [memory_mb(task, attempt) for attempt in range(1, 6)]
    assert asked[0] > peak_of(task).host / 1e6
    assert asked[1] == 1.5 * asked[0] and asked[2] == asked[4] == 2 * asked[0]
    # four processes on a node, each with a model of its own
    four = isca(tmp_path / "four", gpu=4)
    assert memory_mb(Task(four, "train", "full")) == 4 * asked[0]


def test_of_a_base_that_is_not_here_nothing_is_known_but_what_the_hub_tells(tmp_path, monkeypatch):
    from huggingface_hub import constants

    study = load_experiment(ROOT / "config/experiments/isca.yaml")
    bases = {"gpt2": study.bases["gpt2"].model_copy(update={"hub": "lab/of-no-card"})}
    layout = Layout("isca", study.model_copy(update={"bases": bases}), str(tmp_path))
    task = Task(layout, "train", "full")
    (found,) = check_memory([task], gpus())
    assert found.state == "doubt" and "download_base" in found.hint
    with serving() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url())
        hub.otherwise = (200, {}, "[" * 100_000)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        ask_hub([layout])
        assert hub.asked and peak_of(task) is None
        hub.asked.clear()
        hub.otherwise = (200, {}, GPT2_CONFIG | {"vocab_size": 9})
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        ask_hub([layout])
        assert hub.asked == [] and peak_of(task) is None
        monkeypatch.delenv("HF_HUB_OFFLINE")
        ask_hub([layout])
        hub.otherwise = (200, {}, {"model_type": "t5", "quantization_config": {"bits": 4}})
        told = [str(finding) for finding in ask_hub([layout])]
        assert "encoder-decoder" in told[0] and "quantised" in told[1]
        del hub.asked[1:]
        revision = layout.experiment.bases["gpt2"].revision
        assert hub.paths == [f"/lab/of-no-card/resolve/{revision}/config.json"]
        assert peak_of(task).weights == 4 * (GPT2_SMALL.parameters - (50257 - 9) * 768)


LLAMA = {"model_type": "llama"} | LIKE_LLAMA
UNKNOWN = {"model_type": "of somebody's own"} | LIKE_LLAMA  # so its weights are counted
SPOILED = {
    "fifo": (os.mkfifo, b""),
    "deep": (b"[" * 100_000, b""),
    "list": ([LLAMA], b""),
    "text": (LLAMA | {"text_config": "llama"}, b""),
    "infinite": (LLAMA | {"vocab_size": 1e999}, b""),
    "large": (LLAMA | {"num_hidden_layers": 10**400}, b""),
    "negative": (LLAMA | {"vocab_size": -(10**9)}, b""),
    "header of a fifo": (UNKNOWN, os.mkfifo),
    "deep header": (UNKNOWN, (100_000).to_bytes(8, "little") + b"[" * 100_000),
    "endless header": (UNKNOWN, b"\xff" * 8 + b"{}{"),
    "header of texts": (UNKNOWN, (10).to_bytes(8, "little") + b'{"a": "b"}'),
}


@pytest.mark.parametrize("which", SPOILED)
def test_of_a_base_that_somebody_spoiled_nothing_is_known(tmp_path, which):
    for name, said in zip(("config.json", "model.safetensors"), SPOILED[which], strict=True):
        path = tmp_path / name
        if callable(said):
            said(path)
        else:
            path.write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
    code = "import sys; from papertune.footprint.architecture import read_architecture\n"
    code += "assert read_architecture(sys.argv[1]) is None"
    assert python(code, tmp_path).wait(20) == 0


def test_a_base_in_the_form_of_the_hubs_cache_is_known(tmp_path):
    """Its files are links."""
    (tmp_path / "blob").write_text(json.dumps(LLAMA))
    (tmp_path / "config.json").symlink_to("blob")
    assert read_architecture(tmp_path) == architecture_of(LLAMA)


def test_planning_loads_no_torch():
    code = (
        "import sys; import papertune.footprint.study, papertune.cluster.machine\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    assert python(code).wait() == 0


# ---- and what it really takes -------------------------------------------------------------------


@pytest.mark.slow
def test_a_training_takes_what_was_estimated(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from training_memory import Case, llama, measure

    # the weights, then the logits, are the most of it
    case = Case("", llama(256, 4, 8000), training={"batch_size": 8, "max_length": 256})
    estimate, measured, note = measure(case)
    assert 0.95 <= estimate / measured <= 1.5, (estimate, measured, note)


def test_a_job_that_starts_a_server_asks_for_both_and_for_a_merge(tmp_path):
    layout = isca(tmp_path)

    def host(model, **answering):
        settings = layout.experiment.answering.model_copy(update={"engine": "server", **answering})
        study = layout.experiment.model_copy(update={"answering": settings})
        return peak_of(Task(replace(layout, experiment=study), "answer", model)).host

    line = {"serve": "a $model --port $port"}
    own = peak_of(Task(layout, "answer", "full")).host
    assert own == host("full", url="http://a.example") < host("full", **line)
    assert host("lora", **line, adapters="b") <= host("lora", **line)
