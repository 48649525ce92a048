"""The code in a model's card: it loads the model, fills in the study's prompt, and asks a question.

It does not need this project. Untrusted texts are embedded as Python literals.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from papertune.models.quantization import quantization_of
from papertune.records import Pair
from papertune.study.prompts import ANSWER_FIELDS, QUESTION
from papertune.study.turns import as_text, turns_in

HERE = "."  # the card is beside the weights
OR_ELSEWHERE = "  # this folder, or the path of another"
# arguments of chat templates when a model is asked, see papertune.examples
CHATTED = 'enable_thinking=False, date_string="26 Jul 2024", tokenize=False'


def example_of(pairs: Iterable[Pair]) -> dict[str, str] | None:
    """Values to fill in a prompt for an example: those of a first question with a short context."""
    first = [pair for pair in pairs if not pair.before]
    if not first:
        return None
    chosen = min(first, key=lambda pair: (len(pair.context), pair.id))
    return {name: getattr(chosen, name) for name in ANSWER_FIELDS}


def code(facts: Mapping[str, Any], folder: Path, base: Path | None, at: str = HERE) -> str:
    """Generate the code, as text.

    Args:
        facts: ``training.json``; its ``example`` is asked.
        folder: The model's folder.
        base: The folder of an adapter's base; None for a complete model.
        at: What the code loads: a path, or a name on the Hub.
    """
    imports = ["from string import Template", ""]
    classes = ["AutoModelForCausalLM", "AutoTokenizer"]
    load = ["model = AutoModelForCausalLM.from_pretrained(folder)"]
    if base is not None:
        imports.append("from peft import PeftModel")
        classes.append("GenerationConfig")
        # relative to the project, so that it does not reveal paths of this machine
        where = repr(os.path.relpath(base.resolve(), folder.resolve()))
        load = [f"base = AutoModelForCausalLM.from_pretrained({where})"]
        if quantization := quantization_of(folder):
            classes.insert(2, "BitsAndBytesConfig")
            load = [
                "in_4_bit = BitsAndBytesConfig(",
                f'    load_in_4bit=True, bnb_4bit_quant_type="{quantization.type}",',
                f"    bnb_4bit_use_double_quant={quantization.double},",
                ")",
                "base = AutoModelForCausalLM.from_pretrained(",
                f'    {where}, dtype="float32", quantization_config=in_4_bit',
                ")",
                "for layer in base.modules():  # or a CPU with bf16 units rounds the weights again",
                "    layer.support_avx512bf16_for_cpu = False",
            ]
        load += [
            "model = PeftModel.from_pretrained(base, folder)",
            "model.generation_config = GenerationConfig.from_pretrained(folder)",
        ]
    lines = [
        *imports, f"from transformers import {', '.join(classes)}", "",
        f"folder = {at!r}" + OR_ELSEWHERE * (at == HERE),
        "tokenizer = AutoTokenizer.from_pretrained(folder)", *load, "",
        "values = {", *(f"    {key!r}: {text!r}," for key, text in facts["example"].items()), "}",
        *_prompt(facts["asked"]), "",
        "asked = asked.to(model.device)",
        "written = model.generate(**asked)[0, asked.input_ids.shape[1] :]",
        "print(tokenizer.decode(written, skip_special_tokens=True).strip())",
    ]  # fmt: skip
    return "\n".join(lines)


def _prompt(asked: Mapping[str, str]) -> list[str]:
    template, form = asked["template"], asked["form"]
    if form != "chat":
        text = QUESTION if form == "question" else as_text(turns_in(template))
        return [
            f"prompt = Template({text!r}).substitute(values)",
            'asked = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)',
        ]
    turns = turns_in(template)
    begun = turns[-1].role == "assistant"
    ends = "continue_final_message=True" if begun else "add_generation_prompt=True"
    return [
        "turns = [",
        *(f'    {{"role": {role!r}, "content": {text!r}}},' for role, text in turns),
        "]",
        'turns = [turn | {"content": Template(turn["content"]).substitute(values)} for turn in turns]',
        "prompt = tokenizer.apply_chat_template(",
        f"    turns, {ends}, {CHATTED}",
        ")",
        "asked = tokenizer(",
        '    prompt, return_tensors="pt", return_token_type_ids=False, add_special_tokens=False',
        ")",
    ]
