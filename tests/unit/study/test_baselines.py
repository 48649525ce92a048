"""Each model is compared with a baseline of its base that is asked in the same form."""

import re

import pytest
import yaml
from pydantic import ValidationError

from papertune.cluster.requests import show_baselines
from papertune.study import uses
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.settings import MODEL_NAME, NAME

VALUES = yaml.safe_load(f"""
source: {{kind: demo}}
splits: {{train: {{from: 2005, to: 2006}}, test: {{from: 2008, to: 2008}}}}
generators:
  rules: {{backend: rules, style: cloze, label: gaps}}
  llm: {{backend: rules, style: extractive}}
bases:
  small: {{path: a}}
  same: {{path: a}}
  other: {{hub: a/b, revision: {"a" * 40}}}
""")
CHAT, QUESTION = "examples: {variant: chat}", "examples: {variant: qa}"
BASE, TUNED = "base: small, method: baseline", "base: small, method: lora"


def study(models, **more):
    return Experiment.model_validate(VALUES | {"models": yaml.safe_load(f"{{{models}}}")} | more)


@pytest.mark.parametrize(
    ("models", "named", "held"),
    [
        # the plain form, as ever: the first baseline of the base, or the one that is named
        (f"b: {{{BASE}}}, m: {{{TUNED}}}", "", {"m": "b"}),
        (f"b: {{{BASE}}}, c: {{{BASE}}}, m: {{{TUNED}}}", "c", {"m": "c"}),
        (f"b: {{{BASE}}}, m: {{base: small, method: qlora}}", "", {"m": "b"}),
        (f"b: {{{BASE}}}, m: {{base: same, method: lora}}", "", {"m": "b"}),
        # the answer alone is asked for with the prompt
        (f"b: {{{BASE}}}, m: {{{TUNED}, examples: {{variant: answer}}}}", "", {"m": "b"}),
        # none is declared, or none in the form, or none of the base
        (f"m: {{{TUNED}}}", "", {"m": "small.prompt"}),
        (f"b: {{{BASE}}}, m: {{{TUNED}, {CHAT}}}", "", {"m": "small.chat"}),
        (f"b: {{{BASE}}}, m: {{{TUNED}, {CHAT}}}", "b", {"m": "small.chat"}),
        (f"b: {{{BASE}}}, m: {{{TUNED}, {QUESTION}}}", "", {"m": "small.question"}),
        (f"b: {{{BASE}, {CHAT}}}, m: {{{TUNED}}}", "", {"m": "small.prompt"}),
        (f"b: {{{BASE}}}, m: {{base: other, method: full}}", "b", {"m": "other.prompt"}),
        (
            f"b: {{{BASE}}}, c: {{{BASE}, {CHAT}}}, m: {{{TUNED}}}, n: {{{TUNED}, {CHAT}}}",
            "",
            {"m": "b", "n": "c"},
        ),
        # of a base whose weights are all new, the named one; of its own base where it has no name
        (f"b: {{{BASE}}}, m: {{base: other, method: scratch}}", "b", {"m": "b"}),
        (f"b: {{{BASE}}}, m: {{base: other, method: scratch}}", "", {"m": "other.prompt"}),
        (f"b: {{{BASE}}}, m: {{base: other, method: scratch, {CHAT}}}", "b", {"m": "other.chat"}),
        # a trained one can be named, for those of its base and form
        (f"m: {{{TUNED}}}, n: {{{TUNED}}}", "m", {"n": "m"}),
        (f"m: {{{TUNED}}}, n: {{{TUNED}, {CHAT}}}", "m", {"n": "small.chat"}),
    ],
)
def test_each_model_is_held_against_its_base_in_its_form(models, named, held):
    made = study(models, comparison={"baseline": named})
    assert made.baselines == held
    assert made.made == [name for name in {**dict.fromkeys(held.values())} if "." in name]
    for model, baseline in held.items():
        asked = [made.models[name].examples.asked for name in (model, baseline)]
        assert asked[0] == asked[1] and made.baseline_of(baseline) == ""
        assert made.answer_template(model) == made.answer_template(baseline)
    # read again, nothing more is made
    assert Experiment.model_validate(made.model_dump(by_alias=True)) == made


