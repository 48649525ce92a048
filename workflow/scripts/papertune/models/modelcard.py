"""The card of a model (README.md in the Hub's form): its training and its origin.

It contains the facts of ``training.json`` only, and results if there are scores. Names, prompts and
text from the base's own card come from people, pages and models: they are shown as text, never as
markup.
"""

import csv
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from papertune.files import atomic_write, files_digest, read_json
from papertune.identity import canonical
from papertune.models.licences import UNKNOWN, licence_of, made_from
from papertune.models.modelfolder import write_json
from papertune.models.usage import HERE, code, example_of
from papertune.owned import anybodys
from papertune.pairfile import read_pairs
from papertune.study.layout import Origin
from papertune.study.methods import METHODS

LIMITS = """\
Meant for research on what fine-tuning on a body of documents changes. It answers questions of the
form that it was trained on. Nobody checks its answers: they can be wrong, made up, or right in form
only, and questions by a writer other than that of its training pairs may be answered much worse. It
has had no safety training of its own and inherits what the base learned, including biases. The
reference answers of its training pairs may themselves be wrong where a language model wrote them.
The texts it was trained on belong to their authors and publishers; check their licences, and that
of the base, before you pass it on."""

ASKED = {
    "question": "With the question alone, in this form:",
    "chat": "In the chat template of its tokenizer, with this text as the user's turn:",
    "prompt": "With this text; the answer follows after one space, or directly if it ends in one:",
}
# fact → its name in the card, and its format
TOOK = {
    "trainable_parameters": ("Trained parameters", "{:,}"),
    "total_parameters": ("All parameters", "{:,}"),
    "steps": ("Updates", "{:,}"),
    "best_step": ("Update of the kept checkpoint", "{:,}"),
    "best_by": ("Chosen by", "{}"),
    "tokens_seen": ("Tokens seen", "{:,}"),
    "wall_seconds": ("Seconds", "{:,.1f}"),
    "tokens_per_second": ("Tokens per second", "{:,.0f}"),
    "peak_memory_bytes": ("Peak memory (bytes)", "{:,}"),
    "device": ("Device", "{}"),
    "processes": ("Processes", "{}"),
    "gpu_hours": ("GPU-hours", "{:,.3f}"),
    "energy_joules": ("Energy of the GPUs (joules)", "{:,.0f}"),
    "first_loss": ("First training loss (nats per token)", "{:.4f}"),
    "last_loss": ("Last training loss", "{:.4f}"),
    "best_validation_loss": ("Lowest validation loss", "{:.4f}"),
    "untrained_validation_loss": ("Validation loss of the untrained model", "{:.4f}"),
}
_MADE_BY = (
    "backend",
    "model",
    "revision",
    "style",
)  # of a pair's provenance: name its writer
SETTINGS = ("method", "seed", "settings", "lora", "quantization", "freeze", "subset", "read")


class Results(NamedTuple):
    """A model's scores: as Markdown, and as ``huggingface_hub.EvalResult`` for the Hub."""

    markdown: str
    evaluations: list[Any]


def write_card(
    folder: Path,
    *,
    results: Results | None = None,
    merged: str = "",
    base: Path | None = None,
    at: str = HERE,
) -> None:
    """Write a model folder's README.md from its ``training.json`` and ``history.csv``.

    Args:
        results: The model's scores, if there are any.
        merged: How adapters were merged into the base's weights, if they were.
        base: The folder of the base that adapters are loaded onto.
        at: What the card's code loads: this folder, or a name on the Hub.
    """
    facts = read_facts(folder)
    adapter = METHODS[facts["method"]].trains == "adapters" and not merged
    used = code(facts, folder, base if adapter else None, at) if facts.get("example") else ""
    front, body = _front(facts, results, adapter), _body(facts, results, merged, used)
    with atomic_write(folder / "README.md") as stream:
        stream.write(f"---\n{front}\n---\n\n{body}")


def read_facts(folder: Path) -> dict[str, Any]:
    """``training.json`` with the first and the last training loss of ``history.csv``."""
    facts: dict[str, Any] = read_json(Path(folder, "training.json"))
    path = Path(folder, "history.csv")
    with open(path, encoding="utf-8", newline="", opener=anybodys) as stream:
        losses = [float(row["train_loss"]) for row in csv.DictReader(stream) if row["train_loss"]]
    return facts | ({"first_loss": losses[0], "last_loss": losses[-1]} if losses else {})


def add_facts(folder: Path, facts: Mapping[str, Any], name: str = "training.json") -> None:
    """Add facts to a JSON file of a folder; a hard link to a shared file is broken."""
    path = Path(folder, name)
    write_json(path, {**read_json(path), **facts})


def name_model(
    folder: Path, origin: Origin, base: Path, train: Sequence[Path], validation: Sequence[Path]
) -> None:
    """Write files with names and paths of data, which are not part of the trained model.

    ``train`` and ``validation`` have a file for each writer of the pairs.
    """
    pairs, others = (
        [pair for path in files for pair in read_pairs(path)] for files in (train, validation)
    )
    years = [pair.year for pair in pairs if pair.year]
    writers = {
        canonical({key: pair.provenance[key] for key in _MADE_BY if pair.provenance.get(key)})
        for pair in pairs
    }
    licence, said_by = licence_of(base)
    facts: dict[str, Any] = {
        "origin": {"experiment": origin.experiment, "model": origin.model},
        "base": {
            "name": origin.base, "hub": origin.hub, "revision": origin.revision,
            "scratch": origin.scratch, "licence": licence, "licence_said_by": said_by,
            **made_from(base),
        },
        "data": {
            "source": origin.source,
            "dataset": origin.dataset,
            "years": [min(years), max(years)] if years else None,
            "pairs": {"train": len(pairs), "validation": len(others)},
            "documents": len({pair.document for pair in pairs}),
            "writers": [json.loads(writer) for writer in sorted(writers)],
            "sha256": files_digest([*train, *validation]),
        },
        "example": example_of(others) or example_of(pairs),
    }  # fmt: skip
    add_facts(folder, facts)
    if (folder / "adapter_config.json").exists():
        add_facts(folder, {"base_model_name_or_path": base.name}, "adapter_config.json")
    write_card(folder, base=base)


