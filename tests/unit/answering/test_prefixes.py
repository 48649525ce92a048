"""The common prefix of a batch's prompts is computed once, and changes no answer."""

import random
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from papertune.answering import generation, prefixes
from papertune.answering.generation import Sampling, answers, generate, predicted, reference_nll
from papertune.models.attention import share_heads
from papertune.models.loading import set_up_torch

PAD, END, WORDS, NEW = 0, 1, 97, 10
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": 256,
}  # fmt: skip
GROUPED = SMALL | {"num_key_value_heads": 2}
FAMILIES = {
    "llama": GROUPED,
    "qwen2": GROUPED,
    "gemma3_text": GROUPED | {
        "head_dim": 8, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"],
    },
    "mistral": GROUPED | {"sliding_window": 8},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "gpt_neox": SMALL,
    "opt": SMALL | {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "falcon": SMALL | {"alibi": True, "multi_query": True, "new_decoder_architecture": False},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
}  # fmt: skip
PLAIN = {  # those that go on from other things than keys and values, or change them with the length
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    "phi3": SMALL | {
        "original_max_position_embeddings": 32,
        "rope_parameters": {
            "rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4,
            "rope_theta": 1e4,
        },
    },
}  # fmt: skip
TOKENIZER = SimpleNamespace(
    pad_token_id=PAD, eos_token_id=END, bos_token_id=None,
    decode=lambda tokens, **_: " ".join(map(str, tokens)),
)  # fmt: skip


def make(family, **own):
    torch.manual_seed(3)
    how = FAMILIES | PLAIN
    config = AutoConfig.for_model(
        family, **how[family], vocab_size=WORDS, eos_token_id=END, pad_token_id=PAD,
        bos_token_id=None, initializer_range=0.2, **own,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config).eval()


def draw(seed, count):
    return random.Random(seed).choices(range(2, WORDS), k=count)


def asked(frame=20, documents=2, questions=3, length=40):
    """Prompts of one frame; the documents' lengths differ, as do those of the questions."""
    return [
        (
            f"{d}-{q}",
            draw(0, frame) + draw(d + 1, length + 5 * d) + draw(100 + 10 * d + q, 3 + 2 * q + d),
        )
        for d in range(documents)
        for q in range(questions)
    ]


@pytest.fixture(autouse=True, scope="module")
def alone():
    """Several threads of such small models wait for each other."""
    set_up_torch(1)


@pytest.fixture
def read(monkeypatch):
    """Counts the tokens that a model reads."""
    found = []

    def watch(model):
        def count(_, arguments):
            found.append(arguments[0].numel())

        model.get_input_embeddings().register_forward_pre_hook(count)
        return found

    return watch


@pytest.mark.parametrize("family", [*FAMILIES, *PLAIN])
def test_answers_are_those_of_each_prompt_alone(family, read, monkeypatch):
    monkeypatch.setattr(generation, "STEPS", 4)
    model, rows = make(family), asked()
    random.Random(5).shuffle(rows)
    wanted = []
    for _, prompt in rows:
        new = model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=NEW, do_sample=False,
        )[0, len(prompt) :].tolist()  # fmt: skip
        wanted.append(TOKENIZER.decode(new[: new.index(END)] if END in new else new))
    prefixes.able(model, PAD)
    counted = read(model)
    found = generate(model, TOKENIZER, rows, Sampling(NEW))
    assert [one.text for one in found] == wanted
    assert len(set(wanted)) > 3
    before = sum(counted) - len(rows) * (NEW - 1)  # but for what is written
    assert (before < 0.7 * sum(len(prompt) for _, prompt in rows)) == (family in FAMILIES)


OWN = {
    "repetition_penalty": 1.5, "min_new_tokens": 4, "forced_eos_token_id": 5,
    "begin_suppress_tokens": [*range(2, 50)], "cache_implementation": "static",
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_a_models_own_settings_hold_for_each_row_as_alone(name, monkeypatch):
    """Also where the end token pads, and is not to cost more in rows that have padding."""
    monkeypatch.setattr(generation, "STEPS", 4)
    model, rows, new = make("llama"), asked(), 2 * NEW
    setattr(model.generation_config, name, OWN[name])
    model.generation_config.pad_token_id = END
    tokenizer = SimpleNamespace(**{**vars(TOKENIZER), "pad_token_id": END})
    found = generate(model, tokenizer, rows, Sampling(new))
    for (_, prompt), one in zip(rows, found, strict=True):
        ids = torch.tensor([prompt])
        whole = model.generate(ids, attention_mask=ids > 0, max_new_tokens=new, do_sample=False)
        own = whole[0, len(prompt) :].tolist()
        assert one.text == TOKENIZER.decode(own[: own.index(END)] if END in own else own)
    assert len({one.text for one in found}) > 3


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gpt2", "falcon", "mamba"])
def test_likelihoods_are_those_of_each_reference_alone(family, read, monkeypatch):
    model = make(family)
    rows = [(key, (prompt, draw(key, 2 + len(prompt) % 5))) for key, prompt in asked()]
    rows += [("same", (rows[0][1][0], [*rows[0][1][1][:-1], 7]))]  # other candidates of a question
    examples = [one for _, one in rows]
    wanted = []
    for prompt, own in examples:
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + own])).logits[0].double()
        places = logits.log_softmax(-1)[len(prompt) - 1 : -1]
        likely = sum(float(place[token]) for place, token in zip(places, own, strict=True))
        wanted.append(pytest.approx(-likely, abs=1e-3))
    prefixes.able(model, PAD)
    counted = read(model)
    found = reference_nll(model, TOKENIZER, examples)
    assert [nll for nll, _ in found] == wanted
    least = sum(len(prompt) + len(own) for prompt, own in examples)
    assert (sum(counted) < 0.7 * least) == (family != "mamba")
    monkeypatch.setattr(generation, "LOGITS", 2000)  # in small portions
    assert [nll for nll, _ in reference_nll(model, TOKENIZER, examples)] == wanted
    monkeypatch.undo()
    # what is read once serves both
    counted.clear()
    together = answers(model, TOKENIZER, rows, Sampling(1))
    assert [nll for _, (nll, _) in together] == wanted
    alone = generate(model, TOKENIZER, [(key, prompt) for key, (prompt, _) in rows], Sampling(1))
    assert [one for one, _ in together] == alone
    known = dict(zip([key for key, _ in rows][:4], alone[1:5], strict=True))
    given = answers(model, TOKENIZER, rows, Sampling(1), known)
    assert [one for one, _ in given] == alone[1:5] + alone[4:]
    assert [nll for _, (nll, _) in given] == wanted
    likeliest = predicted(model, TOKENIZER, examples[:1])[0]
    assert likeliest == predicted(model, TOKENIZER, examples)[0]


