"""What is known of models of the Hub whose files are not here yet: ``cards.yaml`` beside this file."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from papertune.study.settings import Settings


class Card(Settings):
    """What a model's page and its config.json say; the keys are explained in the file."""

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
    """The card of an id on the Hub, or of a name that a server has for it; None of an unknown one."""
    for known, card in cards().items():
        if name == known or name in card.served:
            return card
    return None
