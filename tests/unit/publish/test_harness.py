"""A conversation in a chat template has the study's own numbers in lm-evaluation-harness, too.

The end-to-end tests hold this of an export and the scores of a whole study.
"""

import json
from pathlib import Path

import pytest

from chat_study import SETTINGS, make_chat_study
from harness_run import by_harness
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
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<user>{{ m['content'] }}</user><model>"
    "{% else %}{{ m['content'] }}</model>{% endif %}{% endfor %}"
)
CHATS = {"full": SETTINGS["models"]["full"] | {"examples": {"variant": "chat"}}}


def scored(layout, folder):
    """Means of the study's own metrics over a test set, answered as the study answers."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    study = layout.experiment
    form = Form(tokenizer, "chat", study.asked_template("rules", "full"))
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
def test_the_harness_comes_to_the_same_numbers_of_a_conversation(tmp_path, monkeypatch):
    pytest.importorskip("lm_eval", reason="requirements/harness.txt is not installed")
    make_chat_study(tmp_path, models=SETTINGS["models"] | CHATS)
    monkeypatch.chdir(tmp_path)
    layout = layout_of("talk")
    Path(layout.test_set("rules")).parent.mkdir(parents=True, exist_ok=True)
    folder = Path(layout.model("full", 1))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    before = [["What is cache 1?", "grey"], ["And cache 2?", "red as cache 3"]]
    asked = pairs(0, 4, answer="<img src=x> red") + pairs(4, 4, answer="a red img", before=before)
    write_pairs(Path(layout.test_set("rules")), asked)
    names = write_tasks(layout, tmp_path / "tasks")
    assert {TASK, f"{TASK}_likelihood", "talk_lora_rules"} <= {*names}
    assert str(tmp_path) not in "".join(p.read_text() for p in (tmp_path / "tasks").iterdir())

    questions = (tmp_path / "tasks" / f"{TASK}.jsonl").read_text().splitlines()
    last = json.loads(questions[-1])["prompt"]
    assert last.count("<user>") == 3 and "</user><model>red as cache 3</model><user>" in last
    theirs = by_harness(folder, tmp_path / "tasks", TASK, tmp_path / "out")
    rouge, bits = scored(layout, folder)
    assert rouge > 0
    assert theirs[0] == pytest.approx(rouge, abs=1e-9)
    assert theirs[1] == pytest.approx(bits, rel=1e-5)
