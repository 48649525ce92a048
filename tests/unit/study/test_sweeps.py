"""Trial series and sweeps: the models that they stand for, and errors that name what was written."""

import json

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment
from papertune.study.settings.notation import expand

STUDY = """
source: {kind: demo}
splits: {train: {from: 2005, to: 2021}, test: {from: 2022, to: 2024}}
generators: {rules: {backend: rules, style: cloze}}
bases: {small: {path: base}}
models: {"""
FULL, LORA = "base: small, method: full", "base: small, method: lora"


@pytest.fixture
def load(tmp_path):
    def loaded(models: str) -> Experiment:
        path = tmp_path / "mine.yaml"
        path.write_text(f"{STUDY}{models}}}\n")
        return load_experiment(path)

    return loaded


def test_a_sweep_is_one_model_per_combination(load):
    # YAML reads 1e-5 as text; 1.0e-5 is a number
    study = load(f"""
  lora: {{{LORA}, label: LoRA, training: {{epochs: 2}},
    sweep: {{training.learning_rate: [1e-5, 5.0e-5], lora.rank: [8, 64]}}}}""")
    assert study.trained == ["lora-1e-5-r8", "lora-1e-5-r64", "lora-5e-5-r8", "lora-5e-5-r64"]
    found = [(study.training_of(m).learning_rate, study.models[m].lora.rank) for m in study.trained]
    assert found == [(1e-5, 8), (1e-5, 64), (5e-5, 8), (5e-5, 64)]
    assert all(study.training_of(model).epochs == 2 for model in study.trained)
    assert study.models["lora-1e-5-r8"].label == "LoRA, learning_rate 1e-5, rank 8"
    written = load(
        f"m: {{{LORA}, training: {{epochs: 2, learning_rate: 1.0e-5}}, lora: {{rank: 8}}}}"
    )
    assert study.recipe_of("lora-1e-5-r8") == written.recipe_of("m")


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("training.learning_rate", 0.00015, "m-15e-5"),
        ("training.warmup", 0.05, "m-warmup5e-2"),
        ("training.patience", None, "m-patience-none"),
        ("lora.target_modules", ["q_proj", "v_proj"], "m-target_modules-q_proj-v_proj"),
        ("subset.fraction", 0.25, "m-fraction25e-2"),
    ],
)
def test_names_are_readable_and_can_be_wildcards(load, key, value, name):
    assert list(load(f"m: {{{LORA}, sweep: {json.dumps({key: [value]})}}}").trained) == [name]


def test_each_trial_is_the_one_before_with_a_change(load):
    study = load("""
  trial-0: {base: small, method: baseline, label: untuned},
  trial-1: {after: trial-0, method: lora, training: {epochs: 4, learning_rate: 1.0e-3},
    lora: {rank: 64, alpha: 16}, subset: {first: 10}},
  trial-2: {after: trial-1, freeze: {first: 2}},
  trial-3: {after: trial-2, freeze: {first: 16}, training: {learning_rate: 2.0e-4},
    subset: {fraction: 0.5}},
  trial-4: {after: trial-3, method: full}""")
    three = study.models["trial-3"]
    assert (three.method, three.lora.rank, three.lora.alpha) == ("lora", 64, 16)
    assert three.freeze.first == 16 and study.models["trial-2"].freeze.first == 2
    assert study.training_of("trial-2").learning_rate == 1e-3
    training = study.training_of("trial-3")
    assert (training.epochs, training.learning_rate) == (4, 2e-4)
    assert three.after == "trial-2" and three.label == ""
    # another subset replaces the one before
    assert study.models["trial-2"].subset.first == 10 and three.subset.first is None
    # what the method of its own does not use is not taken over
    four = study.recipe_of("trial-4")
    assert (four.method, four.training, four.freeze) == ("full", training, None)


def test_a_trial_after_one_model_of_a_sweep(load):
    # and before the one that it is after
    study = load(f"""
  longer: {{after: rate-1e-4, training: {{epochs: 9}}}},
  rate: {{{FULL}, sweep: {{training.learning_rate: [1e-5, 1e-4]}}}},
  shorter: {{after: longer, sweep: {{training.epochs: [1, 2]}}}}""")
    rates, shorter = ["rate-1e-5", "rate-1e-4"], ["shorter-epochs1", "shorter-epochs2"]
    assert study.trained == ["longer", *rates, *shorter]
    assert study.training_of("shorter-epochs2").learning_rate == 1e-4
    assert study.training_of("longer").epochs == 9
    # what is resolved can be resolved again
    assert Experiment.model_validate(study.model_dump(by_alias=True)) == study


