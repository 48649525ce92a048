"""Ask the Hub before a run whether its models are available, and for their configurations."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from papertune.cluster.findings import Finding, fine, wrong
from papertune.cluster.reach import answer_of
from papertune.collect.web.transport import Answer, PageError
from papertune.files import from_json
from papertune.footprint.study import remember
from papertune.jobs.keys import hub_token
from papertune.models.examination import of_another_kind
from papertune.models.sources import from_hub
from papertune.study.layout import Layout

MOST_BYTES = 10**6  # of a config.json


class HubModel(NamedTuple):
    """A model of the Hub at one revision, and its local folder."""

    name: str
    revision: str
    folder: str


def hub_models(layout: Layout) -> list[HubModel]:
    """The models that an experiment needs from the Hub."""
    embedders = map(layout.experiment.embedder_named, layout.embedders())
    wanted = [*from_hub(layout).values(), *((one.model, one.revision) for one in embedders)]
    return [
        HubModel(name, revision, layout.hub(name, revision))
        for name, revision in dict.fromkeys(wanted)
        if revision
    ]


def is_offline() -> bool:
    """Whether the user has set the Hub's library to offline mode."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _ask_hub_for(model: HubModel, hops: int = 0) -> Answer | None:
    """The Hub's answer to a request for a model's config.json; None if it does not answer."""
    from huggingface_hub import constants  # slow to load, rarely needed

    url = f"{constants.ENDPOINT}/{model.name}/resolve/{model.revision}/config.json"
    with suppress(PageError):
        return answer_of(url, [urlsplit(url).netloc], hub_token(constants.ENDPOINT), hops)
    return None


def check_models(models: Iterable[HubModel], experiments: Iterable[str]) -> Iterator[Finding]:
    """Check that missing models can be downloaded here: submitted jobs are offline."""
    missing = [model for model in models if not Path(model.folder).exists()]
    text = f"not downloaded yet: {', '.join(model.name for model in missing)}"
    command = f"snakemake --until download_base --config experiments={','.join(experiments)}"
    if missing and is_offline():
        yield wrong(f"{text}, and HF_HUB_OFFLINE is set", f"unset it and run: {command}")
        return
    for model in missing:
        from huggingface_hub import constants, get_token

        hub, said = constants.ENDPOINT, _ask_hub_for(model)
        if said is None:
            yield wrong(
                f"{text}, and {hub} does not answer",
                f"on a machine with internet that sees this directory, run: {command}; or put the "
                f"files of each into its folder ({model.folder})",
            )
            return
        if said.status in {401, 403}:
            yield wrong(
                f"the Hub denies you access to {model.name}",
                f"agree to its licence on {hub}/{model.name} if it is gated, and set HF_TOKEN"
                + ("" if get_token() else ", which is not set"),
            )
        elif said.status == 404:
            yield wrong(
                f"the Hub has no {model.name} at {model.revision}",
                "check the id and the 40 hex digits of the revision",
            )
        else:
            yield fine(f"{model.name} is not downloaded yet; the run does so here, or: {command}")


def ask_hub(layouts: Iterable[Layout]) -> list[Finding]:
    """Read the configurations of bases not downloaded yet; returns what is wrong with them.

    If the Hub does not answer, their sizes stay unknown and nothing is reported.
    """
    found: list[Finding] = []
    if is_offline():
        return found
    for layout in layouts:
        for base in layout.experiment.bases.values():
            folder = layout.hub(base.hub, base.revision) if base.hub else ""
            if not folder or Path(folder).exists():
                continue
            said = _ask_hub_for(HubModel(base.hub, base.revision, folder), hops=3)
            if said is not None and said.status == 200:  # else check_models reports it
                with suppress(ValueError, PageError):
                    remember(folder, config := from_json(said.body(MOST_BYTES)))
                    wanting = of_another_kind(config) if isinstance(config, dict) else ()
                    found += [wrong(f"{base.hub}: {what}", hint) for what, hint in wanting]
    return found