def text(value: object) -> str:
    """Untrusted text as one line of Markdown: no markup, no HTML, no links."""
    line = " ".join(str(value).split())
    line = html.escape(line, quote=False)
    line = re.sub(r"([\\`*_{}\[\]()#!|~$@])", r"\\\1", line)
    line = line.replace("://", ":\\//")  # otherwise it would become a link
    return re.sub(r"(?i)\bwww\.", r"www\\.", line)


def plain(value: str) -> str:
    """Untrusted text as one line without HTML, images or links with a text."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(value.split())).replace("](", "]\\(")


def block(value: str, kind: str = "") -> str:
    """Untrusted lines as a code block, with a fence longer than any in them."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", value))])
    return f"{fence}{kind}\n{value}\n{fence}"


def _front(facts: Mapping[str, Any], results: Results | None, adapter: bool) -> str:
    """The front matter, which the Hub reads."""
    from huggingface_hub import ModelCardData

    origin, base = facts["origin"], facts["base"]
    evaluated = results.evaluations if results else None
    name = f"{origin['experiment']}/{origin['model']}/seed-{facts['seed']}"
    kind, library = ("adapter", "peft") if adapter else ("finetune", "transformers")
    data = ModelCardData(
        license=base["licence"], library_name=library, pipeline_tag="text-generation",
        base_model=base["hub"] or None, base_model_relation=kind if base["hub"] else None,
        tags=["papertune", facts["method"], "question-answering"],
        model_name=name if evaluated else None, eval_results=evaluated or None,
    )  # fmt: skip
    return str(data.to_yaml()).strip()


def _body(facts: Mapping[str, Any], results: Results | None, merged: str, used: str) -> str:
    origin, base, data = facts["origin"], facts["base"], facts["data"]
    name = f"{origin['experiment']} / {origin['model']}, seed {facts['seed']}"
    local = "pre-trained here from random weights" if base["scratch"] else "a local folder"
    licence = f"{base['licence']} (according to its {base['licence_said_by']})"
    if base["licence"] == UNKNOWN:
        licence = "unknown: nothing in the base's folder names one"
    years = "{}–{}".format(*data["years"]) if data["years"] else "they have none"
    subset = ""
    if chosen := facts.get("subset"):
        kind = next(key for key in ("top", "first", "fraction") if chosen.get(key) is not None)
        subset = f"{kind} {chosen[kind]}: {chosen['pairs']:,} of {chosen['of']:,} pairs"
    union = ""
    if chosen := facts.get("union"):
        union = (
            f"{chosen['how']}: {chosen['pairs']:,} of {chosen['of']:,} pairs "
            f"({' + '.join(format(each, ',') for each in chosen['each'])})"
        )
    settings = {key: facts[key] for key in SETTINGS if key in facts}
    took = [
        (label, form.format(facts[key]))
        for key, (label, form) in TOOK.items()
        if facts.get(key) not in (None, 0.0)
    ]
    parts = [
        f"# {text(name)}",
        f"A language model made from {text(base['hub'] or base['name'])}, which answers questions "
        f"about documents; {METHODS[facts['method']].says}. {merged} Made by Papertune; every number "
        "here is from the run that made it (`training.json`, `history.csv`).".replace("  ", " "),
        "## Base",
        _table(
            ("Name", base["hub"] or base["name"]),
            ("Revision", base["revision"]),
            ("Origin", "Hugging Face Hub" if base["hub"] else local),
            ("Made from the GGUF file of", base.get("made_from", "")),
            ("SHA-256 of that file", base.get("sha256", "")),
            ("Licence of the base", licence),
            ("Texts of its licence and terms, beside the base", ", ".join(base.get("terms", []))),
        ),
        *(["## Use", "Run in this folder:", block(used, "python")] if used else []),
        "## Data",
        _table(
            ("Source of the documents", data["source"]),
            ("Years of the documents", years),
            ("Documents", f"{data['documents']:,}"),
            ("Pairs to train on", "" if union else f"{data['pairs']['train']:,}"),
            ("Pairs that chose the checkpoint", f"{data['pairs']['validation']:,}"),
            ("Subset", subset),
            ("Written by", data["dataset"]),
            ("Trained on, of several writers", union),
            *(("", json.dumps(writer, ensure_ascii=False)) for writer in data["writers"]),
            ("SHA-256 of the pairs", data["sha256"]),
        ),
        "## How it is asked",
        ASKED[facts["asked"]["form"]],
        block(facts["asked"]["template"], "text"),
        *([text(f"Beginning token: {said}.")] if (said := facts.get("beginning")) else []),
        "## Training",
        _table(*took),
        block(json.dumps(settings, indent=1, ensure_ascii=False), "json"),
        *(["## Results", results.markdown] if results else []),
        "## Intended use and limits",
        LIMITS,
        "## Versions",
        ", ".join(f"{text(key)} {text(value)}" for key, value in facts["versions"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def _table(*rows: tuple[str, Any]) -> str:
    shown = [f"| {key} | {text(value)} |" for key, value in rows if value not in ("", None)]
    return "\n".join(["| | |", "| --- | --- |", *shown])
