"""Choices for a new study: who writes, which base, where it runs; and which of them are available.

Proven settings come from two included experiments: real language models, whose weights are packages,
from ``smollm2``; a base from scratch from ``demo``.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from papertune.cluster.slurm import ClusterError, check_controller
from papertune.errors import PapertuneError
from papertune.files import from_json
from papertune.jobs.gpus import gpu_memory
from papertune.models.packages import not_installed
from papertune.servers.place import Place
from papertune.study.prompts import WORKFLOW
from papertune.study.settings import Base, ServerSettings
from papertune.study.settings.notation import nearest
from papertune.study.yaml_text import read

PATIENCE = 5  # seconds for a server's answer
RULES: Mapping[str, dict[str, Any]] = {
    "rules": {"label": "wh-questions by rules", "backend": "rules", "style": "extractive"},
    "cloze": {"label": "sentences with a gap", "backend": "rules", "style": "cloze"},
}
SCRATCH = "scratch"
PLACES = {
    "here": "this machine's processors",
    "gpu": "this machine's GPU",
    "slurm": "a Slurm cluster, each job that runs a language model with a GPU",
}
_AT_HUB = re.compile(r"([\w.-]+/[\w.-]+)(?:@([0-9a-f]{40}))?")
_CHATS = re.compile(r"instruct|chat|[-_]it(?:$|[-_])", re.IGNORECASE)


@cache
def like(name: str) -> dict[str, Any]:
    """The values of an included experiment file."""
    return dict(read(WORKFLOW / f"config/experiments/{name}.yaml").values)


@cache
def packaged(base: str) -> bool:
    """Whether the packages with the weights of a base are installed."""
    return not_installed(Base.model_validate(like("smollm2")["bases"][base])) is None


def writers_known() -> dict[str, str]:
    """Writers that need no address, and what each is."""
    models = {
        name: f"{one['label']}{'' if packaged(one['model']) else ', after `make models`'}"
        for name, one in like("smollm2")["generators"].items()
        if one["backend"] == "transformers"
    }
    return models | {name: str(one["label"]) for name, one in RULES.items()}


def writers_proposed() -> str:
    """The writers of ``smollm2`` if their packages are installed, else the rules of both styles."""
    own = like("smollm2")
    here = [n for n, one in own["generators"].items() if packaged(one.get("model", own["dataset"]))]
    return ",".join(here if len(here) == len(own["generators"]) else RULES)


def bases_known() -> dict[str, str]:
    """Bases that need no address, and what each is."""
    installed = "" if packaged("smollm2") else ", after `make models`"
    return {
        "smollm2": f"SmolLM2 135M Instruct{installed}",
        SCRATCH: "a tiny base, pre-trained here on the training documents",
    }


def base_proposed() -> str:
    """``smollm2`` if its package is installed, else a base from scratch."""
    return "smollm2" if packaged("smollm2") else SCRATCH


def place_proposed() -> str:
    """``slurm`` if its controller answers, else this machine, with its GPU if it has one."""
    with suppress(ClusterError):
        check_controller()
        return "slurm"
    return "gpu" if gpu_memory() else "here"


def generators_of(text: str) -> dict[str, dict[str, Any]]:
    """The settings of writers, in the order in which they are named: the first one's pairs train.

    Args:
        text: Names of :func:`writers_known`, addresses of OpenAI-compatible servers, or ``model@url``,
            separated by commas.

    Raises:
        PapertuneError: a name is unknown, or a server does not list its models.
    """
    found: dict[str, dict[str, Any]] = {}
    for word in filter(None, (one.strip() for one in text.split(","))):
        if "://" in word:
            model, _, url = word.rpartition("@")
            model = model or _served(url)
            name = re.sub(r"[^a-z0-9]+", "-", model.rpartition("/")[2].lower()).strip("-")[:20]
            found[name or "server"] = {
                "backend": "openai",
                "url": url,
                "model": model,
                "prompt": "workflow/prompts/detailed.txt",
            }
        elif word in RULES:
            found[word] = dict(RULES[word])
        elif word in writers_known():
            found[word] = like("smollm2")["generators"][word]
        else:
            known = writers_known()
            what = f"no writer {word!r}{nearest(word, known)}"
            hint = (
                f"name some of {', '.join(known)}, or http://localhost:8000/v1, separated by commas"
            )
            raise PapertuneError(what, where=text, hint=hint)
    if not found:
        raise PapertuneError("no writer", hint=f"name some of {', '.join(writers_known())}")
    return found


def _served(url: str) -> str:
    """The first model that a server lists."""
    hint = f"start it, give its address up to /v1, or name the model: WRITERS=MODEL@{url}"
    place = Place(ServerSettings(url=url), "WRITERS")
    try:
        with place.client(timeout=PATIENCE) as client:
            reply = client.get(f"{place.url()}/models")
        reply.raise_for_status()
        return str(from_json(reply.content)["data"][0]["id"])
    except httpx.HTTPError as error:
        why = f"the server does not list its models ({error or type(error).__name__})"
    except (ValueError, LookupError, TypeError):
        why = "the server does not list its models, as an OpenAI-compatible server would"
    raise PapertuneError(why, where=url, hint=hint)


def base_of(text: str) -> tuple[str, dict[str, Any]]:
    """A base's name in the experiment, and its settings.

    Args:
        text: A name of :func:`bases_known`; ``owner/name`` on the Hub, optionally with ``@`` and a
            commit; a folder, or a GGUF file.

    Raises:
        PapertuneError: it is none of these, or the Hub does not tell its newest commit.
    """
    if text == SCRATCH:
        return SCRATCH, {"pretrain": _from_scratch()}
    if text in like("smollm2")["bases"]:
        return text, like("smollm2")["bases"][text]
    path = Path(text).expanduser()
    if path.suffix == ".gguf" or path.is_dir():
        key = "gguf" if path.suffix == ".gguf" else "path"
        if not path.exists():
            raise PapertuneError(
                "no such file",
                where=text,
                hint="give the relative or absolute path of a .gguf file",
            )
        return "base", {key: str(path)}
    if found := _AT_HUB.fullmatch(text):
        return "base", {"hub": found[1], "revision": found[2] or _newest(found[1])}
    known = bases_known()
    raise PapertuneError(
        f"no base {text!r}{nearest(text, known)}",
        hint=f"name one of {', '.join(known)}, owner/name on the Hub, a model folder, or a .gguf file",
    )


def _newest(model: str) -> str:
    """The newest commit of a model on the Hub."""
    from huggingface_hub import HfApi

    try:
        return str(HfApi().model_info(model, timeout=PATIENCE).sha)
    except Exception as error:  # from any of the libraries below
        what = f"the Hub does not tell the newest commit ({type(error).__name__})"
        hint = f"copy its 40 hex digits from the model's page, Files → History: BASE={model}@…"
        raise PapertuneError(what, where=model, hint=hint) from None


def _from_scratch() -> dict[str, Any]:
    """The demo's base, with a context for abstracts, pre-trained on the training documents only."""
    pretrain = like("demo")["bases"]["small"]["pretrain"]
    return {
        "architecture": pretrain["architecture"] | {"context": 512},
        "corpus": {"documents": "recall"},
        "training": pretrain["training"] | {"epochs": 20, "order": "shuffled", "max_length": 512},
    }