def test_a_prompt_is_read_once_for_its_answer_and_its_reference(read):
    model, rows = make("llama"), asked(frame=0, documents=6, questions=1)
    rows = [(key, (prompt, draw(key, 3))) for key, prompt in rows]
    prefixes.able(model, PAD)
    counted = read(model)
    answers(model, TOKENIZER, rows, Sampling(1))
    longest = max(len(prompt) for _, (prompt, _) in rows)
    assert sum(counted) <= len(rows) * (longest + 1 + 3 + 1)  # the last token is always read again


def test_draws_are_those_of_each_prompt_alone_when_others_have_left(monkeypatch):
    monkeypatch.setattr(generation, "STEPS", 4)
    model, sampling = make("llama"), Sampling(40, temperature=1.5, top_p=0.9)
    together = generate(model, TOKENIZER, asked(), sampling)
    assert together == [generate(model, TOKENIZER, [row], sampling)[0] for row in asked()]
    lengths = [one.new_tokens for one in together]
    assert min(lengths) < generation.STEPS < max(lengths), lengths


def test_rows_that_have_ended_leave_the_batch(read, monkeypatch):
    monkeypatch.setattr(generation, "STEPS", 4)
    model, rows = make("llama"), asked()
    sampling = Sampling(60, temperature=1.5)
    written = [one.new_tokens + 1 for one in generate(model, TOKENIZER, rows, sampling)]
    counted = read(model)
    generate(model, TOKENIZER, rows, sampling)
    steps = [count for count in counted if count <= len(rows)]
    assert sum(steps) <= sum(written) + len(rows) * generation.STEPS < len(rows) * max(written)


COMMON = {
    "nothing": ([[1, 2, 3], [4, 5, 6]], None),
    "one": ([[1] * 500], None),
    "less than a pass": ([[1] * 10 + [2], [1] * 10 + [3]], None),
    "a frame": (
        [[1] * 200 + [2] * 30, [1] * 200 + [3] * 20],
        ([200], [0, 0]),
    ),
    "documents": (
        [[1] * 200 + [8], [2] * 100 + [8, 8], [1] * 200 + [9] * 3, [2] * 100 + [9] * 2],
        (
            [200, 99],
            [0, 1, 0, 1],
        ),  # the last of the second is read again, as others' rests are longer
    ),
    "the same twice": ([[1] * 200, [1] * 200], ([199], [0, 0])),
    "one is the other's beginning": ([[1] * 200, [1] * 240], ([200], [0, 0])),
    "one alone": ([[1] * 200 + [8], [1] * 200 + [9], [2] * 150], ([200, 149], [0, 0, 1])),
    "an empty one": ([[1] * 200, []], None),
    # what follows the frame is alike for two of them only
    "a frame and some titles": (
        [[1] * 200 + ([2] * 30 if n < 2 else [n] * 20) + [9] * n for n in range(8)],
        ([200], [0] * 8),
    ),
}


@pytest.mark.parametrize("case", COMMON)
def test_what_texts_share(case):
    texts, wanted = COMMON[case]
    found = prefixes.common(texts)
    if wanted is None:
        assert found is None
        return
    beginnings, owner = found.beginnings, found.owner
    assert owner == wanted[1] or [1 - one for one in owner] == wanted[1]
    lengths = [len(beginnings[one]) for one in owner]
    assert lengths == [wanted[0][one] for one in wanted[1]]
    for text, one in zip(texts, owner, strict=True):
        assert list(text[: len(beginnings[one])]) == list(beginnings[one])


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gpt2", "falcon"])
def test_shared_heads_are_read_where_they_are(family):
    """The same numbers, as torch does by itself what transformers does by copying."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    model = make(family)
    ids = torch.tensor([draw(1, 30), draw(2, 30)])
    mask = torch.tensor([[1] * 30, [0] * 9 + [1] * 21])
    found = []
    for way in (share_heads, lambda: ALL_ATTENTION_FUNCTIONS.__delitem__("sdpa")):
        way()
        with torch.inference_mode():
            seen = model(ids, attention_mask=mask, use_cache=True)
            more = torch.nn.functional.pad(mask, (0, 1), value=1)
            then = model(ids[:, :1], attention_mask=more, past_key_values=seen.past_key_values)
            found.append(torch.cat([seen.logits[:, -5:], then.logits], dim=1))
    share_heads()
    assert torch.allclose(*found, atol=1e-5)
    model.train()
    model(ids, labels=ids).loss.backward()  # training goes the way it went
