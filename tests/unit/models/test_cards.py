"""What is known of the Hub's models before their files are downloaded."""

import pytest

from papertune.footprint.architecture import architecture_of
from papertune.footprint.study import Task, peak_of
from papertune.models.cards import card_of, cards
from papertune.models.sources import from_hub
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from snakemake_run import ROOT

# as the Hub counts them in the files; GPT-2's have its masks besides, Falcon's its head twice
COUNTED = {
    "openai-community/gpt2": 137_022_720 - 12 * 1024**2,
    "google/gemma-2-2b-it": 2_614_341_888,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "tiiuae/falcon-7b-instruct": 7_217_189_760 - 65_024 * 4_544,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/QwQ-32B": 32_763_876_352,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
}
ORIGINALS = (
    *("isca", "research-approach", "ho-chi-minh", "translation-code", "translation-code-python"),
    "cross-validated",
)


def layout_of(name: str) -> Layout:
    return Layout(name, load_experiment(ROOT / f"config/experiments/{name}.yaml"))


@pytest.mark.parametrize("name", cards())
def test_a_card_has_as_many_parameters_as_the_files_of_its_model(name):
    card = card_of(name)
    arch = architecture_of(card.config)
    assert arch.exact and arch.parameters == COUNTED[name]
    # GPT-2's files are in fp32, the others' in bf16
    each = 4 if name.endswith("gpt2") else 2
    assert card.files_gb == pytest.approx(arch.parameters * each / 1e9, rel=0.11)


def test_a_server_has_a_name_of_its_own_for_a_model_and_others_are_unknown():
    assert card_of("qwq:32b") is card_of("Qwen/QwQ-32B")
    assert card_of("Qwen/QwQ-33B") is card_of("") is None


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_big_originals_are_told_without_their_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    layout = layout_of(name)
    assert all(card_of(model) for model, _ in from_hub(layout).values())
    for model in layout.experiment.models:
        assert peak_of(Task(layout, "answer", model)) is not None


def test_what_is_here_goes_before_its_card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout = layout_of("isca")
    before = peak_of(Task(layout, "answer", "baseline"))
    folder = tmp_path / layout.base("baseline")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "gpt2", "n_embd": 64, "n_layer": 2, '
        '"n_head": 2, "n_positions": 64, "vocab_size": 100}')  # fmt: skip
    assert peak_of(Task(layout, "answer", "baseline")).weights < before.weights / 100


def test_of_a_model_without_a_card_nothing_is_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = layout_of("isca").experiment
    base = study.bases["gpt2"].model_copy(update={"hub": "lab/unheard-of"})
    layout = Layout("isca", study.model_copy(update={"bases": {"gpt2": base}}))
    assert peak_of(Task(layout, "answer", "baseline")) is None
