"""What an experiment needs from its user: licences, keys, documents, disk space, hours."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from papertune.cluster.collecting import check_collecting
from papertune.cluster.findings import Finding, doubt, fine, guarded, wrong
from papertune.cluster.machine import GIGABYTE, room_on
from papertune.cluster.model_servers import check_servers
from papertune.footprint.counts import documents_in, listed
from papertune.footprint.fitting import in_gb
from papertune.footprint.hours import GPU, hours_of, requests_of, span
from papertune.footprint.study import architecture_for
from papertune.footprint.trained import FP32, Machine, Trained
from papertune.models.cards import card_of
from papertune.models.sources import from_hub
from papertune.study.layout import Layout
from papertune.study.nearby import near_names


def check_needs(
    layouts: Iterable[Layout], resources: str, made: Callable[[Path], bool]
) -> Iterator[Finding]:
    """Check everything, in order of need; ``made`` tells whether a run makes a file."""
    layouts = list(layouts)
    yield from guarded("agreements", lambda: check_agreements(layouts))
    for layout in layouts:
        for what, check in (
            ("its documents", check_collecting),
            ("its servers", check_servers),
            ("texts that bases read", partial(check_corpora, made=made)),
        ):
            yield from guarded(f"{layout.name}: {what}", partial(check, layout))
    yield from guarded("disk space for models", lambda: check_room(layouts, resources))
    for layout in layouts:
        yield from guarded(f"{layout.name}: its hours", partial(tell_hours, layout))


def check_corpora(layout: Layout, made: Callable[[Path], bool]) -> Iterator[Finding]:
    """Check the text files for pre-training bases that are not made yet."""
    for name, base in layout.experiment.bases.items():
        if base.pretrain and not Path(layout.base_named(name)).exists():
            for path in map(Path, base.pretrain.corpus.files):
                key = f"{layout.name}: bases.{name}.pretrain.corpus.files: {path}"
                if not (path.is_file() or made(path)):
                    what = "is a folder" if path.is_dir() else f"no such file{near_names(path)}"
                    yield wrong(f"{key}: {what}", "provide it, or name another file")


def check_agreements(layouts: Iterable[Layout]) -> Iterator[Finding]:
    """Check the licences of models that are not here, and which of them are gated."""
    from huggingface_hub import constants, get_token  # slow to load, rarely needed

    hub = constants.ENDPOINT
    for name in _missing(layouts):
        card = card_of(name)
        if card is None:
            yield fine(f"{name}: {hub}/{name} states its licence and access")
        elif card.gated == "open":
            yield fine(f"{name}: freely available (licence {card.licence})")
        elif get_token():
            yield fine(
                f"{name} is gated (licence {card.licence}): your token's account must have agreed "
                f"on {hub}/{name}"
            )
        else:
            yield wrong(
                f"{name} is gated (licence {card.licence}), and HF_TOKEN is not set",
                f"agree to its licence on {hub}/{name}, then set HF_TOKEN to a token of yours",
            )


def _missing(layouts: Iterable[Layout]) -> dict[str, str]:
    """Id → folder of models from the Hub that are not here."""
    found = {name: path for layout in layouts for path, (name, _) in from_hub(layout).items()}
    return {name: path for name, path in found.items() if not Path(path).exists()}


def check_room(layouts: Iterable[Layout], resources: str) -> Iterator[Finding]:
    """Check disk space for models to download and for trained weights or adapters."""
    layouts = list(layouts)
    cards = [card for card in map(card_of, _missing(layouts)) if card]
    if cards:
        size = sum(card.files_gb for card in cards) * GIGABYTE
        yield _room(f"models to download take about {in_gb(size)}", resources, size)
    for layout in layouts:
        trained = [
            Trained(arch, layout.experiment.recipe_of(model), Machine()).parameters * FP32
            for model, _ in layout.models()
            if (arch := architecture_for(layout, model))
        ]
        # a checkpoint also has the optimiser's two moments
        size = sum(trained) + 3 * max(trained, default=0)
        if size > GIGABYTE:
            what = f"{layout.name}: trained models take about {in_gb(size)}, with a checkpoint"
            yield _room(what, layout.results, size)


def _room(what: str, folder: str, size: float) -> Finding:
    room = room_on(folder)
    said = f"{what}, and {folder} has room for {in_gb(room)}"
    return fine(said) if size < room else doubt(said, "free some space, or replace it by a link")


def tell_hours(layout: Layout) -> Iterator[Finding]:
    """Estimate the hours on one GPU of an experiment that asks for GPUs."""
    study = layout.experiment
    if not study.compute.gpu:
        return
    hours, parts = hours_of(layout), study.parts
    kinds = {"training": hours.training, "answering": hours.answering, "writing": hours.writing}
    each = ", ".join(f"{kind} {span(*ends)}" for kind, ends in kinds.items() if ends[1])
    count = documents_in(layout, parts, ("documents", "fetched"))
    where = "as listed" if listed(layout) else "as expected" if study.expected else "a guess"
    said = f"{layout.name}: {span(*hours.total)} on one GPU such as {GPU}, by estimate"
    said += f" ({each}), for {count:,.0f} documents ({where})"
    for writer, asked in requests_of(layout).items():
        said += f"; the server of {writer} is asked about {asked:,.0f} of them"
    if hours.unknown:
        said += f"; not counted, as their models are unknown: {', '.join(hours.unknown)}"
    yield fine(said)
