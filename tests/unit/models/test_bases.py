"""Checks of a base before use; tokens that its tokenizer lost; its identity."""

import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from papertune.errors import TrainingError
from papertune.examples.forms import Form
from papertune.examples.tokens import start_tokens
from papertune.files import file_digest
from papertune.models import digests
from papertune.models.beginning import save_tokenizer
from papertune.models.digests import weights_digest
from papertune.models.examination import check_base, problems
from papertune.models.loading import load_model, load_tokenizer, merged_model
from papertune.study.settings import Lora
from papertune.training.methods import with_adapters
from tiny_models import make_model
from tiny_training import PROMPT, Runs, facts_of, pairs

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("whole") / "base")


@pytest.fixture
def base(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "base"))


def change(path: Path, **values) -> None:
    """Change values of a JSON file; None takes one out."""
    said = json.loads(path.read_text()) if path.exists() else {}
    said = {key: value for key, value in {**said, **values}.items() if value is not None}
    path.write_text(json.dumps(said))


def config(**values):
    return lambda base: change(base / "config.json", **values)


def only(name):
    """Weights in a file of another kind only."""

    def take(base):
        (base / WEIGHTS).unlink()
        (base / name).write_bytes(b"GGUF")

    return take


def far_token(base):
    known = json.loads((base / "tokenizer.json").read_text())
    far = {"id": 999, "content": "<far>", "special": False}
    known["added_tokens"].append(known["added_tokens"][0] | far)
    (base / "tokenizer.json").write_text(json.dumps(known))


def image_token(base, **written):
    """A token of images beyond the embedding, as of Gemma 3: no text has it."""
    known = json.loads((base / "tokenizer.json").read_text())
    far = {"id": 320, "content": "<image>", "special": True}
    known["added_tokens"].append(known["added_tokens"][0] | far)
    (base / "tokenizer.json").write_text(json.dumps(known))
    change(base / "tokenizer_config.json", **written)


def cut_off(path):
    os.truncate(path, 40)


def in_its_place(base):
    shutil.rmtree(base)
    base.write_text("weights")


def sharded(base, weights="model.norm.weight", file="model-00001-of-00002.safetensors"):
    os.rename(base / WEIGHTS, base / "model-00001-of-00002.safetensors")
    if weights:
        change(base / INDEX, weight_map={weights: file})


