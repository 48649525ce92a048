"""The code in a model's card runs unchanged, and gives the study's own answer."""

import os
import re
import subprocess
import sys

import pytest

from papertune.answering.generation import Sampling, generate
from papertune.examples.forms import Form
from papertune.models.loading import load_model, load_tokenizer
from papertune.models.modelcard import name_model
from papertune.pairfile import read_pairs
from papertune.report.export import export_model
from papertune.study.design import Design
from papertune.study.layout import Origin
from papertune.study.settings import Answering, Comparison
from tiny_models import make_model
from tiny_training import PROMPT, Runs, pairs

ORIGIN = Origin(
    "colours", "tuned", "small", "owner/small", "a" * 40, source="files", dataset="rules"
)
DESIGN = Design(["token_f1"], {}, [], {}, Comparison(metric="token_f1"), {})
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
TURNS = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
METHODS = {
    "full": {}, "lora": {}, "qlora": {}, "scratch": {}, "freeze": {"freeze": {"first": 1}},
}  # fmt: skip


def said_by_card(folder):
    """What the only block of Python in a card prints, run in its folder by a fresh process."""
    card = (folder / "README.md").read_text()
    [code] = re.findall(r"^```python\n(.*?)^```$", card, re.M | re.S)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | OFFLINE
    done = subprocess.run(
        [sys.executable, "-"], input=code, cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def answered(folder, base, form, pair, most=64):
    """What the study's own answering writes."""
    model, tokenizer = load_model(folder, base=base), load_tokenizer(folder)
    framed = Form(tokenizer, form, PROMPT)
    [(tokens, _)] = framed.tokens([pair])
    return framed.said(generate(model, tokenizer, [("k", tokens)], Sampling(most))[0].text)


def named(runs, base, **how):
    output = runs("tuned", epochs=6, **how)
    name_model(output, ORIGIN, base, [runs.train], [runs.validation])
    return output


@pytest.mark.parametrize("method", METHODS)
def test_the_code_of_a_card_answers_as_the_study_does(tmp_path, method):
    runs = Runs(tmp_path, base=make_model(tmp_path / "base"))
    model = named(runs, runs.base, method=method, **METHODS[method])
    pair = next(read_pairs(runs.validation))
    wanted = answered(model, runs.base, "prompt", pair)
    assert wanted and said_by_card(model) == wanted
    assert "made from owner/small" in (model / "README.md").read_text()

    folder = tmp_path / "elsewhere/export"
    export_model(
        model=model, base=runs.base, output=folder, scores={}, design=DESIGN,
        answering=Answering(max_new_tokens=5), origin=ORIGIN,
    )  # fmt: skip
    assert said_by_card(folder) == answered(folder, None, "prompt", pair, most=5)
    assert str(tmp_path) not in (folder / "README.md").read_text()


@pytest.mark.parametrize("form", ["question", "chat"])
def test_the_code_asks_in_the_form_of_training(tmp_path, form):
    runs = Runs(tmp_path, base=make_model(tmp_path / "base", chat=True))
    (runs.base / "chat_template.jinja").write_text(TURNS)
    runs.data(pairs(0, 24, question='What "is"\n```python\n${x}\' \\n'))
    model = named(runs, runs.base, examples={"variant": "chat" if form == "chat" else "qa"})
    pair = next(read_pairs(runs.validation))
    assert said_by_card(model) == answered(model, runs.base, form, pair)
