"""The best checkpoint: by validation loss, or by the model's answers."""

from dataclasses import replace

import pytest

from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.examples.forms import Form
from papertune.metrics import METRICS
from papertune.models.loading import load_model, load_tokenizer
from papertune.records import Answer, read_records
from papertune.study.recipe import Recipe
from papertune.study.settings import Answering, Pretraining, Training
from papertune.training.by_answers import TEACHER_FORCED, AnswerScorer
from papertune.training.facts import Criterion
from tiny_training import PROMPT, Runs, assert_same, facts_of, history_of, pairs

# answers get better while one contradiction, of which the model is ever surer, spoils the loss
LONG = {"epochs": 24, "evaluations": 12, "batch_size": 8, "learning_rate": 1e-2}
BY_ANSWERS = LONG | {"best_by": "exact_match", "best_new_tokens": 6}


@pytest.fixture
def run(run):
    run.data(pairs(0, 18), [*pairs(0, 6), *pairs(8, 1, id="x", answer="no " * 8 + "no")])
    return run


def exact_match(folder, run) -> float:
    """Of the finished model, by the stage that answers test sets."""
    task = Task(
        model=folder, test_set=run.folder / "validation.parquet", prompt=PROMPT,
        answering=Answering(max_new_tokens=6),
    )  # fmt: skip
    output = run.folder / "answers.jsonl"
    answer(task, output=output, store=run.folder / "store", identity={"model": str(folder)})
    answers = list(read_records(output, Answer))
    return sum(METRICS["exact_match"].measure(one, None)[0] for one in answers) / len(answers)


def test_the_best_by_answers_is_another_one_than_by_loss(run):
    by_loss, by_answers = run("loss", **LONG), run("answers", **BY_ANSWERS)
    rows = history_of(by_answers)
    facts, other = facts_of(by_answers), facts_of(by_loss)
    values = [row["exact_match"] for row in rows]
    assert facts["best_by"] == "exact_match" and other["best_by"] == "validation_loss"
    assert facts["best_value"] == max(values) > min(values)
    assert other["best_value"] == min(row["validation_loss"] for row in rows)
    assert facts["best_step"] != other["best_step"]
    # the folder holds the weights of that step: asked anew, they answer as well; the others do not
    assert exact_match(by_answers, run) == pytest.approx(facts["best_value"])
    assert exact_match(by_loss, run) < facts["best_value"]
    # measuring answers changes nothing of the training
    for row, plain in zip(rows, history_of(by_loss), strict=True):
        assert row == plain | {"exact_match": row["exact_match"]} != plain


@pytest.mark.parametrize("way", ["loss", "answers"])
def test_patience_goes_by_what_the_best_is_chosen_by(run, way):
    how = {"loss": LONG, "answers": BY_ANSWERS}[way]
    folder = run("patient", patience=3, **how)
    facts, rows = facts_of(folder), history_of(folder)
    assert facts["steps"] < facts["planned_steps"]
    best = [row["step"] for row in rows].index(facts["best_step"])
    assert len(rows) - 1 - best == 3
    # that it stopped changed nothing before, and what is left is the best one
    assert rows == history_of(run("whole", **how))[: len(rows)]
    if way == "answers":
        assert exact_match(folder, run) == pytest.approx(facts["best_value"])


@pytest.mark.parametrize("moment", [("on_prediction_step", 10), ("on_step_end", 22)])
def test_a_stopped_run_keeps_its_choice(run, stopped, moment):
    """Stopped while the fifth validation's questions are answered, or between two validations."""
    how = BY_ANSWERS | {"patience": 6}
    undisturbed = run("undisturbed", **how)
    assert_same(stopped(moment, **how), undisturbed)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_teacher_forced_bleu_is_of_the_likeliest_tokens_after_the_reference(tmp_path, family):
    import torch

    folder = Runs(tmp_path, family).base
    model, tokenizer = load_model(folder, precision="fp32"), load_tokenizer(folder)
    form, bleu = Form(tokenizer, "prompt", PROMPT), []
    some = [replace(p, question=p.question * n, answer=p.answer * n)
            for n, p in enumerate(pairs(0, 3), start=1)]  # fmt: skip
    for pair, (question, own) in zip(some, form.tokens(some), strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([question + own])).logits[0]
        text = tokenizer.decode(logits[len(question) - 1 : -1].argmax(-1)).strip()
        said = Answer("p", "d", 2010, pair.question, pair.answer, text, 0, 0, 0, False)
        bleu.append(METRICS["bleu"].measure(said, None)[0])
    recipe = Recipe(method="full", training=Training(best_by=TEACHER_FORCED))
    forced = AnswerScorer(recipe, form, some, tmp_path)
    sums = sum(forced.measure(model, batch) for batch in forced.batches)
    assert forced.metric.of_cell(sums) == pytest.approx(sum(bleu) / 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [TEACHER_FORCED, "similarity"])
def test_other_scores_choose_too_and_stand_under_their_own_names(run, name):
    how = {"best_new_tokens": 4, "epochs": 6, "evaluations": 3}
    folder = run("by", best_by=name, **LONG | how)
    values = [row[name] for row in history_of(folder)]
    assert facts_of(folder)["best_value"] == max(values) > min(values)
    assert min(values) >= -1 and max(values) <= 1.0001


def test_of_equal_ones_the_lower_loss_is_better_and_then_the_first():
    log = [
        {"step": step, "eval_bleu": bleu, "eval_loss": loss}
        for step, bleu, loss in [(1, 0.0, 2.0), (2, 0.5, 1.5), (3, 0.5, 1.0), (4, 0.5, 1.0)]
    ]
    up = Criterion("bleu", higher_is_better=True)
    assert up.best(log)["step"] == 3 and up.without_gain(log) == 1
    assert Criterion().best(log)["step"] == 3
    assert Criterion("bleu", higher_is_better=False).best(log)["step"] == 1
    assert up.best([]) is None and up.without_gain([]) == 0


def test_a_base_in_pretraining_answers_nothing():
    with pytest.raises(ValueError, match=r"training\.best_by"):
        Pretraining.model_validate({"training": {"best_by": "bleu"}})
