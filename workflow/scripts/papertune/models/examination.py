"""Check from its files, without loading it, whether a model folder can be trained and asked.

A folder that is damaged, or holds another kind of model, is often loaded without a warning, for
example with random weights instead of missing ones. So it is checked before anything else is done.
"""

import math
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.files import from_json, read_json
from papertune.owned import anybodys

LONGEST = 10**8  # bytes of a safetensors header, the limit of its library
POINTER = b"version https://git-lfs.github.com/spec/"
INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
# bytes per number, by the type's name in a header
SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2,
    "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model",
    "sentencepiece.bpe.model",
)  # fmt: skip
ENCODER_DECODER = (
    "t5", "mt5", "umt5", "longt5", "switch_transformers", "bart", "mbart", "plbart", "pegasus",
    "pegasus_x", "marian", "blenderbot", "blenderbot-small", "led", "m2m_100", "nllb-moe", "fsmt",
    "prophetnet", "bigbird_pegasus", "encoder-decoder", "whisper", "t5gemma",
)  # fmt: skip
WRITES = ("CausalLM", "LMHead", "DoubleHeads", "ConditionalGeneration")  # in architectures' names

LOADED = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"  # transformers' table of causal language models

Problem = tuple[str, str]  # what is wrong, and what to do
AGAIN = "download the complete model again"


def check_base(folder: str | Path) -> None:
    """Raise TrainingError for the first of :func:`problems`."""
    for what, hint in problems(Path(folder)):
        raise TrainingError(what, where=str(folder), hint=hint)


def problems(folder: Path) -> Iterator[Problem]:
    """Problems that keep a folder from being a base, the most informative first."""
    try:
        if not folder.is_dir():
            yield "this is not a folder", "name the folder that has the model's config.json"
            return
        yield from _problems(folder)
    except OSError as error:
        yield f"it cannot be read ({error})", "make the folder and its files readable for you"
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        yield f"its settings are not those of a model ({type(error).__name__}: {error})", AGAIN


def _problems(folder: Path) -> Iterator[Problem]:
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if _is_pointer(path):
            yield (
                f"{path.name} is a git-lfs pointer, not the file itself",
                "fetch the files: git lfs install && git lfs pull in the repository, or download it "
                "from the Hub by its revision",
            )
            return
    if (folder / "adapter_config.json").exists():
        yield (
            "the folder has adapters (adapter_config.json), which are not a complete model",
            "name the base that they were trained on, or merge them into it first",
        )
        return
    if not any(folder.glob("*.safetensors")):
        yield _other_weights(folder)
        return
    try:
        config: Any = read_json(os.path.realpath(folder / "config.json"))
        if not isinstance(config, dict):
            raise ValueError("no mapping")
    except (OSError, ValueError) as error:
        yield f"config.json cannot be read ({error})", AGAIN
        return
    found = [*of_another_kind(config), *_of_weights(folder)]
    yield from found
    if not found:
        yield from _of_tokenizer(folder, config)


def header_of(file: Path) -> dict[str, Any]:
    """The header of a safetensors file: 8 bytes of length, then JSON of types, shapes and offsets.

    Raises:
        ValueError: there is no header, or it does not match the file's size.
        OSError: it cannot be read.
    """
    with open(os.path.realpath(file), "rb", opener=anybodys) as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = from_json(stream.read(min(length, LONGEST)))
        size = stream.seek(0, os.SEEK_END) - 8 - length
    if not isinstance(header, dict):
        raise ValueError("no safetensors header")
    header.pop("__metadata__", None)
    try:
        end = 0
        for name, it in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            first, last = it["data_offsets"]
            wanted = math.prod(map(int, it["shape"])) * SIZES.get(it["dtype"], 0)
            if first != end or (wanted and last - first != wanted):
                raise ValueError(f"{name} is not where the header says")
            end = last
    except (AttributeError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"no safetensors header: {error}") from None
    if size != end:
        raise ValueError(f"it has {size:,} bytes of weights, but its header says {end:,}")
    return header


def _is_pointer(path: Path) -> bool:
    with open(os.path.realpath(path), "rb", opener=anybodys) as stream:
        return stream.read(len(POINTER)) == POINTER


def _other_weights(folder: Path) -> Problem:
    if found := sorted(folder.glob("*.gguf")):
        return (
            "the weights are GGUF only",
            f"name the file itself, to convert it to a model folder: gguf: {found[0]}",
        )
    if any(path for kind in PICKLED for path in folder.glob(kind)):
        return (
            "the weights are pickled only; pickles can run code and are not loaded",
            "take a revision with safetensors, or convert them once if you trust their source: "
            "AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)",
        )
    return "no safetensors weights in the folder", "put all files of the model there"


def of_another_kind(config: dict[str, Any]) -> Iterator[Problem]:
    """Problems of a config.json whose model cannot be a base."""
    kind, named = str(config.get("model_type", "")), config.get("architectures")
    architectures = [str(one) for one in named] if isinstance(named, list) else []
    shown = architectures[0] if architectures else kind or "it"
    if config.get("is_encoder_decoder") or kind in ENCODER_DECODER:
        yield (
            f"{shown} is an encoder-decoder, but models here must be decoders",
            "take a causal language model (its architecture ends in ForCausalLM)",
        )
    elif architectures and not any(mark in one for one in architectures for mark in WRITES):
        yield (
            f"{shown} does not generate text",
            "take a causal language model (its architecture ends in ForCausalLM)",
        )
    elif not _is_known(kind):
        own = " and has its own code (auto_map)" if config.get("auto_map") else ""
        yield (
            f"transformers as installed does not know the architecture {kind!r}{own}; "
            "code from outside is never run",
            "take a base with an architecture that is part of transformers",
        )
    elif (loaded := _named_in("modeling_auto.py", LOADED)) and kind not in loaded:
        yield (
            f"{shown} cannot be loaded as a text-only model",
            "take a causal language model (its architecture ends in ForCausalLM)",
        )
    quantized = config.get("quantization_config")
    if isinstance(quantized, dict):
        yield (
            f"its weights are quantised ({quantized.get('quant_method', 'in some way')})",
            "take the original model; method qlora quantises it to 4 bit itself",
        )


