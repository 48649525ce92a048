"""What models are asked: whose questions, about which documents, and with what at hand."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from papertune.study.settings.base import Name, Settings, added, cosmetic

Split = Literal["train", "held_out", "test"]  # a file of a generator's pairs


class TestSet(Settings):
    """Questions of one generator that every model is asked.

    About documents that test, they are those that no model saw. About documents that train, they are
    ``untrained`` (held out of training, or by a generator whose pairs train nothing) or ``trained``.
    """

    label: str = cosmetic("", description="name in tables and figures; empty: made from the key")
    generator: str = Field("", description="whose questions; the one of the set's name where empty")
    documents: Literal["test", "train"] = Field("test", description="which they are about")
    questions: Literal["untrained", "trained"] = Field(
        "untrained", description="trained: of the pairs that train, to see what is remembered"
    )
    book: Literal["open", "closed"] = Field(
        "open", description="closed: asked without the text, so that only what a model knows helps"
    )
    prompt: str = Field(
        "",
        description="template; where empty the experiment's, of a closed book the question alone",
    )
    most: int | None = Field(
        None, ge=1, description="so many questions, the first by id hash; all where null"
    )

    samples: int | None = added(
        None, ge=1, description="answers to each question; null: as answering says"
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.questions == "trained" and self.documents == "test":
            raise ValueError("questions: no pair about a document that tests is trained on")
        return self

    @property
    def split(self) -> Split:
        """The file of the generator's pairs that has them."""
        if self.documents == "test":
            return "test"
        return "train" if self.questions == "trained" else "held_out"

    @property
    def usual(self) -> bool:
        """About documents that no model saw, with their text: what the study's claims rest on."""
        return self.documents == "test" and self.book == "open"

    def label_of(self, writer: str) -> str:
        """Its own label, else that of its generator and what is unusual about it."""
        more = {
            "test": "", "held_out": "trained papers, new questions", "train": "trained questions"
        }[self.split]  # fmt: skip
        said = [writer, *[more] * bool(more), *["closed book"] * (self.book == "closed")]
        return self.label or ", ".join(said)


# names alone are generators, each of which writes the set of its name
TestSets = Annotated[
    Annotated[list[str], Tag("names")] | Annotated[dict[Name, TestSet], Tag("sets")],
    Discriminator(lambda value: "sets" if isinstance(value, dict) else "names"),
]
