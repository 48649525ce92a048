"""Tasks for lm-evaluation-harness: the questions of a test set in the prompts of the study.

Each test set makes two tasks: one scores generated answers, the other the likelihood of reference
answers. Prompts are stored as the model reads them, in its chat template if it has one, because the
harness would make every chat a single turn, with today's date and the template's own defaults. Its
numbers equal the study's if no prompt was too long for the model and all words are ASCII.
"""

import json
import shutil
from pathlib import Path

import yaml

from papertune.chat.choices import Choices
from papertune.errors import PapertuneError, run_command
from papertune.examples.forms import Form
from papertune.files import atomic_write
from papertune.models.loading import load_tokenizer
from papertune.owned import make_folder
from papertune.pairfile import read_pairs
from papertune.publish import scoring
from papertune.publish.inspection import write_inspect
from papertune.study.here import layout_of
from papertune.study.layout import Layout
from papertune.study.prompts import answer_prompt


def write_tasks(layout: Layout, folder: Path) -> list[str]:
    """Write the tasks of each finished model into a folder, for ``lm_eval --include_path``.

    Returns:
        The names of the tasks; ``EXPERIMENT_MODEL_SET``, and ``..._likelihood``.

    Raises:
        PapertuneError: no model is finished.
    """
    make_folder(folder)
    shutil.copyfile(scoring.__file__, folder / "scoring.py")
    names, study = [], layout.experiment
    most = study.answering.max_new_tokens
    for model, seeds in Choices(layout).models.items():
        tokenizer = load_tokenizer(layout.model(model, seeds[0]))
        for test_set in study.usual_sets:
            name = f"{layout.name}_{model}_{test_set}".replace("/", "_")
            template = study.asked_template(test_set, model)
            form = Form(tokenizer, study.models[model].examples.asked, template)
            _write_questions(folder / f"{name}.jsonl", Path(layout.test_set(test_set)), form)
            for task, own in _tasks(name, most).items():
                text = yaml.safe_dump(own, sort_keys=False)
                # a tag of the harness's own, which no string of ours can hold
                for function in ("questions", "answered", "likely"):
                    text = text.replace(f"function {function}\n", f"!function scoring.{function}\n")
                with atomic_write(folder / f"{task}.yaml") as stream:
                    stream.write(text)
                names.append(task)
    return names


def _write_questions(path: Path, pairs: Path, form: Form) -> None:
    with atomic_write(path) as stream:
        for pair in read_pairs(pairs):
            prompt = form.prompts.text(answer_prompt(form.template, pair))
            asked = {"id": pair.id, "prompt": prompt, "reference": pair.answer}
            stream.write(json.dumps(asked | {"completion": form.completion(pair)}) + "\n")


def _tasks(name: str, most: int) -> dict[str, dict[str, object]]:
    both: dict[str, object] = {
        "custom_dataset": "function questions", "dataset_kwargs": {"file": f"{name}.jsonl"},
        "dataset_path": "", "test_split": "test", "target_delimiter": "",
        "doc_to_text": "{{prompt}}", "doc_to_target": "{{completion}}",
    }  # fmt: skip
    return {
        name: {
            "task": name, **both, "output_type": "generate_until",
            "generation_kwargs": {"until": [], "max_gen_toks": most, "do_sample": False},
            "process_results": "function answered",
            "metric_list": [
                {"metric": "rouge_l", "aggregation": "mean", "higher_is_better": True}
            ],
        },
        f"{name}_likelihood": {
            "task": f"{name}_likelihood", **both, "output_type": "loglikelihood",
            "process_results": "function likely",
            "metric_list": [
                {"metric": "bits_per_byte", "aggregation": "bits_per_byte", "higher_is_better": False}
            ],
        },
    }  # fmt: skip


def main(arguments: list[str]) -> None:
    """Write the tasks of an experiment and its scores for Inspect, and print how to use them."""
    if len(arguments) != 1:
        raise PapertuneError("which experiment?", where="make harness", hint="EXPERIMENT=demo")
    layout = layout_of(arguments[0])
    folder = Path(layout.root, "lm_eval")
    names = write_tasks(layout, folder)
    print(*names, sep="\n")
    print(
        f"\nlm_eval --model hf --model_args pretrained=FOLDER --include_path {folder} --tasks NAME"
    )
    scored = Path(layout.root, "inspect")
    print(f"\n{len(write_inspect(layout, scored))} files of scores for Inspect: {scored}")


if __name__ == "__main__":
    run_command(main)