MANY = list(range(1, 21))
SWEEPS = {  # of a model m
    "{training.learning_rat: [1]}": "sweep: unknown key 'training.learning_rat' "
    "(did you mean 'training.learning_rate'?)",
    "{training.epochs: 3}": "sweep.training.epochs: not a list",
    "[1]": "sweep: not a mapping",
    "{training.epochs: [1, 1.0]}": "sweep: {'training.epochs': 1.0} needs a unique, valid name",
    f"{{training.epochs: {MANY}, lora.rank: {MANY}}}": "sweep: 400 models, more than 200",
    "{lora.rank: [0, 8]}": "sweep.lora.rank: has to be at least 1 (it is 0)",
}
FIELDS = {  # of a model a
    "method: full, lora: {rank: 4}": ": method full does not use lora; lora, qlora do",
    "method: freeze": ": method freeze needs freeze",
    "method: freeze, freeze: {}": ".freeze: give at least one",
    "method: full, subset: {first: 3, fraction: 0.5}": ".subset: give exactly one of top, first, fra",
    "method: full, training: {warmup: 2.5}": ".training.warmup: below 1 it is a fraction",
}
SERIES = {
    "a: 3, b: {after: a}": "models.a: not a mapping of keys",
    f"m: {{{FULL}, sweep: {{training.epochs: [1]}}}}, m-epochs1: {{{FULL}}}": (
        "models.m-epochs1: makes a model 'm-epochs1', as models.m does; rename one"
    ),
    "m: {base: smal, method: lora, sweep: {lora.rank: [1, 8]}}": "m.base: 'smal' is none of small",
    f"a: {{{LORA}, lora: {{rnk: 3}}}}, b: {{after: a}}": (
        "models.a.lora.rnk: unknown key (did you mean 'rank'?)"
    ),
    f"a: {{{LORA}}}, b: {{after: aa}}": "models.b.after: 'aa' is none of a, b (did you mean 'a'?)",
    f"a: {{{FULL}, sweep: {{training.epochs: [1, 2]}}}}, b: {{after: a}}": (
        "models.b.after: 'a' is a sweep; take one of a-epochs1, a-epochs2"
    ),
    "a: {after: b}, b: {after: a}": "models.a.after: makes a cycle, a → b → a",
    "a: {after: b}, b: {after: b}": "models.b.after: makes a cycle, b → b",
    f"1: {{{FULL}}}, b: {{after: 1}}": "models.1: a name is a text; write it in quotes",
    "a: {after: b}, b: {method: full}": "models.b.base: missing",
}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        *((f"m: {{{LORA}, sweep: {sweep}}}", f"models.m.{said}") for sweep, said in SWEEPS.items()),
        *((f"a: {{base: small, {given}}}", f"models.a{said}") for given, said in FIELDS.items()),
        *SERIES.items(),
    ],
)
def test_errors_name_what_the_user_wrote(load, models, message):
    with pytest.raises(SettingsError) as error:
        load(models)
    assert str(error.value).count(message) == 1  # once, however many models have it


LONG = 4000  # models, each after another: four times as many as Python's calls may be deep


@pytest.mark.parametrize("backwards", [False, True])
def test_a_series_may_be_as_long_as_a_file(load, backwards):
    chain = [f"t{number}: {{after: t{number - 1}}}" for number in range(1, LONG)]
    first = f"t0: {{{LORA}, lora: {{rank: 4}}}}"
    models, _ = expand(
        yaml.safe_load(f"{{{', '.join([first, *chain][:: -1 if backwards else 1])}}}")
    )
    assert list(models)[-1 if not backwards else 0] == f"t{LONG - 1}"
    assert all(model["lora"] == {"rank": 4} for model in models.values())


def test_a_long_circle_is_an_error_that_can_be_read(load):
    ring = ", ".join(f"t{number}: {{after: t{(number + 1) % LONG}}}" for number in range(LONG))
    with pytest.raises(SettingsError) as error:
        load(ring)
    told = str(error.value)
    assert "models.t0.after: makes a cycle, t0 → t1 → " in told and "→ t0" in told
    assert len(told) < 1000


def test_of_many_names_an_error_lists_some_and_the_nearest(load):
    many = ", ".join(f"trial-{number}: {{{LORA}}}" for number in range(500))
    with pytest.raises(SettingsError) as error:
        load(f"{many}, last: {{after: trail-77}}")
    told = str(error.value)
    assert "models.last.after: 'trail-77' is none of trial-0, trial-1," in told
    assert "'trial-77'?" in told and len(told) < 1000
