"""Restore the beginning and end tokens that a model's tokenizer may lack.

A converted tokenizer (from GGUF, for example) often no longer adds the beginning token to a text. A
model trained with it performs badly without it: it is added here, in the tokenizer itself, so that
training, answering, likelihoods and exported folders all have it.
"""

import json
import logging
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.examples.tokens import start_tokens
from papertune.files import atomic_write
from papertune.models.examination import settings_in

log = logging.getLogger(__name__)

FAMILIES = ("gemma", "recurrent_gemma")  # prefixes of the families that were trained with it
OWN_TOKENS = ("<|begin_of_text|>",)  # of Llama 3
SENTENCEPIECE = ("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer")  # these add it


def complete_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Add to a tokenizer the end and beginning tokens that the model's configuration names.

    ``tokenizer.beginning`` says in words what was done about the beginning token; it is empty if
    nothing was. Folders without a configuration (of adapters) have complete tokenizers.

    Raises:
        TrainingError: there is no end token, or a token has no row in the embedding.
    """
    config = settings_in(folder / "config.json")
    config |= config.get("text_config") or {}
    rows, known = config.get("vocab_size"), tokenizer.get_vocab()
    # some classes add their own token to a tokenizer.json, which occurs in no text
    whole = (folder / "tokenizer.json").exists() or not known
    if isinstance(rows, int) and not whole and max(known.values()) >= rows:
        raise TrainingError(
            f"the tokenizer has {len(known):,} tokens, and the model an embedding of {rows:,} rows",
            where=str(folder),
            hint="take the tokenizer that belongs to these weights",
        )
    if tokenizer.eos_token is None:
        end = config.get("eos_token_id")
        end = end[0] if isinstance(end, list) and end else end
        if not isinstance(end, int):
            raise TrainingError(
                "no end token: neither tokenizer nor configuration names one",
                where=str(folder),
                hint='name it in tokenizer_config.json: "eos_token": "…"',
            )
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    tokenizer.beginning = _begin(tokenizer, config, settings_in(folder / "tokenizer_config.json"))
    if tokenizer.beginning:
        log.info("%s: %s", folder, tokenizer.beginning)


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save a tokenizer so that it keeps its beginning token when loaded again."""
    tokenizer.save_pretrained(folder)
    if tokenizer.beginning:
        path = folder / "tokenizer_config.json"
        said = settings_in(path) | {"add_bos_token": bool(start_tokens(tokenizer))}
        with atomic_write(path) as stream:
            json.dump(said, stream, indent=2, ensure_ascii=False)


def _begin(tokenizer: Any, config: dict[str, Any], said: dict[str, Any]) -> str:
    """Add the beginning token if the model was trained with it; returns what was done.

    The tokenizer's own settings (``add_bos_token``) take precedence over those of its family.
    """
    number = config.get("bos_token_id")
    if not isinstance(number, int) or start_tokens(tokenizer):
        return ""
    token = tokenizer.convert_ids_to_tokens(number)
    asked = said.get("add_bos_token")
    by_class = str(said.get("tokenizer_class", "")).startswith(SENTENCEPIECE)
    family = str(config.get("model_type", ""))
    needed = family.startswith(FAMILIES) or token in OWN_TOKENS or (by_class and token == "<s>")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    told = f"the configuration names the beginning token {token}, and the tokenizer does not add it"
    if token is None or not (needed if asked is None else asked) or backend is None:
        return f"{told}: texts are read without it, as {family or 'this family'} does not need it"
    from tokenizers.processors import TemplateProcessing

    backend.post_processor = TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A $B:1", special_tokens=[(token, number)]
    )
    tokenizer.bos_token = token
    return f"{told}: it is added before every text, as this model was trained with it"
