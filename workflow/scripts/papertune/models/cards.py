"""Facts about models of the Hub that are not downloaded yet, from ``cards.yaml``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from papertune.study.settings import Settings


class Card(Settings):
    """Facts from a model's page and its config.json; the file explains the keys."""

    licence: str
    gated: Literal["open", "agreed"]
    files_gb: float = Field(gt=0)
    served: dict[str, float] = {}
    config: dict[str, Any]


@cache
def cards() -> Mapping[str, Card]:
    """Id on the Hub → card."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return {name: Card.model_validate(values) for name, values in yaml.safe_load(text).items()}


def card_of(name: str) -> Card | None:
    """The card of a Hub id, or of a server's name for it; None if it is unknown."""
    for known, card in cards().items():
        if name == known or name in card.served:
            return card
    return None
