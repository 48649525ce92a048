"""Trial series and sweeps: what short notations stand for, and errors that name what was written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.settings.notation import expand

STUDY = """
source: {kind: demo}
splits: {train: {from: 2005, to: 2021}, test: {from: 2022, to: 2024}}
generators: {rules: {backend: rules, style: cloze}}
bases: {small: {path: base}}
models:
"""


@pytest.fixture
def load(tmp_path):
    def loaded(models: str) -> Experiment:
        path = Path(tmp_path, "mine.yaml")
        path.write_text(STUDY + models)
        return load_experiment(path)

    return loaded


@pytest.fixture
def complaint(load):
    def text(models: str) -> str:
        with pytest.raises(SettingsError) as error:
            load(models)
        return str(error.value)

    return text


def test_a_sweep_is_one_model_per_combination(load):
    # YAML reads 1e-5 as text; 1.0e-5 is a number
    study = load("""
  lora:
    base: small
    method: lora
    label: LoRA
    training: {epochs: 2}
    sweep: {training.learning_rate: [1e-5, 5.0e-5], lora.rank: [8, 64]}
""")
    assert list(study.models) == ["lora-1e-5-r8", "lora-1e-5-r64", "lora-5e-5-r8", "lora-5e-5-r64"]
    found = [(study.training_of(m).learning_rate, study.models[m].lora.rank) for m in study.models]
    assert found == [(1e-5, 8), (1e-5, 64), (5e-5, 8), (5e-5, 64)]
    assert all(study.training_of(model).epochs == 2 for model in study.models)
    assert study.models["lora-1e-5-r8"].label == "LoRA, learning_rate 1e-5, rank 8"
    assert (
        Layout("mine", study).model("lora-5e-5-r64", 1)
        == "results/mine/models/lora-5e-5-r64/seed-1"
    )


def test_a_swept_model_is_the_model_written_out(load):
    swept = load(
        "  m: {base: small, method: lora, sweep: {training.learning_rate: [2e-4]}}"
    ).recipe_of("m-2e-4")
    plain = load("  m: {base: small, method: lora, training: {learning_rate: 2.0e-4}}").recipe_of(
        "m"
    )
    assert swept == plain


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("training.learning_rate", 0.00015, "m-15e-5"),
        ("training.learning_rate", "1e-5", "m-1e-5"),
        ("training.learning_rate", 0.1, "m-1e-1"),
        ("training.warmup", 0.05, "m-warmup5e-2"),
        ("training.batch_size", 16, "m-batch_size16"),
        ("training.optimizer", "adamw_8bit", "m-optimizer-adamw_8bit"),
        ("training.patience", None, "m-patience-none"),
        ("training.max_steps", -1, "m-max_steps-1"),
        ("lora.alpha", 16, "m-alpha16"),
        ("lora.target_modules", ["q_proj", "v_proj"], "m-target_modules-q_proj-v_proj"),
        ("lora.target_modules", "all-linear", "m-target_modules-all-linear"),
        ("freeze.first", 1, "m-first1"),
        ("subset.fraction", 0.25, "m-fraction25e-2"),
        ("base", "small", "m-small"),
        ("method", "lora", "m-lora"),
    ],
)
def test_names_are_readable_and_can_be_wildcards(load, key, value, name):
    models = {"m": {"base": "small", "method": "lora", "sweep": {key: [value]}}}
    assert list(load(yaml.safe_dump({"models": models})[len("models:\n") :]).models) == [name]


def test_each_trial_is_the_one_before_with_a_change(load):
    study = load("""
  trial-0: {base: small, method: baseline, label: untuned}
  trial-1:
    after: trial-0
    method: lora
    training: {epochs: 4, learning_rate: 1.0e-3}
    lora: {rank: 64, alpha: 16}
  trial-2: {after: trial-1, freeze: {first: 2}}
  trial-3: {after: trial-2, freeze: {first: 16}, training: {learning_rate: 2.0e-4}}
  trial-4: {after: trial-3, method: full}
""")
    three = study.models["trial-3"]
    assert (three.method, three.lora.rank, three.lora.alpha) == ("lora", 64, 16)
    assert three.freeze.first == 16 and study.models["trial-2"].freeze.first == 2
    assert study.training_of("trial-2").learning_rate == 1e-3
    training = study.training_of("trial-3")
    assert (training.epochs, training.learning_rate) == (4, 2e-4)
    assert three.after == "trial-2" and three.label == ""
    # what the method of its own does not use is not taken over
    four = study.recipe_of("trial-4")
    assert (four.method, four.training, four.freeze) == ("full", training, None)


def test_a_trial_can_come_before_the_one_that_it_is_after(load):
    study = load("""
  b: {after: a, training: {epochs: 2}}
  a: {base: small, method: full}
""")
    assert list(study.models) == ["b", "a"] and study.training_of("b").epochs == 2


def test_a_trial_after_one_model_of_a_sweep(load):
    study = load("""
  rate: {base: small, method: full, sweep: {training.learning_rate: [1e-5, 1e-4]}}
  longer: {after: rate-1e-4, training: {epochs: 9}}
  shorter: {after: longer, sweep: {training.epochs: [1, 2]}}
