"""Exported model folders: cards from facts, merged weights, generation settings."""

import dataclasses
import json
import os

import pytest

from papertune.errors import TrainingError
from papertune.models.digests import weights_digest
from papertune.models.licences import licence_of
from papertune.models.loading import load_model, load_tokenizer
from papertune.models.modelcard import block, name_model, text
from papertune.records import Score, write_records
from papertune.report.export import export_model
from papertune.study.design import Design
from papertune.study.layout import Origin
from papertune.study.settings import Answering, Comparison
from processes import python
from tiny_models import make_model
from tiny_training import Runs, facts_of, pairs

ORIGIN = Origin(
    experiment="colours", model="tuned", base="small", hub="owner/small", revision="a" * 40,
    source="files", dataset="rules",
)  # fmt: skip
HOW = Comparison(metric="token_f1")
DESIGN = Design(["token_f1"], {"tuned": "plain"}, ["tuned"], {}, HOW, {"extractive": "extractive"})


@pytest.fixture
def trained(tmp_path):
    """Trains a model on a few pairs; gives its folder and its base's."""

    def run(method, family="llama", prepare=lambda base: None):
        prepare(base := make_model(tmp_path / "base", family=family))
        runs = Runs(tmp_path, base=base)
        writer = {"backend": "openai", "model": "some`<b>model</b>"}
        runs.data([
            dataclasses.replace(pair, year=2010 + i % 3, provenance=writer | {"decoding": {"seed": i}})
            for i, pair in enumerate(pairs(0, 16))
        ], pairs(16, 4))  # fmt: skip
        how = {"epochs": 1, "learning_rate": 2e-2, "evaluations": 1}
        output = runs("tuned", method=method, **how)
        name_model(output, ORIGIN, base, [runs.train], [runs.validation])
        return output, base

    return run


def linked_licence(base):
    """As a folder of the Hub's cache has it: a link to a file of its own."""
    (base / "terms").write_text("MIT License")
    (base / "LICENSE").symlink_to("terms")
    (base / "COPYING").write_text("MIT License")
    (base / "LICENSES").mkdir()


def exported(model, base, folder, scores=None):
    export_model(
        model=model, base=base, output=folder, scores=scores or {}, design=DESIGN,
        answering=Answering(max_new_tokens=7), origin=ORIGIN,
    )  # fmt: skip
    return folder


def logits(model, tokenizer):
    ids = tokenizer("Cache 3 is green. What is cache 3?", return_tensors="pt")["input_ids"]
    return model(ids, use_cache=False).logits.detach().float()


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_a_merged_model_is_the_adapter_on_its_base(trained, tmp_path, family, method):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, base = trained(method, family)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    folder = exported(model, base, tmp_path / "export")
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert not list(folder.glob("adapter*")) and list(folder.glob("*.safetensors"))

    whole = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    got, wanted = logits(whole, tokenizer), logits(load_model(model, base=base), tokenizer)
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3)
    # the adapter does something, and what is merged is not the base alone
    assert (logits(load_model(base), tokenizer) - wanted).abs().max() > 0.05
    asked = tokenizer("Cache 1 is", return_tensors="pt")
    assert 3 < whole.generate(**asked).shape[1] <= asked["input_ids"].shape[1] + 7
    own = json.loads((model / "generation_config.json").read_text())
    assert own["eos_token_id"] == tokenizer.eos_token_id
    assert own["pad_token_id"] == tokenizer.pad_token_id and not own.get("do_sample")
    said = "4 bit (nf4), dequantised" if method == "qlora" else "the weights of its base"
    assert said in (folder / "README.md").read_text()


def test_a_merged_model_is_stored_as_its_base_is(trained, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM

    def half(base):
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)

    model, base = trained("lora", prepare=half)
    folder = exported(model, base, tmp_path / "export")
    whole, tokenizer = AutoModelForCausalLM.from_pretrained(folder), load_tokenizer(folder)
    assert whole.dtype == torch.bfloat16
    assert "stored as bfloat16" in (folder / "README.md").read_text()
    wanted = logits(load_model(model, base=base, precision="fp32"), tokenizer)
    torch.testing.assert_close(logits(whole, tokenizer), wanted, rtol=0.05, atol=0.5)


def test_a_whole_model_is_linked_with_its_results_and_its_own_folder_stays(trained, tmp_path):
    from huggingface_hub import ModelCard

    model, base = trained("full", prepare=linked_licence)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    scores = {}
    for name, seed, value in (("tuned", 1, 0.75), ("plain", 0, 0.25)):
        path = scores[name, seed, "cloze"] = tmp_path / f"{name}.jsonl"
        write_records(path, [Score(f"p{i}", f"d{i}", 2020, {"token_f1": value}) for i in range(9)])
    folder = exported(model, base, tmp_path / "export", scores)
    assert (folder / "model.safetensors").samefile(model / "model.safetensors")
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    own, theirs = (json.loads((f / "generation_config.json").read_text()) for f in (model, folder))
    assert (own["max_new_tokens"], theirs["max_new_tokens"]) == (64, 7)
    assert not (folder / "LICENSE").is_symlink()
    assert {"LICENSE", "COPYING", "results.csv"} <= {*os.listdir(folder)}
    assert (folder / "LICENSE").read_text() == "MIT License"
    # results stand in the card once there are scores
    card = ModelCard.load(folder / "README.md")
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("token_f1", 0.75)
    assert "| cloze | Token F1 | 0.750 (few documents) | +0.500 | 9 | 9 |" in card.text
    assert card.data.library_name == "transformers"
    exported(model, base, folder)  # again, in the place of the one before
    assert (model / "model.safetensors").read_bytes() == before["model.safetensors"]


