"""The five reports in small, from their files, with a tiny base and generators that are rules.

What stays: sources and texts, splits, test sets, methods and variants, filter, probes, programs, published
figures, and the page of all reports. What changes: bases are random and tiny, pairs come from rules where a
language model would write them, each training takes four steps and each answer a few tokens.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from papertune.report.counts import problems, read_counts
from papertune.study.experiment_file import load_experiment
from snakemake_run import ROOT, snakemake
from tiny_models import make_model

pytestmark = pytest.mark.slow

SMALL = ROOT / "config/experiments/small"
CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</{{ m['role'] }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
NAMES = sorted(path.stem for path in SMALL.glob("*.yaml"))


def tiny(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """The settings of a small study, cut down to what a test can wait for."""
    for name, given in values["bases"].items():
        if "pretrain" in given:
            given["pretrain"]["training"] |= {"max_steps": 4, "batch_size": 4}
            given["pretrain"]["architecture"] |= {
                "width": 32,
                "layers": 1,
                "heads": 2,
                "intermediate": 64,
            }
        else:
            values["bases"][name] = {"path": str(base)}
    for number, (name, given) in enumerate(values["generators"].items()):
        if given["backend"] not in ("rules", "source"):
            style = ("extractive", "cloze")[number % 2]
            values["generators"][name] = {
                "backend": "rules",
                "style": style,
                "label": given["label"],
            }
    # the tiny base has a layer for each step of freezing, and a token for each letter
    values["training"] |= {"max_steps": 4, "evaluations": 2, "max_length": 4096, "warmup": 0}
    if "trial-3" in values["models"]:  # three trials of seven show what a series is
        values["models"]["trial-5"] |= {"after": "trial-1", "freeze": {"first": 2}}
        for name in ("trial-2", "trial-3", "trial-4", "trial-6"):
            values["models"].pop(name)
            values["published"][0]["values"].pop(name)
    for given in values["models"].values():
        if "training" in given:
            for name in ("epochs", "warmup"):
                given["training"].pop(name, None)
        if "freeze" in given:
            given["freeze"]["first"] = min(given["freeze"]["first"], 2)
    values["answering"] |= {"max_new_tokens": 6}
    if "path" in values["source"]:
        values["source"]["path"] = str(ROOT / values["source"]["path"])
    if "train" in values["splits"]:
        values["splits"]["train"]["from"] = 2021
    # each model writes ten programs for every problem of testing
    if values["source"]["kind"] == "human_eval":
        values["splits"]["test"] = 0.05
    return values


def test_each_runs_from_its_texts_to_the_page_of_all_reports(tmp_path):
    base = make_model(tmp_path / "tiny", context=4096, layers=4)
    how = json.loads((base / "tokenizer_config.json").read_text())
    (base / "tokenizer_config.json").write_text(json.dumps(how | {"chat_template": CHAT}))
    folder = tmp_path / "config/experiments/small"
    folder.mkdir(parents=True)
    for name in NAMES:
        values = yaml.safe_load((SMALL / f"{name}.yaml").read_text())
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(tiny(values, base)))
    paths = ",".join(str(folder / f"{name}.yaml") for name in NAMES)
    snakemake(tmp_path, "--config", f"experiments={paths}", "--", "all", "results/reports.html")
    page = (tmp_path / "results/reports.html").read_text()
    for name in NAMES:
        study = load_experiment(folder / f"{name}.yaml")
        results = tmp_path / f"results/small-{name}"
        assert f"small-{name}/report.html" in page
        for line in study.reproduces.lines:
            assert line.what in page
        assert problems(read_counts(results / "tables/counts.csv"), study) == []
        own = (results / "report.html").read_text()
        assert "no item was dropped in silence" in own
        for line in study.reproduces.lines:
            for part in (one.partition("/")[2] for one in line.ours if one.startswith("report/")):
                assert f'id="{part}"' in own, f"{name}: no part {part} on the page"