def training_of(base: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training, models and metrics for an experiment on a base.

    Whether a base is asked in its chat template is guessed from its name.
    """
    scratch = "pretrain" in settings
    own = like("demo" if scratch else "smollm2")
    models: dict[str, Any] = {}
    told = str(settings.get("hub") or settings.get("gguf") or settings.get("path") or base)
    for name, one in own["models"].items():
        models[name] = {**one, "base": base}
        models[name].pop("label", None)
        if not scratch and base not in own["bases"] and not _CHATS.search(told):
            models[name].pop("examples", None)
    kept = ["training", "seeds", "metrics", "embedders"]
    values = {key: own[key] for key in kept if key in own} | {"models": models}
    if scratch:
        values["training"] = own["training"] | {"max_length": 512}
        values["seeds"] = [1, 2]
        values["answering"] = {"max_new_tokens": 24}
    elif not packaged("smollm2") and "package" not in settings:
        del values["embedders"]  # its package comes with them
        values["metrics"] = [name for name in values["metrics"] if "@" not in name]
    return values


def compute_of(place: str, generators: Iterable[Mapping[str, Any]], base: str) -> dict[str, Any]:
    """Settings of compute for a place; empty if no job runs a larger language model.

    Raises:
        PapertuneError: there is no such place.
    """
    if place not in PLACES:
        hint = f"take one of {', '.join(PLACES)}"
        raise PapertuneError(f"no place {place!r}{nearest(place, PLACES)}", hint=hint)
    if base == SCRATCH and all(one["backend"] != "transformers" for one in generators):
        return {}
    return dict(like("smollm2")["compute"]) if place == "here" else {"gpu": 1, "threads": 4}


def sampled() -> dict[str, int]:
    """Number of training and test documents in ``smollm2``: an hour's work on two cores."""
    splits = like("smollm2")["splits"]
    return {
        name: each * (splits[name]["to"] - splits[name]["from"] + 1)
        for name, each in splits["sample"].items()
    }