WRONG = {
    "weights are a pointer": (lambda b: (b / WEIGHTS).write_text(POINTER), "git-lfs pointer"),
    "tokenizer is a pointer": (lambda b: (b / "tokenizer.json").write_text(POINTER), "git-lfs"),
    "half of the weights": (lambda b: os.truncate(b / WEIGHTS, 9_000), "is incomplete"),
    "a byte is missing": (lambda b: os.truncate(b / WEIGHTS, (b / WEIGHTS).stat().st_size - 1),
                          "its header says"),
    "no header": (lambda b: (b / WEIGHTS).write_bytes(struct.pack("<Q", 4) + b"[]{}"), "is incomplete"),
    "empty": (lambda b: (b / WEIGHTS).write_bytes(b""), "is incomplete"),
    "an index of what is not there": (lambda b: sharded(b, file="model-00002-of-00002.safetensors"),
                                      "files of the weights are missing: model-00002"),
    "an index of other weights": (lambda b: sharded(b, weights="gone"), "weights are not in"),
    "no index": (lambda b: sharded(b, weights=""), "neither model.safetensors nor"),
    "no weights": (lambda b: (b / WEIGHTS).unlink(), "no safetensors weights"),
    "pickled": (only("pytorch_model.bin"), "pickled only"),
    "gguf": (only("model.gguf"), r"(?s)GGUF only.*gguf: .*/model\.gguf"),
    "adapters": (lambda b: change(b / "adapter_config.json", r=4), "which are not a complete model"),
    "no configuration": (lambda b: (b / "config.json").unlink(), "config.json cannot be read"),
    "encoder-decoder": (config(model_type="t5", architectures=["T5ForConditionalGeneration"]),
                        "an encoder-decoder"),
    "encoder-decoder by its mark": (config(is_encoder_decoder=True), "an encoder-decoder"),
    "encoder": (config(model_type="bert", architectures=["BertForMaskedLM"]), "does not generate"),
    "no head": (config(architectures=["LlamaModel"]), "does not generate"),
    "custom code": (config(model_type="mine", auto_map={"AutoConfig": "mine.Config"}),
                    "has its own code"),
    "unknown": (config(model_type="mine"), "does not know the architecture 'mine'"),
    "of images": (config(model_type="llava", architectures=["LlavaForConditionalGeneration"]),
                  "cannot be loaded as a text-only model"),
    "of speech": (config(model_type="speech_to_text", architectures=["S2TForConditionalGeneration"]),
                  "cannot be loaded as a text-only model"),
    "a file": (in_its_place, "not a folder"),
    "half a tokenizer": (lambda b: cut_off(b / "tokenizer.json"), "tokenizer.json cannot be read"),
    "odd settings": (config(text_config=[1]), "are not those of a model"),
    "a far token in the template": (lambda b: image_token(b, chat_template="<image>{{ x }}"), "320"),
    "a far end": (lambda b: image_token(b, eos_token="<image>"), r"320 \('<image>'\)"),
    "gptq": (config(quantization_config={"quant_method": "gptq", "bits": 4}), r"quantised \(gptq\)"),
    "no tokenizer": (lambda b: (b / "tokenizer.json").unlink(), "there is no tokenizer"),
    "a far token": (far_token, r"999 \('<far>'\), but the model's embedding has 320"),
    "an end nowhere": (lambda b: change(b / "tokenizer_config.json", eos_token="<stop>"),
                       "end token '<stop>' is not in"),
    "no end": (lambda b: [change(b / name, eos_token=None, eos_token_id=None) for name in
                          ("tokenizer_config.json", "config.json", "generation_config.json")],
               "no end token"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_folder_that_is_no_base_is_told_of_in_words(base, name):
    assert not [*problems(base)]
    spoil, message = WRONG[name]
    spoil(base)
    with pytest.raises(TrainingError, match=message) as error:
        check_base(base)
    assert str(base) in str(error.value) and error.value.hint


def test_shards_and_what_transformers_knows_by_itself_are_fine(base):
    from safetensors.torch import load_file, save_file

    weights = load_file(base / WEIGHTS)
    (base / WEIGHTS).unlink()
    names = sorted(weights)
    for number, some in enumerate((names[:3], names[3:]), 1):
        save_file({n: weights[n] for n in some}, base / f"model-0000{number}-of-00002.safetensors")
    places = {n: f"model-0000{1 + (n not in names[:3])}-of-00002.safetensors" for n in names}
    change(base / INDEX, weight_map=places)
    change(base / "config.json", auto_map={"AutoConfig": "configuration_llama.LlamaConfig"})
    image_token(base)
    assert not [*problems(base)]


def test_weights_that_are_not_there_are_never_random(base):
    from safetensors.torch import load_file, save_file

    weights = load_file(base / WEIGHTS)
    save_file({n: w for n, w in weights.items() if "layers.1.mlp" not in n}, base / WEIGHTS)
    with pytest.raises(TrainingError, match="3 weights of the model are not in its files"):
        load_model(base)


# family, what its tokenizer says, and whether the beginning is added
BEGINNINGS = [
    ("gemma2", {}, True), ("gemma2", {"add_bos_token": False}, False), ("llama", {}, False),
    ("llama", {"add_bos_token": True}, True), ("qwen2", {}, False),
]  # fmt: skip


@pytest.mark.parametrize(("family", "said", "added"), BEGINNINGS)
def test_a_beginning_that_the_tokenizer_lost_is_added_where_it_is_needed(
    tmp_path, family, said, added
):
    base = make_model(tmp_path / "base", family=family)
    change(base / "config.json", bos_token_id=2)
    change(base / "tokenizer_config.json", **said)
    tokenizer = load_tokenizer(base)
    assert start_tokens(tokenizer) == ([2] if added else [])
    assert ("it is added before" in tokenizer.beginning) == added
    assert ("are read without it" in tokenizer.beginning) != added
    save_tokenizer(tokenizer, tmp_path)  # as an adapter's, without a configuration
    prompt, _ = next(Form(load_tokenizer(tmp_path), "prompt", PROMPT).tokens(pairs(0, 1)))
    assert (prompt[0] == 2) == added


def test_what_is_trained_begins_as_it_was_trained(tmp_path):
    base = make_model(tmp_path / "base", family="gemma2")
    change(base / "config.json", bos_token_id=2)
    folder = Runs(tmp_path, base=base)("m", epochs=2, evaluations=1, learning_rate=2e-2)
    tokenizer = load_tokenizer(folder)
    assert next(Form(tokenizer, "prompt", PROMPT).tokens(pairs(0, 1)))[0][0] == 2
    assert "it is added before" in facts_of(folder)["beginning"]


def test_an_end_that_only_the_configuration_names_is_taken(base):
    change(base / "tokenizer_config.json", eos_token=None)
    assert load_tokenizer(base).eos_token == "<end>"
    change(base / "config.json", eos_token_id=None)
    with pytest.raises(TrainingError, match="no end token"):
        load_tokenizer(base)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("where", ["head", "embedding"])
def test_adapters_on_tied_embeddings_export_to_the_model_that_was_scored(tmp_path, family, where):
    import torch
    from transformers import AutoModelForCausalLM

    base = make_model(tmp_path / "base", family=family, tied=True)
    embedding = {"llama": "embed_tokens", "gpt2": "wte"}[family]
    target = ["lm_head"] if where == "head" else f".*{embedding}"
    folder = tmp_path / "adapter"
    adapted = with_adapters(load_model(base), Lora(rank=4, target_modules=target), "b", without=[])
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    adapted.save_pretrained(folder)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        scored = load_model(folder, base=base, precision="fp32")(ids).logits
        plain = load_model(base, precision="fp32")(ids).logits
        merged_model(folder, base)[0].save_pretrained(tmp_path / "export")
        export = AutoModelForCausalLM.from_pretrained(tmp_path / "export", dtype=torch.float32)
        exported = export(ids).logits
    assert (scored - plain).abs().max() > 0.01
    torch.testing.assert_close(exported, scored, rtol=1e-4, atol=1e-4)


# what an answer depends on, and what it does not
OF_THE_MODEL = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "chat_template.jinja", "additional_chat_templates/tools.jinja", "special_tokens_map.json",
    "merges.txt", "vocab.bpe", "qwen.tiktoken", "tokenizer.model", WEIGHTS,
]  # fmt: skip
BESIDE = ["README.md", "LICENSE.txt", "USE_POLICY.txt", "Terms.txt", "training.json", "history.csv"]


def test_the_identity_of_a_model_is_all_that_its_answers_depend_on(base):
    for name in (*OF_THE_MODEL, *BESIDE):
        (base / name).parent.mkdir(exist_ok=True)
        if not (base / name).exists():
            (base / name).write_text("{}")
    known = weights_digest(base)
    for path in base.rglob("*"):
        os.utime(path, (1, 1))
    assert weights_digest(base) == known
    for name in (*OF_THE_MODEL, *BESIDE):
        before = (base / name).read_bytes()
        (base / name).write_bytes(before + b" ")
        assert (weights_digest(base) != known) == (name in OF_THE_MODEL), name
        (base / name).write_bytes(before)


def test_files_that_have_not_changed_are_not_read_again_and_all_others_are(
    base, tmp_path, monkeypatch
):
    monkeypatch.setattr(digests, "LARGE", 1)
    read, weights, store = [], base / "model.safetensors", tmp_path / "store"
    monkeypatch.setattr(digests, "file_digest", lambda path: read.append(path) or file_digest(path))
    known = [weights_digest(base, store) for _ in range(2)]
    assert known == [weights_digest(base)] * 2 and read.count(weights) == 2
    read.clear()
    # other weights of the same size, and as if from the same moment
    was, data = weights.stat(), bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert weights_digest(base, store) not in known and read == [weights]