""")
    assert list(study.models) == [
        "rate-1e-5",
        "rate-1e-4",
        "longer",
        "shorter-epochs1",
        "shorter-epochs2",
    ]
    assert study.training_of("shorter-epochs2").learning_rate == 1e-4
    assert study.training_of("longer").epochs == 9


def test_another_subset_replaces_the_one_before(load):
    study = load("""
  a: {base: small, method: full, subset: {first: 10}}
  b: {after: a, subset: {fraction: 0.5}}
""")
    assert study.models["b"].subset.first is None
    assert study.models["a"].subset.first == 10


def test_what_is_resolved_can_be_resolved_again(load):
    study = load("""
  a: {base: small, method: full, sweep: {training.epochs: [1, 2]}}
  b: {after: a-epochs1, method: lora}
""")
    assert Experiment.model_validate(study.model_dump(by_alias=True)) == study


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (
            "  m: {base: small, method: full, sweep: {training.learning_rat: [1]}}",
            "models.m.sweep: unknown key 'training.learning_rat' "
            "(did you mean 'training.learning_rate'?)",
        ),
        (
            "  m: {base: small, method: full, sweep: {training.epochs: 3}}",
            "models.m.sweep.training.epochs: not a list",
        ),
        ("  m: {base: small, method: full, sweep: {training.epochs: []}}", "not a list of values"),
        ("  m: {base: small, method: full, sweep: [1]}", "models.m.sweep: not a mapping"),
        (
            "  m: {base: small, method: full, sweep: {training.epochs: [1, 1.0]}}",
            "models.m.sweep: {'training.epochs': 1.0} makes no name of its own",
        ),
        (
            "  m: {base: small, method: full, sweep: {training.epochs: [1]}}\n"
            "  m-epochs1: {base: small, method: full}",
            "models.m-epochs1: makes another model 'm-epochs1'; models.m makes one",
        ),
        (
            "  m: {base: small, method: full, sweep: {training.seed: [1]}}",
            "models.m.sweep: unknown key 'training.seed'",
        ),
        (
            "  m: {base: small, method: lora, sweep: {training.epochs: "
            f"{list(range(1, 21))}, lora.rank: {list(range(1, 21))}}}}}",
            "models.m.sweep: 400 models, more than 200",
        ),
        (
            "  m: {base: small, method: full, sweep: {training.learning_rate: [1e-5, -1.0]}}",
            "models.m.sweep.training.learning_rate: Input should be greater than 0 (it is -1.0)",
        ),
        (
            "  m: {base: small, method: lora, sweep: {lora.rank: [0, 8]}}",
            "models.m.sweep.lora.rank: Input should be greater than or equal to 1 (it is 0)",
        ),
        (
            "  m: {base: smal, method: lora, sweep: {lora.rank: [1, 8]}}",
            "models.m.base: 'smal' is none of small",
        ),
        (
            "  a: {base: small, method: lora, lora: {rnk: 3}}\n  b: {after: a}",
            "models.a.lora.rnk: unknown key (did you mean 'rank'?)",
        ),
        (
            "  a: {base: small, method: lora}\n  b: {after: a, trainin: {}}",
            "models.b.trainin: unknown key (did you mean 'training'?)",
        ),
        (
            "  a: {base: small, method: lora}\n  b: {after: aa}",
            "models.b.after: 'aa' is none of a, b (did you mean 'a'?)",
        ),
        (
            "  a: {base: small, method: full, sweep: {training.epochs: [1, 2]}}\n  b: {after: a}",
            "models.b.after: 'a' is a sweep; take one of a-epochs1, a-epochs2",
        ),
        (
            "  a: {after: b}\n  b: {after: a}",
            "models.a.after: goes round in a circle, a → b → a",
        ),
        ("  a: {after: a}", "models.a.after: goes round in a circle, a → a"),
        ("  a: {after: b}\n  b: {method: full}", "models.b.base: missing"),
        ("  a: 3", "models.a: "),
        (
            "  a: {base: small, method: full, lora: {rank: 4}}",
            "models.a: method full does not use lora; lora, qlora do",
        ),
        (
            "  a: {base: small, method: lora, quantization: {type: fp4}}",
            "models.a: method lora does not use quantization; qlora does",
        ),
        ("  a: {base: small, method: freeze}", "models.a: method freeze needs freeze"),
        ("  a: {base: small, method: freeze, freeze: {}}", "models.a.freeze: give at least one"),
        (
            "  a: {base: small, method: full, subset: {first: 3, fraction: 0.5}}",
            "models.a.subset: give exactly one of top, first, fraction",
        ),
        (
            "  a: {base: small, method: full, training: {warmup: 2.5}}",
            "models.a.training.warmup: below 1 it is a fraction",
        ),
        (
            "  a: {base: small, method: full, training: {optimizer: adam}}",
            "models.a.training.optimizer: Input should be 'adamw'",
        ),
    ],
)
def test_errors_name_what_the_user_wrote(complaint, models, message):
    text = complaint(models)
    assert message in text
    assert text.count(message) == 1  # once, however many models have it


def test_what_is_no_mapping_is_left_for_the_check():
    assert expand({"a": None})[0] == {"a": None}
