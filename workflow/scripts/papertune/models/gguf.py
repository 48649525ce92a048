"""Parse the header of a GGUF file: its metadata, and the offsets of its tensors.

The format is that of ggml's ``docs/gguf.md``. Files are untrusted: no count makes this read beyond
the file, and every tensor must lie within it. Needs no other library, so that planning can read a
model's sizes.
"""

import math
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from papertune.errors import PapertuneError
from papertune.owned import anybodys

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_KEYS, MOST_TENSORS, MOST_VALUES = 10_000, 200_000, 20_000_000  # more than any model has
MOST_WEIGHTS = 10**13
LONGEST = 10_000_000  # bytes of a text
# ggml's type numbers → formats of Python's struct
_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TEXT, _ARRAY = 8, 9
FULL = "download the complete file again"


class GgufError(PapertuneError):
    """A file that is not a GGUF file of a language model."""


class Tensor(NamedTuple):
    """A tensor as the file describes it."""

    shape: tuple[int, ...]  # in torch's order
    kind: int  # ggml's number of its type
    offset: int  # bytes after the end of the header


class Header(NamedTuple):
    """The header of a file."""

    metadata: dict[str, Any]  # arrays of texts that were not requested are given by their length
    tensors: dict[str, Tensor]
    end: int  # where the data of tensors begins
    size: int  # bytes of the file

    @property
    def architecture(self) -> str:
        """``general.architecture``; empty if it is missing."""
        return str(self.metadata.get("general.architecture", ""))

    def of_model(self, key: str, default: Any = None) -> Any:
        """A value under the architecture's own name."""
        return self.metadata.get(f"{self.architecture}.{key}", default)


def read_header(file: str | Path, *texts: str) -> Header:
    """Read the header of a file; ``texts`` names arrays of texts to return in full.

    Raises:
        GgufError: it is not a GGUF file, is truncated or inconsistent.
        OSError: it cannot be read.
    """
    with open(os.path.realpath(file), "rb", opener=anybodys) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size < 24 or stream.read(4) != MAGIC:
            raise GgufError(
                "this is not a GGUF file", where=str(file), hint="name a file in llama.cpp's format"
            )
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data, size).header(texts)
            except (struct.error, IndexError, OverflowError, ValueError) as error:
                what = f"its header is truncated or damaged ({error})"
                raise GgufError(what, where=str(file), hint=FULL) from None


