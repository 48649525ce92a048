"""Probes: a few questions whose answers people read side by side, and rate."""

from typing import Literal, Self

from pydantic import Field, model_validator

from papertune.study.settings.base import Settings, cosmetic


class Probe(Settings):
    """A question that every model is asked, given here or picked from the pairs of a split."""

    one_of = ("prompt", "pick")

    label: str = cosmetic("", description="name in tables and figures; empty: made from the key")
    prompt: str = Field("", description="what is asked: a question, not a template")
    reference: str = Field("", description="a right answer to the prompt, if there is one")
    context: str = Field("", description="the text that the prompt is about; empty: none")
    origin: Literal["own", "train", "test", "unseen"] = Field(
        "own",
        alias="from",
        description="own: the author's; train, test: about documents of this split; "
        "unseen: about neither, in the same style",
    )
    pick: int | None = Field(
        None, ge=1, le=50, description="number of pairs of the split, the first by id hash"
    )
    generator: str = Field(
        "", description="whose pairs are picked; empty: the first generator of the split"
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.pick and self.origin in ("own", "unseen"):
            raise ValueError(
                f"pick: there are no pairs to pick from {self.origin!r}; give a prompt"
            )
        if self.pick and (self.reference or self.context):
            raise ValueError("pick: a pair brings its own reference and context")
        if self.generator and not self.pick:
            raise ValueError("generator: it says whose pairs are picked; set pick, too")
        return self

    def asked(self) -> list[str]:
        """Context and question of a given probe."""
        return [self.context, self.prompt]
