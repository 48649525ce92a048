"""Settings of what a model reads in training, and of the form in which it is then asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from papertune.study.settings.base import Settings

Form = Literal["prompt_qa", "qa", "answer", "separate", "chat"]
Asked = Literal["prompt", "question", "chat"]


class ExampleForm(Settings):
    """A dataset variant: which texts pairs become, what the loss counts, how batches are packed.

    ``prompt_qa``: the experiment's prompt, then the answer. ``qa``: the question alone, then the
    answer. ``answer``: the answer as a text of its own. ``separate``: question and answer as two
    texts. ``chat``: the prompt as a user's turn and the answer as the model's, in the chat template
    of the base's tokenizer.
    """

    variant: Form = "prompt_qa"
    loss: Literal["answer", "all"] = Field(
        "answer", description="tokens that the loss counts; texts without a prompt count whole"
    )
    packing: Literal["none", "whole", "blocks"] = Field(
        "none",
        description="whole: the examples of a batch share rows, each with attention of its own; "
        "blocks: the texts are joined and cut into blocks, which then are the examples",
    )
    length: int | None = Field(
        None, ge=8, description="tokens of a packed row or a block; training.max_length if null"
    )

    @property
    def asked(self) -> Asked:
        """What a model of this variant is asked with: the form that it read in training.

        One that read answers or questions without a prompt is asked as its base is.
        """
        forms: dict[str, Asked] = {"qa": "question", "chat": "chat"}
        return forms.get(self.variant, "prompt")

    @model_validator(mode="after")
    def _length_of_something(self) -> ExampleForm:
        if self.length is not None and self.packing == "none":
            raise ValueError(
                "length is that of packed rows or blocks; set packing: whole or blocks"
            )
        return self
