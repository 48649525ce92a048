"""An export is made beside what is there: it trains and answers nothing."""

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
    # two test sets, two metrics
    assert len(card.data.eval_results) == 4
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
