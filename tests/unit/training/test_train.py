"""Training for real, with models small enough for a test."""

import json

import pytest

from papertune.errors import TrainingError
from papertune.examples.tokens import MASKED, answer_loss, encode, labelled, pad
from papertune.models.loading import load_model, load_tokenizer
from papertune.study.settings import Pretraining, Tokenizer
from papertune.training import pretraining
from papertune.training.data import Text
from tiny_training import COLOURS, QUICK, bytes_of, facts_of


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A pre-trained base of each family, and the texts it read."""
    root = tmp_path_factory.mktemp("bases")
    texts = [{"prompt": f"Cache {i} is", "completion": f" {COLOURS[i % 6]}."} for i in range(40)]
    (root / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    shape = {"width": 16, "layers": 1, "intermediate": 32, "context": 96}
    for family in ("llama", "gpt2"):
        settings = Pretraining.model_validate({
            "tokenizer": {"vocabulary": 300}, "training": QUICK,
            "architecture": {"family": family, **shape},
            "corpus": {"documents": "none", "files": [str(root / "texts.jsonl")]},
        })  # fmt: skip
        how = {"documents": [], "output": root / family, "checkpoints": root / "c", "threads": 1}
        pretraining.pretrain(settings, **how)
    return root


def test_loss_counts_the_answer_only_and_long_prompts_lose_their_beginning(bases):
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
        assert facts_of(bases / family)["examples"]["train"] >= 35
    assert not (bases / "c").exists()


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


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"learning_rate": 1e30}, "at step"),
        ({"method": "baseline"}, "is not trained"),
        ({"pairs": []}, "nothing to validate on"),
    ],
)
def test_what_comes_to_nothing_is_an_error_and_leaves_no_model(run, how, message):
    run.data(validation=how.pop("pairs", None))
    with pytest.raises(TrainingError, match=message):
        run("broken", **how)
    assert not (run.folder / "broken" / "seed-1").exists()