@pytest.mark.parametrize("name", ["LICENSE", "chat_template.jinja", "config.json"])
def test_a_link_that_leads_out_of_a_base_is_exported_by_nobody(tmp_path, name):
    """What it leads to may be a key of the user's; the export is for everybody."""
    secret = tmp_path / "id_ed25519"
    secret.write_text("a key")
    model, base = tmp_path / "model", tmp_path / "base"
    model.mkdir()
    base.mkdir()
    for folder in (model, base):
        (folder / name).symlink_to(secret)
        with pytest.raises(TrainingError, match="a link that leads to") as error:
            exported(model, base, tmp_path / "export")
        assert str(folder / name) in str(error.value) and not (tmp_path / "export").exists()
        (folder / name).unlink()


def test_the_card_is_made_from_the_facts(trained):
    from huggingface_hub import ModelCard

    model, _ = trained("lora")
    card, facts = ModelCard.load(model / "README.md"), facts_of(model)
    assert card.data.library_name == "peft"
    assert (card.data.base_model, card.data.license) == ("owner/small", "unknown")
    assert card.data.eval_results is None and "## Results" not in card.text
    for value in (
        f"{facts['steps']:,}", f"{facts['tokens_seen']:,}", f"{facts['trainable_parameters']:,}",
        f"{facts['best_validation_loss']:.4f}", facts["data"]["sha256"], "2010–2012", "a" * 40,
        "$instruction $context $question", facts["versions"]["torch"],
    ):  # fmt: skip
        assert value in card.text, value
    assert facts["data"]["pairs"] == {"train": 16, "validation": 4}
    assert facts["data"]["documents"] == 16 and len(facts["data"]["writers"]) == 1
    # what a model or a page calls itself is no markup
    assert "<b>" not in card.text and "&lt;b&gt;" in card.text


@pytest.mark.parametrize(
    ("files", "licence"),
    [
        ({}, ("unknown", "")),
        ({"README.md": "---\nlicense: Apache-2.0\n---\n# x"}, ("apache-2.0", "README.md")),
        ({"README.md": "---\nlicense: other\nlicense_name: llama3.2\n---\n"}, ("llama3.2", "README.md")),
        ({"README.md": "---\nlicense: '<script>x</script>'\n---\n"}, ("other", "README.md")),
        ({"README.md": "# no front matter", "LICENSE": "Apache License\n  Version 2.0, January"},
         ("apache-2.0", "LICENSE")),
        ({"README.md": "---\n: [broken\n---\n", "LICENSE.txt": "Our own terms"}, ("other", "LICENSE.txt")),
        ({"config.json": '{"license": "gemma"}'}, ("gemma", "config.json")),
        ({"config.json": "no json"}, ("unknown", "")),
    ],
)  # fmt: skip
def test_a_licence_is_read_and_never_guessed(tmp_path, files, licence):
    for name, said in files.items():
        (tmp_path / name).write_text(said)
    assert licence_of(tmp_path) == licence


@pytest.mark.parametrize("name", ["README.md", "config.json", "LICENSE"])
def test_nobody_waits_for_a_licence(tmp_path, name):
    os.mkfifo(tmp_path / name)
    code = (
        "import sys; from pathlib import Path; from papertune.models.licences import licence_of\n"
    )
    code += "assert licence_of(Path(sys.argv[1])) == ('unknown', '')"
    assert python(code, tmp_path).wait(60) == 0


def test_settings_of_an_adapter_that_are_none_are_named(tmp_path):
    (tmp_path / "model.safetensors").touch()
    for said in ("[" * 100_000, "[]", "{"):
        (tmp_path / "adapter_config.json").write_text(said)
        with pytest.raises(TrainingError, match="not have the settings of an adapter"):
            weights_digest(tmp_path)


@pytest.mark.parametrize(
    "hostile",
    ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "`` ` ``", "a | b\n# c", "![x](y)",
     "https://evil.example", "www.evil.example", "**b** _i_ ~s~ $x$", "me@evil.example"],
)  # fmt: skip
def test_words_of_others_are_no_markup(hostile):
    shown = text(hostile)
    assert "\n" not in shown and "<" not in shown
    assert "://" not in shown
    for mark in "`*_[]()#!|~$@":
        assert shown.count(mark) == shown.count("\\" + mark), shown
    assert "www." not in shown
    # a prompt cannot end its code block
    shown = block("a\n````\n# b", "text").splitlines()
    assert (shown[0], shown[-1]) == ("`````text", "`````")
