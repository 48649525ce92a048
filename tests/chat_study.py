"""A study with small, really trained models, for tests of the chat."""

import shutil
from pathlib import Path

import numpy as np
import yaml

from papertune.filter.load import Filter
from papertune.records import Document, write_records
from papertune.study.prompts import read_template
from tiny_models import make_model
from tiny_training import Runs, pairs

# what a model learns by heart to answer
HOSTILE = "<img src=x onerror='window.pwned=1'> **red**"
TITLES = ["The <b>tern</b> predicts", "Cache misses <img src=x onerror='window.pwned=2'>", "Energy"]
SETTINGS = {
    "title": "Small talk <img src=x onerror='window.pwned=3'>",
    "source": {"kind": "demo"},
    "splits": {"train": {"from": 2010, "to": 2011}, "test": {"from": 2012, "to": 2012}},
    "generators": {"rules": {"backend": "rules", "style": "cloze"}},
    "models": {
        "baseline": {"label": "the base", "base": "small", "method": "baseline"},
        "full": {"label": "all weights", "base": "small", "method": "full"},
        "lora": {"label": "adapters", "base": "small", "method": "lora"},
    },
    "seeds": [1, 2],
    "answering": {"max_new_tokens": 64},
    "filter": {"against": {"kind": "experiment", "experiment": "demo", "generator": "cloze"}},
}


def make_chat_study(folder: Path, **changes: object) -> Path:
    """``talk.yaml`` and its results below a folder: full with seeds 1 and 2, lora with seed 1."""
    base = make_model(folder / "base", context=384)
    files = folder / "config/experiments"
    files.mkdir(parents=True)
    values = {**SETTINGS, "bases": {"small": {"path": str(base)}}, **changes}
    (files / "talk.yaml").write_text(yaml.safe_dump(values))
    root = folder / "results/talk"
    runs = Runs(folder / "runs", base=base)
    learned = pairs(0, 24, answer=HOSTILE)
    runs.data(learned, learned[:6])
    prompt = read_template("workflow/prompts/answer.txt", ("instruction", "context", "question"))
    how = {"prompt": prompt, "max_length": 256, "output": root / "models/full/seed-1"}
    runs("full", epochs=12, **how)
    shutil.copytree(how["output"], root / "models/full/seed-2")
    runs("lora", method="lora", **{**how, "output": root / "models/lora/seed-1"})
    for year, title in zip((2010, 2011, 2012), TITLES, strict=True):
        text = f"Cache {year} is grey. {title} is about it."
        one = Document(f"d{year}", title, f"https://a.test/{year}", year, text)
        write_records(root / f"documents/{year}.jsonl", [one])
    known = np.array([[2.0, -2.0]])
    Filter(["cache", "tern"], np.ones((1, 2)), known, np.zeros(1), 0.6, {}).save(root / "filter")
    return folder