def test_what_is_made_is_answered_and_shown_and_never_trained():
    chat = f"b: {{{BASE}}}, m: {{{TUNED}, {CHAT}}}"
    made = study(chat, seeds=[3, 4])
    layout = Layout("mine", made)
    assert list(made.models) == ["b", "small.chat", "m"] and made.trained == ["m"]
    assert made.model_label("small.chat") == "Base small, in its chat template"
    assert "small.chat" not in dict(layout.models()) and made.seeds_of("small.chat") == [0]
    assert layout.model("small.chat", 0) == "a"
    used = uses.answer(layout, "small.chat", "0", "rules").counted
    assert used["asked"] == "chat" == uses.answer(layout, "m", "3", "rules").counted["asked"]
    cells = layout.by_cell("answers")
    assert [key for key in cells if key[0] == "small.chat"] == [
        ("small.chat", 0, "rules"), ("small.chat", 0, "llm"),
    ]  # fmt: skip
    assert {key[0] for key in layout.exported_scores("m", 3)} == {"m", "small.chat"}
    assert "mine: small.chat (Base small, in its chat template), for m" in show_baselines([layout])
    assert show_baselines([Layout("mine", study(f"b: {{{BASE}}}, m: {{{TUNED}}}"))]) == ""


def test_a_form_adds_its_baselines_answers_and_changes_nothing_else():
    def jobs(models):
        layout = Layout("mine", study(models))
        return {
            cell: (uses.answer(layout, *map(str, cell)).identity(), layout.base(cell[0]))
            for cell in layout.by_cell("answers")
        }

    plain = f"b: {{{BASE}}}, m: {{{TUNED}}}"
    before, after = jobs(plain), jobs(f"{plain}, n: {{{TUNED}, {CHAT}}}")
    assert {cell: after[cell] for cell in before} == before
    assert {cell[0] for cell in {*after} - {*before}} == {"small.chat", "n"}


def test_no_name_can_be_that_of_a_baseline_that_was_made():
    for name in ("small.chat", "small.prompt"):
        assert re.match(MODEL_NAME, name) and not re.match(NAME, name)
        with pytest.raises(ValidationError, match=r"models\.small\.\w+: a name with a dot"):
            study(f"{name}: {{{TUNED}}}")
    with pytest.raises(ValidationError, match="has to be a name"):
        study(f"small.other: {{{TUNED}}}")


# ---- several writers --------------------------------------------------------


def test_several_writers_pairs_train_and_one_of_a_list_is_that_one():
    models = "m: {base: small, method: lora, dataset: %s}"
    both = study(models % "[rules, llm]")
    layout = Layout("mine", both)
    assert both.datasets_of("m") == ["rules", "llm"] and both.recipe_of("m").union == "equal"
    assert layout.training_data("m", "validation") == [
        f"results/mine/datasets/{name}/validation.parquet" for name in ("rules", "llm")
    ]
    assert {key for key in layout.generated if key[1] == "train"} == {
        ("rules", "train"), ("llm", "train"),
    }  # fmt: skip
    assert layout.origin("m").dataset == "rules, llm"
    # what was made with the name of one writer stays
    one, text, unsaid = (study(models % name) for name in ("[llm]", "llm", '""'))
    assert one == text and one.identity() == text.identity()
    assert one.recipe_of("m").identity() == unsaid.recipe_of("m").identity()
    assert "union" not in one.recipe_of("m").identity() and "union" not in str(one.identity())
    assert unsaid.datasets_of("m") == ["rules"] == study(models % "[]").datasets_of("m")


def test_how_many_pairs_can_be_said_for_all_or_for_a_model():
    models = f"m: {{{TUNED}}}, n: {{{TUNED}, union: all}}, o: {{{TUNED}, dataset: llm}}"
    made = study(models, dataset=["llm", "rules"])
    assert [made.recipe_of(name).union for name in "mno"] == ["equal", "all", ""]
    made = study(models, dataset=["llm", "rules"], union="all")
    assert [made.recipe_of(name).union for name in "mno"] == ["all", "all", ""]
    first, second = (made.recipe_of(name).identity() for name in "mo")
    assert first == second | {"union": "all"}


def test_a_sweep_goes_over_writers():
    made = study(f"m: {{{TUNED}, sweep: {{dataset: [rules, llm, [rules, llm]]}}}}")
    assert made.trained == ["m-rules", "m-llm", "m-rules-llm"]
    assert made.datasets_of("m-rules-llm") == ["rules", "llm"]


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (["rules", "lmm"], r"dataset: 'lmm' is none of rules, llm \(did you mean 'llm'\?\)"),
        ("rule", r"did you mean 'rules'\?"),
        (["rules", "rules"], "named twice"),
        ([1, "rules"], "name a generator, or a list of several"),
        ({"a": 1}, "name a generator, or a list of several"),
    ],
)
def test_writers_that_are_none_are_named(dataset, said):
    for more in ({"dataset": dataset}, {}):
        models = {"m": {"base": "small", "method": "lora"} | ({} if more else {"dataset": dataset})}
        with pytest.raises(ValidationError, match=said):
            Experiment.model_validate(VALUES | {"models": models} | more)
