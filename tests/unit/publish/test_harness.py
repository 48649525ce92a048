"""An exported model has the study's own numbers when lm-evaluation-harness scores it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chat_study import make_chat_study
from papertune.answering.generation import Sampling, answers
from papertune.examples.forms import Form
from papertune.metrics import metric_named
from papertune.models.loading import load_model, load_tokenizer
from papertune.pairfile import read_pairs, write_pairs
from papertune.publish.harness import write_tasks
from papertune.records import Answer
from papertune.study.here import layout_of
from tiny_training import pairs

TASK = "talk_full_rules"


def scored(layout, folder):
    """Means of the study's own metrics over a test set, answered as the study answers."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    study = layout.experiment
    form = Form(tokenizer, "prompt", study.asked_template("rules", "full"))
    asked = list(read_pairs(Path(layout.test_set("rules"))))
    rows = [(pair.id, tokens) for pair, tokens in zip(asked, form.tokens(asked), strict=True)]
    told = answers(model, tokenizer, rows, Sampling(study.answering.max_new_tokens))
    made = [
        Answer(p.id, p.document, p.year, p.question, p.answer, form.said(wrote.text), nll, n, 0, False)
        for p, (wrote, (nll, n)) in zip(asked, told, strict=True)
    ]  # fmt: skip
    rouge = [metric_named("rouge_l").measure(one, None)[0] for one in made]
    bits = metric_named("bits_per_byte")
    sums = [sum(part) for part in zip(*(bits.measure(one, None) for one in made), strict=True)]
    import numpy as np

    return sum(rouge) / len(rouge), float(bits.combine(np.array(sums)))


@pytest.mark.slow
def test_the_harness_comes_to_the_same_numbers(tmp_path, monkeypatch):
    pytest.importorskip("lm_eval", reason="requirements/harness.txt is not installed")
    make_chat_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    layout = layout_of("talk")
    Path(layout.test_set("rules")).parent.mkdir(parents=True, exist_ok=True)
    hard = pairs(24, 4, answer="img src of a red cache")
    write_pairs(Path(layout.test_set("rules")), pairs(0, 8, answer="<img src=x> red") + hard)
    names = write_tasks(layout, tmp_path / "tasks")
    assert {TASK, f"{TASK}_likelihood", "talk_lora_rules"} <= {*names}
    assert str(tmp_path) not in "".join(p.read_text() for p in (tmp_path / "tasks").iterdir())

    folder = Path(layout.model("full", 1))
    given = f"pretrained={folder.absolute()},dtype=float32"
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", given, "--device", "cpu",
         "--include_path", str(tmp_path / "tasks"), "--tasks", f"{TASK},{TASK}_likelihood",
         "--batch_size", "1", "--output_path", str(out)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [path] = out.rglob("results_*.json")
    found = json.loads(path.read_text())["results"]
    rouge, bits = scored(layout, folder)
    assert rouge > 0
    assert found[TASK]["rouge_l,none"] == pytest.approx(rouge, abs=1e-9)
    assert found[f"{TASK}_likelihood"]["bits_per_byte,none"] == pytest.approx(bits, rel=1e-5)
