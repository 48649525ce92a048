"""What each model is compared with: a baseline of its base that is asked in the same form.

A base answers much better in its chat template than without it. A comparison across forms would
take this difference for learning.
"""

from collections.abc import Mapping

from papertune.study.methods import METHODS
from papertune.study.settings import ASKED, Base, ExampleForm, Model

Models = Mapping[str, Model]
# as short as a figure's labels have to be
SAID = {
    "prompt": "by the prompt",
    "question": "by question alone",
    "chat": "in its chat template",
}


def baseline_of(model: str, models: Models, bases: Mapping[str, Base], named: str) -> str:
    """The baseline that a model is compared with; empty if there is none, or it is one itself.

    A baseline has the same base and is asked in the same form: the one that is ``named``, else the
    first that is not trained. A model that takes no weights from its base is compared with the named
    one, whatever that one's base is.
    """
    if _is_baseline(model, models, named):
        return ""
    mine = models[model]
    new = METHODS[mine.method].weights == "new"
    every = (name for name in models if _is_baseline(name, models, named))
    for name in sorted(every, key=lambda one: one != named):
        other = models[name]
        same = bases[other.base] == bases[mine.base] or (new and name == named)
        if same and other.examples.asked == mine.examples.asked:
            return name
    return ""


def with_baselines(models: Models, bases: Mapping[str, Base], named: str) -> dict[str, Model]:
    """The models; those without a baseline come after one that is added for them.

    Raises:
        ValueError: a model has the name of an automatic baseline and is none.
    """
    found: dict[str, Model] = {}
    for name, model in models.items():
        base, dot, asked = name.rpartition(".")
        if dot and (model.base, model.method, model.examples.asked) != (base, "baseline", asked):
            raise ValueError(
                f"models.{name}: a name with a dot is that of an automatic baseline (base.form); "
                "take another name"
            )
        if not _is_baseline(name, models, named) and not baseline_of(name, models, bases, named):
            asked, base = model.examples.asked, model.base
            which = base if len(bases) > 1 else "model"
            found[f"{base}.{asked}"] = Model(
                label=f"Base {which}, {SAID[asked]}",
                base=base,
                method="baseline",
                examples=ExampleForm.model_validate({"variant": ASKED[asked]}),
            )
        found[name] = model
    return found


def _is_baseline(model: str, models: Models, named: str) -> bool:
    return model == named or models[model].method == "baseline"
