"""Training for real, with models small enough for a test."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
from typing import Any

import pytest

from papertune.errors import TrainingError
from papertune.examples.tokens import MASKED, answer_loss, encode, labelled, pad
from papertune.jobs import stopping
from papertune.records import write_records
from papertune.study.recipe import Recipe
from papertune.study.settings import Lora, Pretraining, Training
from papertune.training import pretraining
from papertune.training import train as training
from papertune.training.callback import RunCallback
from tiny_training import COLOURS, pairs

QUICK = {"epochs": 2, "batch_size": 4, "learning_rate": 5e-3, "max_length": 96, "evaluations": 4}


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A pre-trained base of each family, and the texts it read."""
    root = tmp_path_factory.mktemp("bases")
    texts = [{"prompt": f"Cache {i} is", "completion": f" {COLOURS[i % 6]}."} for i in range(40)]
    (root / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    for family in ("llama", "gpt2"):
        settings = Pretraining.model_validate(
            {
                "tokenizer": {"vocabulary": 300},
                "architecture": {"family": family, "width": 16, "layers": 1, "intermediate": 32}
                | {"context": 96},
                "corpus": {"documents": "none", "files": [str(root / "texts.jsonl")]},
                "training": QUICK,
            }
        )
        pretraining.pretrain(
            settings, documents=[], output=root / family, checkpoints=root / "c", threads=1
        )
    return root


@pytest.fixture
def run(bases, tmp_path):
    write_records(tmp_path / "train.jsonl", pairs(0, 24))
    write_records(tmp_path / "validation.jsonl", pairs(24, 6))

    def start(
        name: str,
        *,
        family: str = "llama",
        method: str = "full",
        seed: int = 1,
        dropout: float = 0.0,
        **changes,
    ):
        output = tmp_path / name / f"seed-{seed}"
        training.train(
            Recipe(
                method=method,
                training=Training.model_validate(QUICK | changes),
                lora=Lora(rank=4, alpha=32, dropout=dropout),
                prompt="$instruction $context $question",
            ),
            train=tmp_path / "train.jsonl",
            validation=tmp_path / "validation.jsonl",
            base=bases / family,
            seed=seed,
            output=output,
            checkpoints=tmp_path / "checkpoints" / name,
            threads=1,
        )
        return output

    return start


def facts_of(folder):
    return json.loads((folder / "training.json").read_text())


def weights_of(folder):
    (path,) = folder.glob("*.safetensors")
    return path.read_bytes()


def test_loss_counts_the_answer_only_and_long_prompts_lose_their_beginning(bases):
    from papertune.models.loading import load_tokenizer

    tokenizer = load_tokenizer(bases / "llama")
    texts = [("Cache 1 is", " red."), ("Cache 1 is " * 30, " red."), ("Cache", " red." * 60)]
    found = labelled(tokenizer, encode(tokenizer, texts), max_length=20)
    assert (len(found.rows), found.cut, found.rejected) == (2, 1, 1)
    short, cut = found.rows
    assert tokenizer.decode([t for t in short["labels"] if t != MASKED]) == " red.</s>"
    assert tokenizer.decode(short["input_ids"]) == "Cache 1 is red.</s>"
    assert len(cut["input_ids"]) == 20
    assert tokenizer.decode(cut["input_ids"]).endswith("Cache 1 is  red.</s>")
    (row,) = labelled(tokenizer, encode(tokenizer, texts[:1]), max_length=20, loss="all").rows
    assert row["labels"][0] != MASKED


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_loss_of_the_needed_logits_is_the_loss_of_all(bases, family):
    from papertune.models.loading import load_model, load_tokenizer

    model, tokenizer = load_model(bases / family), load_tokenizer(bases / family)
    texts = [("Cache 1 is", " red."), ("Cache 2 is much more", " green, I say."), ("", " blue")]
    for chosen in (texts, texts[:2], texts[2:]):
        rows = labelled(tokenizer, encode(tokenizer, chosen), max_length=90).rows
        theirs = model(**pad(rows, tokenizer.pad_token_id)).loss
        batch = pad(rows, tokenizer.pad_token_id, only_needed=True)
        labels = batch.pop("labels")
        outputs = model(**batch)
        assert outputs.logits.shape[1] == batch["logits_to_keep"] <= labels.shape[1]
        assert answer_loss(outputs, labels).item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_tokenizer_writes_any_string(kind):
    from papertune.study.settings import Tokenizer
    from papertune.training.corpus import Text

    texts = [Text("Cache 1", " is red.")] * 20
    tokenizer = pretraining.make_tokenizer(texts, Tokenizer(kind=kind, vocabulary=300), 64)
    odd = "Zoë – 5 µs\n\tis  red 猫"
    assert tokenizer.decode(tokenizer(odd, add_special_tokens=False)["input_ids"]) == odd
    if kind == "characters":
        assert len(tokenizer("Cache", add_special_tokens=False)["input_ids"]) == 5


def test_pretrained_base_loads_as_any_model_does(bases):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for family in ("llama", "gpt2"):
        tokenizer = AutoTokenizer.from_pretrained(bases / family)
        model = AutoModelForCausalLM.from_pretrained(bases / family, use_safetensors=True)
        assert None not in (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
        assert model.config.vocab_size == len(tokenizer)
        facts = facts_of(bases / family)
        assert facts["method"] == "pretrain" and facts["examples"]["train"] >= 35
    assert not (bases / "c").exists()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_every_method_learns_and_writes_a_whole_folder(run, bases, family, method, tmp_path):
    from papertune.models.loading import load_model

    output = run("model", family=family, method=method, epochs=6, learning_rate=2e-2)
    with (output / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    losses = [float(row["validation_loss"]) for row in rows]
    # adapters alone can do little for weights this random
    assert losses[-1] < losses[0] - (0.05 if method == "full" else 0.0)
    facts = facts_of(output)
    assert facts["steps"] == 36 and facts["examples"]["train"] == 24
    assert facts["tokens_seen"] > 0 and facts["peak_memory_bytes"] > 0
    assert (facts["trainable_parameters"] < facts["total_parameters"]) == (method == "lora")
    names = {path.name for path in output.iterdir()}
    assert ("adapter_model.safetensors" if method == "lora" else "model.safetensors") in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert not (tmp_path / "checkpoints" / "model").exists()
    assert load_model(output, base=bases / family).num_parameters() > 0


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(run, method):
    one = weights_of(run("one", method=method))
    assert weights_of(run("two", method=method)) == one
    assert weights_of(run("one", method=method, seed=2)) != one


def test_given_order_does_not_shuffle(run):
    # without dropout the seed changes nothing but the order
    given = [weights_of(run("given", seed=seed, order="given")) for seed in (1, 2)]
    assert given[0] == given[1]


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


def test_a_killed_run_goes_on_as_if_nothing_had_happened(run, monkeypatch, tmp_path):
    undisturbed = run("undisturbed")
    saved, finish = [], RunCallback.on_save

    def deadly(watch, args, state, control, **rest):
        saved.append(state.global_step)
        if len(saved) == 3:
            raise Killed  # the third checkpoint lies there without its marker
        finish(watch, args, state, control, **rest)

    monkeypatch.setattr(RunCallback, "on_save", deadly)
    with pytest.raises(Killed):
        run("killed")
    checkpoints = tmp_path / "checkpoints" / "killed"
    assert not (tmp_path / "killed" / "seed-1").exists()
    (checkpoints / "checkpoint-9999").mkdir()  # what a kill while writing leaves behind
    whole = [folder.name for folder in checkpoints.glob("*/whole")]
    assert whole and (checkpoints / "checkpoint-9").exists()
    monkeypatch.setattr(RunCallback, "on_save", finish)
    resumed = run("killed")
    assert weights_of(resumed) == weights_of(undisturbed)
    ours, theirs = facts_of(resumed), facts_of(undisturbed)
    for key in ("steps", "best_step", "best_validation_loss", "tokens_seen", "examples"):
        assert ours[key] == theirs[key]
    assert len((resumed / "history.csv").read_text().splitlines()) == 5


@pytest.fixture
def sigterm(monkeypatch):
    """Sends SIGTERM to this process when a function, as a rule a method of the callback, is called
    for the nth time."""
    before = signal.getsignal(signal.SIGTERM)

    def at(event: str, count: int, owner: Any = RunCallback) -> None:
        stopping.install()
        real, calls = getattr(owner, event), []

        def called(*arguments, **rest):
            calls.append(1)
            if len(calls) == count:
                os.kill(os.getpid(), signal.SIGTERM)
            return real(*arguments, **rest)

        monkeypatch.setattr(owner, event, called)

    yield at
    stopping.install()
    signal.signal(signal.SIGTERM, before)


def losses_of(folder):
    """The history without its times."""
    with (folder / "history.csv").open() as stream:
        return [{**row, "seconds": ""} for row in csv.DictReader(stream)]


MOMENTS = {
    "before the first step": [("on_train_begin", 1)],
    "at the first step": [("on_step_end", 1)],
    "in the middle of an epoch": [("on_step_end", 2)],
    "at the end of an epoch": [("on_step_end", 6)],
    "at a step with a validation": [("on_step_end", 7)],
    "in the first validation": [("on_prediction_step", 1)],
    "in a later validation": [("on_prediction_step", 4)],
    "while a checkpoint is written": [("on_save", 2)],
    "at the last step": [("on_step_end", 14)],
    "at the last validation": [("on_prediction_step", 8)],
    "at the last checkpoint": [("on_save", 4)],
    "twice between two validations": [("on_step_end", 8), ("on_step_end", 1)],
    "in a validation, and again where it is made up for": [
        ("on_prediction_step", 5),
        ("on_prediction_step", 1),
    ],
    "again and again": [("on_step_end", 2), ("on_step_end", 3), ("on_prediction_step", 2)],
}


@pytest.mark.parametrize(
    ("method", "moment"),
    [
        *(("lora", moment) for moment in MOMENTS),
        ("full", "in a later validation"),
        ("full", "at the last step"),
        ("full", "twice between two validations"),
    ],
)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(run, sigterm, tmp_path, method, moment):
    # dropout draws random numbers; the run ends in the middle of its third epoch, and a validation
    # has two batches
    write_records(tmp_path / "validation.jsonl", pairs(24, 18))
    how = {"method": method, "max_steps": 14, "accumulation": 1, "dropout": 0.2}
    undisturbed = run("undisturbed", **how)
    for event in MOMENTS[moment]:
        sigterm(*event)
        with pytest.raises(stopping.Interrupted, match="stopped by SIGTERM"):
            run("stopped", **how)
        assert not (tmp_path / "stopped" / "seed-1").exists()
        folders = list((tmp_path / "checkpoints" / "stopped").glob("checkpoint-*"))
        assert len(folders) <= 2 and all((folder / "whole").exists() for folder in folders)
    stopping.install()
    resumed = run("stopped", **how)
    assert weights_of(resumed) == weights_of(undisturbed)
    assert losses_of(resumed) == losses_of(undisturbed)
    ours, theirs = facts_of(resumed), facts_of(undisturbed)
    different = {key for key in theirs if ours[key] != theirs[key]}
    # the origin is the folder's name
    assert different <= {"wall_seconds", "tokens_per_second", "peak_memory_bytes", "origin"}
    assert not (tmp_path / "checkpoints" / "stopped").exists()


def test_a_signal_while_the_model_is_saved_costs_no_step(run, sigterm, tmp_path, monkeypatch):
    """Snakemake, which has the same signal, throws the result away."""
    undisturbed = run("undisturbed")
    sigterm("write_facts", 1, training)
    with pytest.raises(stopping.Interrupted):
        run("stopped")
    assert not (tmp_path / "stopped" / "seed-1").exists()
    stopping.install()
    trained = []
    monkeypatch.setattr(RunCallback, "on_step_end", lambda *_, **__: trained.append(1))
    resumed = run("stopped")
    assert not trained
    assert weights_of(resumed) == weights_of(undisturbed)
    assert losses_of(resumed) == losses_of(undisturbed)


@pytest.mark.parametrize("validation", ["best", "last"])
def test_a_validation_that_is_made_up_for_counts_as_any(run, sigterm, tmp_path, validation):
    # of the last one patience has enough, the best one's weights are kept
    wrong = [dataclasses.replace(pair, answer="purple 9") for pair in pairs(24, 6)]
    write_records(tmp_path / "validation.jsonl", wrong)
    how = {"learning_rate": 5e-2, "epochs": 10, "evaluations": 20, "patience": 2}
    undisturbed = run("undisturbed", **how)
    steps = [row["step"] for row in losses_of(undisturbed)]
    best = facts_of(undisturbed)["best_step"]
    assert best < int(steps[-1])
    step = {"best": str(best), "last": steps[-1]}[validation]
    sigterm("on_prediction_step", steps.index(step) + 1)
    with pytest.raises(stopping.Interrupted):
        run("stopped", **how)
    left = tmp_path / "checkpoints" / "stopped" / f"checkpoint-{step}" / "trainer_state.json"
    rows = json.loads(left.read_text())["log_history"]
    assert [row["step"] for row in rows if "eval_loss" in row] == [
        int(step) for step in steps[: steps.index(step)]
    ]  # it was broken off
    stopping.install()
    resumed = run("stopped", **how)
    for fact in ("steps", "best_step", "tokens_seen"):
        assert facts_of(resumed)[fact] == facts_of(undisturbed)[fact]
    assert losses_of(resumed) == losses_of(undisturbed)
    assert weights_of(resumed) == weights_of(undisturbed)


def test_the_best_checkpoint_is_kept_and_patience_stops(run, tmp_path):
    # validation asks for the opposite of what is trained, so that it gets worse soon
    wrong = [dataclasses.replace(pair, answer="purple 9") for pair in pairs(24, 6)]
    write_records(tmp_path / "validation.jsonl", wrong)
    output = run("wild", learning_rate=5e-2, epochs=10, evaluations=20, patience=2)
    facts = facts_of(output)
    assert facts["steps"] < facts["planned_steps"]
    assert facts["best_step"] < facts["steps"]


def test_a_loss_that_is_no_number_stops_the_run(run, tmp_path):
    with pytest.raises(TrainingError, match="at step"):
        run("broken", learning_rate=1e30)
    assert not (tmp_path / "broken" / "seed-1").exists()


def test_nothing_to_train_on_is_an_error(run, tmp_path):
    write_records(tmp_path / "validation.jsonl", [])
    with pytest.raises(TrainingError, match="nothing to validate on"):
        run("empty")


def test_baseline_is_not_trained(run):
    with pytest.raises(TrainingError, match="is not trained"):
        run("none", method="baseline")
