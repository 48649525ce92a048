"""Promise: exporting trains and answers nothing."""

from collections import Counter

import pytest

from snakemake_run import planned

pytestmark = pytest.mark.slow


def test_an_export_takes_what_is_there_and_changes_nothing(study):
    from huggingface_hub import ModelCard
    from transformers import AutoModelForCausalLM

    config = ("--config", f"experiments={study.file}")
    assert planned(study.folder, *config, "--", "export") == {"export": 1, "export_model": 1}
    trained = study.folder / "results/mine/models/lora/seed-1"
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    study.run("--", "export")
    folder = study.folder / "results/mine/exports/lora/seed-1"
    card = ModelCard.load(folder / "README.md")
    # on two test sets
    shown = Counter(one.metric_type for one in card.data.eval_results)
    chosen = ("token_f1", "perplexity", "token_f1_in_form", "cut_at_limit", "contains_reference")
    assert [shown[name] for name in chosen] == [2] * 5
    assert "mine / lora, seed 1" in card.text
    assert AutoModelForCausalLM.from_pretrained(folder).num_parameters() > 100_000
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before
    assert planned(study.folder, *config) == {}
    assert planned(study.folder, *config, "--", "export") == {}

    # new questions: the card's results are made again, the model is not
    rows = study.rows()
    rows[2022].append(rows[2022][0] | {"paper_url": "https://library.example/new"})
    study.write(rows)
    jobs = planned(study.folder, *config, "--", "export")
    assert jobs["export_model"] == 1 and "train" not in jobs
