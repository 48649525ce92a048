"""Settings of test sets: whose questions, about which documents, with or without the text."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from papertune.study.settings.base import Name, Settings, added, cosmetic

Split = Literal["train", "held_out", "test"]  # a file of a generator's pairs


class TestSet(Settings):
    """Questions of one generator that every model is asked.

    No model saw the test documents. Questions about training documents are ``untrained`` (held out
    of training, or by a generator whose pairs train nothing) or ``trained``.
    """

    label: str = cosmetic("", description="name in tables and figures; empty: from the generator's")
    generator: str = Field("", description="whose questions; empty: the generator of this name")
    documents: Literal["test", "train"] = Field("test", description="split of its documents")
    questions: Literal["untrained", "trained"] = Field(
        "untrained", description="trained: those of training pairs, to see what is remembered"
    )
    book: Literal["open", "closed"] = Field(
        "open", description="closed: asked without the text, so that only a model's knowledge helps"
    )
    prompt: str = Field(
        "",
        description="path of a template; empty: the experiment's (closed book: the question alone)",
    )
    most: int | None = Field(
        None, ge=1, description="number of questions, the first by id hash; null: all"
    )

    samples: int | None = added(
        None, ge=1, description="answers per question; null: as in answering"
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.questions == "trained" and self.documents == "test":
            raise ValueError("questions: no test pair is trained on; set documents to train, too")
        return self

    @property
    def split(self) -> Split:
        """The split of the generator's pairs that holds its questions."""
        if self.documents == "test":
            return "test"
        return "train" if self.questions == "trained" else "held_out"

    @property
    def usual(self) -> bool:
        """Whether it is about unseen documents, with their text: the study's claims rest on these."""
        return self.documents == "test" and self.book == "open"

    def label_of(self, writer: str) -> str:
        """Its own label, else ``writer`` and what is unusual about the set."""
        more = {
            "test": "", "held_out": "trained papers, new questions", "train": "trained questions"
        }[self.split]  # fmt: skip
        said = [writer, *[more] * bool(more), *["closed book"] * (self.book == "closed")]
        return self.label or ", ".join(said)


# a list of names: each generator writes the test set of its name
TestSets = Annotated[
    Annotated[list[str], Tag("names")] | Annotated[dict[Name, TestSet], Tag("sets")],
    Discriminator(lambda value: "sets" if isinstance(value, dict) else "names"),
]
