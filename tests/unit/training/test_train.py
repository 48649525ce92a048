"""Real training: reproducible bytes, the Trainer's arguments, and the reports of a run."""

import itertools
import json

import pytest

from papertune.errors import TrainingError
from papertune.examples.tokens import MASKED, encode, labelled
from papertune.models.precision import Precision
from papertune.study.settings import Pretraining, Tokenizer, Training
from papertune.training import callback
from papertune.training import facts as run_facts
from papertune.training import train as training
from papertune.training.data import Text
from papertune.training.pretraining import make_tokenizer, pretrain
from papertune.training.trainer import training_arguments
from tiny_training import COLOURS, QUICK, bytes_of, facts_of


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_a_tokenizer_writes_any_string(kind):
    texts = [Text("Cache 1", " is red.")] * 20
    tokenizer = make_tokenizer(texts, Tokenizer(kind=kind, vocabulary=300), 64)
    odd = "Zoë – 5 µs\n\tis  red 猫"
    assert tokenizer.decode(tokenizer(odd, add_special_tokens=False)["input_ids"]) == odd
    if kind == "characters":
        assert len(tokenizer("Cache", add_special_tokens=False)["input_ids"]) == 5
        return
    # the loss counts the answer only, and long prompts lose their beginning
    some = [("Cache 1", " red."), ("Cache 1 is " * 30, " red."), ("Cache", " red." * 60)]
    found = labelled(tokenizer, encode(tokenizer, some), max_length=20)
    assert (len(found.rows), found.cut, found.rejected) == (2, 1, 1)
    short, cut = found.rows
    assert tokenizer.decode([t for t in short["labels"] if t != MASKED]) == " red.</s>"
    assert tokenizer.decode(short["input_ids"]) == "Cache 1 red.</s>"
    assert len(cut["input_ids"]) == 20
    assert tokenizer.decode(cut["input_ids"]).endswith("Cache 1 is  red.</s>")


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_pretrained_base_loads_as_any_model_does(tmp_path, family):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    texts = [{"prompt": f"Cache {i} is", "completion": f" {COLOURS[i % 6]}."} for i in range(40)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    shape = {"width": 16, "layers": 1, "intermediate": 32, "context": 96}
    settings = Pretraining.model_validate({
        "tokenizer": {"vocabulary": 300}, "training": QUICK,
        "architecture": {"family": family, **shape},
        "corpus": {"documents": "none"},
    })  # fmt: skip
    folder, checkpoints = tmp_path / "base", tmp_path / "c"
    texts = {"documents": [], "files": [tmp_path / "texts.jsonl"]}
    pretrain(settings, **texts, output=folder, checkpoints=checkpoints, threads=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
    assert None not in (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
    assert model.config.vocab_size == len(tokenizer)
    assert facts_of(folder)["examples"]["train"] >= 35 and not checkpoints.exists()


@pytest.mark.parametrize(
    ("texts", "said"),
    [(["one text alone"], "there is no example"), (["far too long " * 99] * 9, "into 96 tokens")],
)
def test_a_base_without_texts_that_fit_says_which_of_the_two_it_is(tmp_path, texts, said):
    path, folder = tmp_path / "texts.jsonl", tmp_path / "base"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    settings = Pretraining.model_validate({
        "tokenizer": {"vocabulary": 64}, "training": QUICK, "corpus": {"documents": "none"},
        "architecture": {"width": 16, "layers": 1, "intermediate": 32},
    })  # fmt: skip
    how = {"output": folder, "checkpoints": tmp_path / "c", "threads": 1}
    with pytest.raises(TrainingError, match=said) as told:
        pretrain(settings, documents=[], files=[path], **how)
    assert ("max_length" in told.value.hint) == ("96" in said)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(run, method):
    folder = run("one", method=method)
    one, facts = bytes_of(folder), facts_of(folder)
    assert facts["steps"] == 12 and facts["examples"]["train"] == 24
    assert facts["tokens_seen"] > 0 and facts["peak_memory_bytes"] > 0
    assert (facts["trainable_parameters"] < facts["total_parameters"]) == (method == "lora")
    kinds = {path.suffix for path in folder.iterdir()}
    assert ".safetensors" in kinds and not kinds & {".bin", ".pt", ".pth", ".pkl"}
    assert not run.checkpoints("one").exists()
    assert bytes_of(run("two", method=method)) == one
    assert bytes_of(run("one", method=method, seed=2)) != one
    if method == "full":
        # without dropout the seed changes nothing but the order
        given = [bytes_of(run("given", seed=seed, order="given")) for seed in (1, 2)]
        assert given[0] == given[1]


def test_what_comes_to_nothing_is_an_error_and_leaves_no_model(run):
    for how, validation, message in (
        ({"learning_rate": 1e30}, None, "at step"),
        ({"method": "baseline"}, None, "is not trained"),
        ({}, [], "nothing to validate on"),
    ):
        run.data(validation=validation)
        with pytest.raises(TrainingError, match=message):
            run("broken", **how)
        assert not (run.folder / "broken" / "seed-1").exists()


def arguments(folder, **settings):
    training, own = Training(batch_size=6, **settings), {"checkpoints": folder, "what": "run"}
    own["precision"] = Precision("fp32", "asked for")
    return training_arguments(training, steps=8, update=6, seed=1, **own)


def test_a_process_uses_one_gpu_though_it_sees_four(tmp_path, monkeypatch):
    """Without a GPU: the Trainer counts what it sees, and shares out batches to that many."""
    import torch
    from transformers import TrainingArguments

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr("papertune.training.trainer.device_name", lambda: "cuda")
    assert TrainingArguments(output_dir=str(tmp_path)).n_gpu == 4
    told = arguments(tmp_path)
    assert not told.use_cpu
    assert (told.n_gpu, told.train_batch_size, told.eval_batch_size) == (1, 6, 16)


def test_the_trainer_is_told_what_the_settings_say(tmp_path):
    told = arguments(
        tmp_path, clip=0.3, weight_decay=0.5, schedule="cosine", gradient_checkpointing=True
    )
    assert (told.max_grad_norm, told.weight_decay, told.lr_scheduler_type) == (0.3, 0.5, "cosine")
    assert told.gradient_checkpointing
    # a warm-up is a share of the updates below 1, and their number above
    steps = {warmup: arguments(tmp_path, warmup=warmup).warmup_steps for warmup in (0.0, 0.25, 4)}
    assert steps == {0.0: 0, 0.25: 2, 4: 4}
    with pytest.raises(TrainingError, match="warm-up has 8 updates, but the run has 8"):
        arguments(tmp_path, warmup=8)


def test_gpu_hours_and_energy_are_of_gpus_and_known_in_every_attempt_or_not(run, monkeypatch):
    facts = facts_of(run("model"))
    assert facts["gpu_hours"] == 0.0 and facts["energy_joules"] is None
    values = itertools.chain([100.0, 110.0], itertools.repeat(None))
    monkeypatch.setattr(callback, "gpu_energy", lambda: next(values))
    monkeypatch.setattr(run_facts, "device_label", lambda: "NVIDIA H200")
    facts = facts_of(run("model"))
    assert facts["gpu_hours"] == pytest.approx(facts["wall_seconds"] / 3600, abs=1e-6)
    assert facts["energy_joules"] is None


def test_energy_of_several_attempts_adds_up(run, monkeypatch, stopped):
    """A counter that goes on by 10 J at each look, and begins anew with each attempt."""
    looks, attempts, set_up = [], [], training.set_up_torch

    def counter():
        looks.append(1)
        return 9000.0 - 1000 * len(attempts) + 10 * len(looks)

    monkeypatch.setattr(training, "set_up_torch", lambda *a: (attempts.append(1), set_up(*a)))
    monkeypatch.setattr(callback, "gpu_energy", counter)
    whole = facts_of(run("whole"))["energy_joules"]
    # one look at the beginning and one for the untrained model; a look for each of a training row, a
    # validation row and a checkpoint of four, but none for the last checkpoint
    assert whole == 10 * (1 + 4 * 3 - 1)
    # the checkpoint where it stopped was looked at besides
    assert facts_of(stopped(("on_step_end", 7)))["energy_joules"] == whole + 10


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="no GPU counts here")
def test_a_gpu_counts_its_joules():
    import torch

    if (before := run_facts.gpu_energy()) is None:
        pytest.skip("this GPU does not say, or nvidia-ml-py is not there")
    ones = torch.ones(8192, 8192, device="cuda")
    for _ in range(100):
        ones @ ones
    torch.cuda.synchronize()
    assert 0 < run_facts.gpu_energy() - before < 1e5