def _is_known(kind: str) -> bool:
    """Whether transformers has an architecture."""
    known = _named_in("auto_mappings.py") | _named_in("configuration_auto.py")
    return not known or kind in known


@cache
def _named_in(name: str, table: str = "") -> set[str]:
    """Names in a source file of transformers or a table in it; parsed, as importing needs torch."""
    spec = find_spec("transformers")
    path = Path(spec.origin or "").parent / "models/auto" / name if spec else Path()
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if table:
        text = text.partition(f"\n{table} = ")[2].partition("\n)")[0]
    return {*re.findall(r'"([\w.-]+)"', text)}


def _of_weights(folder: Path) -> Iterator[Problem]:
    there: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            there[path.name] = {*header_of(path)}
        except (OSError, ValueError) as error:
            yield f"{path.name} is incomplete: {error}", AGAIN
    if (folder / INDEX).exists():
        try:
            index = read_json(os.path.realpath(folder / INDEX))["weight_map"].items()
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            yield f"{INDEX} cannot be read", AGAIN
            return
        absent = sorted({file for _, file in index if not (folder / str(file)).exists()})
        if absent:
            yield f"{len(absent)} files of the weights are missing: {absent[0]}", AGAIN
            return
        lost = sorted(name for name, file in index if file in there and name not in there[file])
        if lost:
            yield f"{len(lost)} weights are not in the files that {INDEX} names: {lost[0]}", AGAIN
    elif not (folder / WHOLE).exists():
        yield f"there is neither {WHOLE} nor {INDEX}", AGAIN


def _of_tokenizer(folder: Path, config: dict[str, Any]) -> Iterator[Problem]:
    if not any((folder / name).exists() for name in TOKENIZERS):
        yield "there is no tokenizer", f"put it into the folder ({', '.join(TOKENIZERS[:2])}, …)"
        return
    said, text = settings_in(folder / "tokenizer_config.json"), config.get("text_config") or {}
    known = settings_in(folder / "tokenizer.json")
    if not known and (folder / "tokenizer.json").exists():
        yield "tokenizer.json cannot be read", AGAIN
        return
    rows, ids = text.get("vocab_size", config.get("vocab_size")), _ids(known)
    unwritten = _never_written(folder, known, said)
    used = {token: n for token, n in ids.items() if token not in unwritten}
    if isinstance(rows, int) and used and max(used.values()) >= rows:
        far = max(used, key=lambda token: used[token])
        yield (
            f"the tokenizer has a token {ids[far]:,} ({far!r}), but the model's embedding has "
            f"{rows:,} rows",
            "take the tokenizer that belongs to these weights",
        )
    named = _token(said.get("eos_token")) or _token(
        settings_in(folder / "special_tokens_map.json").get("eos_token")
    )
    if named and ids and named not in ids:
        yield (
            f"the end token {named!r} is not in the tokenizer's vocabulary",
            "take the tokenizer that belongs to these weights",
        )
    ends = text.get("eos_token_id", config.get("eos_token_id"))
    ends = settings_in(folder / "generation_config.json").get("eos_token_id", ends)
    classes = ("", "PreTrainedTokenizerFast", "TokenizersBackend")  # have no tokens by default
    if not named and ends is None and said.get("tokenizer_class", "") in classes:
        yield (
            "no end token: neither tokenizer nor configuration names one, so no answer would end",
            'name it in tokenizer_config.json: "eos_token": "…"',
        )


def settings_in(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file; empty if there is none."""
    try:
        found = read_json(os.path.realpath(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _ids(known: dict[str, Any]) -> dict[str, int]:
    """Token → number, from a tokenizer.json."""
    vocabulary = (known.get("model") or {}).get("vocab")
    found = {}
    if isinstance(vocabulary, dict):
        found = {token: n for token, n in vocabulary.items() if isinstance(n, int)}
    elif isinstance(vocabulary, list):  # (token, score), in the order of token numbers
        found = {
            str(one[0]): n for n, one in enumerate(vocabulary) if isinstance(one, list) and one
        }
    for one in known.get("added_tokens") or []:
        found[str(one["content"])] = int(one["id"])
    return found


def _never_written(folder: Path, known: dict[str, Any], said: dict[str, Any]) -> set[str]:
    """Special tokens that never occur: Gemma's text-only models have one for images.

    Their spelling within a text stays text (:mod:`papertune.examples.control`).
    """
    template = str(said.get("chat_template") or "")
    if (folder / "chat_template.jinja").is_file():
        template += (folder / "chat_template.jinja").read_text(encoding="utf-8", errors="replace")
    named = {"", *(_token(said.get(f"{kind}_token")) for kind in ("bos", "eos", "pad", "unk"))}
    return {
        str(one["content"])
        for one in known.get("added_tokens") or []
        if one.get("special") and one["content"] not in named and one["content"] not in template
    }


def _token(value: Any) -> str:
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")
