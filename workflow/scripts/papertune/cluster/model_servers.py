"""Check the model servers of an experiment: they must answer, have the model and accept the key."""

import os
import shlex
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from papertune.cluster.findings import Finding, doubt, fine, wrong
from papertune.errors import ServerError
from papertune.files import from_json
from papertune.footprint.architecture import architecture_of
from papertune.footprint.fitting import in_gb
from papertune.models.cards import card_of
from papertune.servers.place import Place
from papertune.study.layout import Layout
from papertune.study.settings import OpenAIGenerator, ServerSettings
from papertune.study.settings.notation import nearest

PATIENCE = 5  # seconds for an answer
SHOWN = 8  # models that a finding names
ANY_NAME = {"llamacpp"}  # `owned_by` of servers that have one model and accept any name


def check_servers(layout: Layout) -> Iterator[Finding]:
    """Check servers of language models that must run, their models, and their keys."""
    study = layout.experiment
    asked: dict[str, ServerSettings] = {
        f"generators.{name}": one
        for name, one in study.generators.items()
        if isinstance(one, OpenAIGenerator)
    }
    if study.answering.engine == "server":
        asked["answering"] = study.answering
    for where, one in asked.items():
        who = f"{layout.name}: {where}"
        if one.url:
            yield from _check_url(who, where, one)
        elif not shutil.which(program := shlex.split(one.serve)[0]):
            yield doubt(
                f"{who}.serve: {program} is not found here",
                "install it where the job runs, or write its full path",
            )


def _check_url(who: str, where: str, one: ServerSettings) -> Iterator[Finding]:
    model = getattr(one, "model", "")
    try:
        yield _answer(who, where, one, model)
    except ServerError as error:  # the url or the key is invalid
        yield wrong(f"{who}: {error.what}", error.hint)
    except httpx.HTTPError as error:
        yield doubt(
            f"{who}: {one.url} does not answer ({error or type(error).__name__})",
            f"start a server with {model or 'the model'} there, and keep it running",
        )
    card = card_of(model)
    if (arch := architecture_of(card.config) if card else None) and card:
        weights = card.served.get(model, card.files_gb)
        cache = 2 * 2 * arch.layers * arch.kv_heads * arch.head_dim * 1000
        yield fine(
            f"{who}: {model} takes about {weights:g} GB of GPU memory there, and {in_gb(cache)} "
            "for every 1,000 tokens of context"
        )
    here = urlsplit(one.url).hostname in ("localhost", "127.0.0.1", "::1")
    if not here and not os.environ.get(one.key_variable, "").strip():
        yield doubt(f"{who}: {one.key_variable} is not set", "set it if that server needs a key")


def _answer(who: str, where: str, one: ServerSettings, model: str) -> Finding:
    """Judge a server's list of models; raises httpx.HTTPError if it does not answer."""
    place = Place(one, where)
    with place.client(timeout=PATIENCE) as client:
        reply = client.get(f"{place.url()}/models")
    if reply.status_code in (401, 403):
        set_one = "is refused" if place.key else "is not set"
        what = (
            f"{who}: {one.url} needs a key ({reply.status_code}), and {one.key_variable} {set_one}"
        )
        return wrong(what, f"set {one.key_variable} to the key of that server")
    if reply.status_code == 404:
        return doubt(
            f"{who}: {one.url} answers, but has no list of models (404)",
            f"check that {where}.url has its full path: most end in /v1",
        )
    if reply.status_code != 200:
        said = f"{reply.status_code}: {place.shown(reply.text)}"
        return doubt(f"{who}: {one.url} answers {said}", "check what runs there")
    try:
        listed = [dict[str, Any](item) for item in from_json(reply.content)["data"]]
        names = [str(item["id"]) for item in listed]
    except (ValueError, LookupError, TypeError):
        return doubt(
            f"{who}: {one.url} answers, but not as an OpenAI-compatible server does",
            f"check that {where}.url is that of such a server, with its full path (to /v1)",
        )
    if not model or _serves(model, listed):
        return fine(f"{who}: {one.url} answers" + f" and has {model}" * bool(model))
    has = ", ".join(names[:SHOWN]) + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
    return doubt(
        f"{who}: {one.url} answers, but lists no {model}{nearest(model, names)}; it has {has or 'none'}",
        f"set {where}.model to a name that it has, or have it serve {model}",
    )


def _serves(model: str, listed: list[dict[str, Any]]) -> bool:
    """Whether a server has a model, under any name that it accepts for it."""
    wanted = model.lower().removesuffix(":latest")
    for item in listed:
        if item.get("owned_by") in ANY_NAME:
            return True
        name = str(item["id"]).lower().removesuffix(":latest").removeprefix("models/")
        if wanted == name:
            return True
    return False