class _Reader:
    def __init__(self, data: mmap.mmap, size: int) -> None:
        self.data, self.size, self.at = data, size, 4

    def header(self, wanted: tuple[str, ...]) -> Header:
        version, tensors, keys = self.take("I")[0], *self.take("QQ")
        if version not in VERSIONS:
            raise ValueError(f"version {version} of the format is neither 2 nor 3")
        if keys > MOST_KEYS or tensors > MOST_TENSORS:
            raise ValueError(f"{keys:,} keys and {tensors:,} tensors")
        metadata = {}
        for _ in range(keys):
            key, [kind] = self.text(), self.take("I")
            metadata[key] = self.value(kind, key in wanted)
        found = {}
        for _ in range(tensors):
            name, [dimensions] = self.text(), self.take("I")
            if dimensions > 8:
                raise ValueError(f"{name} has {dimensions} dimensions")
            shape = self.take(f"{dimensions}Q")
            found[name] = Tensor(shape[::-1], *self.take("IQ"))
            if math.prod(shape) > MOST_WEIGHTS:
                raise ValueError(f"{name} has {math.prod(shape):,} weights")
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment < 1 << 20:
            raise ValueError(f"an alignment of {alignment}")
        return Header(metadata, found, -(-self.at // alignment) * alignment, self.size)

    def take(self, form: str) -> tuple[Any, ...]:
        form = f"<{form}"
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def text(self) -> str:
        [length] = self.take("Q")
        if length > LONGEST or self.at + length > self.size:
            raise ValueError(f"a text of {length:,} bytes")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", errors="replace")

    def value(self, kind: int, whole: bool) -> Any:
        if kind in _NUMBERS:
            return self.take(_NUMBERS[kind])[0]
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY:
            raise ValueError(f"a value of type {kind}")
        of, count = self.take("IQ")
        if count > MOST_VALUES or of not in (*_NUMBERS, _TEXT):
            raise ValueError(f"an array of {count:,} values of type {of}")
        if of in _NUMBERS:
            return list(self.take(f"{count}{_NUMBERS[of]}"))
        if whole:
            return [self.text() for _ in range(count)]
        at, unpack = self.at, struct.Struct("<Q").unpack_from
        for _ in range(count):  # each has its own length
            at += 8 + unpack(self.data, at)[0]
        self.at = at
        return count


def examine(file: str) -> tuple[str, str] | None:
    """What is wrong with a file and what to do, for the child that parses untrusted files."""
    try:
        return next(problems(read_header(file)), None)
    except GgufError as error:
        return error.what, error.hint


def problems(header: Header) -> Iterator[tuple[str, str]]:
    """Problems that keep a file from being a complete language model, most informative first."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    kind, architecture = header.metadata.get("general.type", "model"), header.architecture
    if kind == "adapter":
        yield (
            "the file has adapters (LoRA), not a model",
            "name the base that they were made for; adapters are trained here, by method lora",
        )
    elif kind == "mmproj" or architecture == "clip":
        yield (
            "the file has the image part of a model (mmproj), not a language model",
            "name the file with the language model, which is beside it",
        )
    elif kind != "model":
        yield f"the file has a {kind}, not a model", "name a file with a language model"
    elif (parts := header.metadata.get("split.count", 0)) > 1:
        yield (
            f"the file is one of {parts} that a model was split into",
            "join them with llama.cpp's tool and name the result: "
            "llama-gguf-split --merge FIRST-00001-of-0000N.gguf WHOLE.gguf",
        )
    elif not architecture:
        yield "the file does not say what kind of model it has (general.architecture)", FULL
    elif "tokenizer.ggml.tokens" not in header.metadata:
        yield "the file has no tokenizer", "take a file that has its vocabulary"
    elif not header.tensors:
        yield "the file has a vocabulary but no weights", "name the file with the weights"
    else:
        for name, tensor in header.tensors.items():
            try:
                each, size = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
            except (KeyError, ValueError):
                yield (
                    f"the type of {name} is not known (number {tensor.kind})",
                    "take another quantisation of the model, such as Q8_0 or F16",
                )
                return
            end = header.end + tensor.offset + math.prod(tensor.shape) // each * size
            if end > header.size:
                yield f"the file ends within its weights ({name}): {header.size:,} bytes", FULL
                return


def sizes_of(header: Header) -> dict[str, Any]:
    """A model's sizes under the names of a ``config.json``, as far as the file gives them."""
    family = {"gemma3": "gemma3_text"}.get(header.architecture, header.architecture)
    names = {
        "hidden_size": "embedding_length", "num_hidden_layers": "block_count",
        "intermediate_size": "feed_forward_length", "num_attention_heads": "attention.head_count",
        "num_key_value_heads": "attention.head_count_kv", "head_dim": "attention.key_length",
        "max_position_embeddings": "context_length", "vocab_size": "vocab_size",
    }  # fmt: skip
    found = {name: header.of_model(key) for name, key in names.items()}
    if found["vocab_size"] is None:
        found["vocab_size"] = header.metadata.get("tokenizer.ggml.tokens")
    if found["head_dim"] is None and family in ("llama", "mistral"):
        found["head_dim"] = header.of_model("rope.dimension_count")
    found = {name: value for name, value in found.items() if isinstance(value, int)}
    return found | {
        "model_type": family,
        "tie_word_embeddings": "output.weight" not in header.tensors,
    }
