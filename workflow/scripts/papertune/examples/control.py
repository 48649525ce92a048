"""Encoding without control tokens from documents: in their texts, ``<|im_end|>`` stays text.

A tokenizer reads ``<|im_end|>`` or ``</s>`` as a control token anywhere, so a document about language
models could end a turn. Here, only the template itself can write control tokens.
"""

import json
import re
import secrets
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import Any

Pieces = list[tuple[str, bool]]  # (text, foreign): foreign pieces are values that others wrote


class Encoder:
    """Encodes texts, without the tokens that a tokenizer adds at both ends.

    The tokens are the tokenizer's own, except for the names of control tokens in foreign pieces, which
    are encoded as ordinary tokens. Control tokens are those that the tokenizer calls special, and
    others that its chat template writes.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, template = tokenizer, str(getattr(tokenizer, "chat_template", None) or "")
        named = {*tokenizer.all_special_tokens}
        found = {
            token.content: number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special
            or token.content in named
            or (token.content.strip() and token.content in template)
        }
        self._controls = {text: found[text] for text in sorted(found, key=len, reverse=True)}
        self._written = _any_of(self._controls)
        self._looks = _any_of(map(_folded, self._controls))  # compared after normalisation
        # random placeholders for control tokens beside foreign texts, which cannot contain them
        key = secrets.token_hex(8)
        self._names = {text: f"control{key}n{n}end" for text, n in self._controls.items()}

    def __call__(self, texts: Sequence[Pieces]) -> list[list[int]]:
        """Token ids of each text."""
        plain = ["".join(piece for piece, _ in pieces) for pieces in texts]
        tokens: list[list[int]] = []
        if plain:
            tokens = self.tokenizer(plain, add_special_tokens=False)["input_ids"]
        for place, pieces in enumerate(texts) if self._controls else []:
            # joined, as two pieces together may be encoded differently
            named = "".join(piece if others else self._named(piece) for piece, others in pieces)
            if self._looks.search(_folded(named)):
                tokens[place] = self._encoded(named)
        return tokens

    def _named(self, text: str) -> str:
        return self._written.sub(lambda found: self._names[found[0]], text)

    def _encoded(self, named: str) -> list[int]:
        """Token ids of a text with placeholders for control tokens."""
        if self._renamed is not None:
            return list(self._renamed.encode(named, add_special_tokens=False).ids)
        ids: list[int] = []
        known = {name: self._controls[text] for text, name in self._names.items()}
        for part in filter(None, re.split(f"({'|'.join(known)})", named)):
            pieces = (
                [] if part in known else self.tokenizer.tokenize(part, split_special_tokens=True)
            )
            ids += [known[part]] if part in known else self.tokenizer.convert_tokens_to_ids(pieces)
        return ids

    @cached_property
    def _renamed(self) -> Any:
        """The same tokenizer with placeholders as control tokens; ``None`` for a slow (Python) one.

        Their old names are then text, even if the vocabulary also has them as ordinary tokens.
        """
        from tokenizers import Tokenizer

        if not hasattr(self.tokenizer, "backend_tokenizer"):
            return None
        names, known = self._names, json.loads(self.tokenizer.backend_tokenizer.to_str())
        known |= {"truncation": None, "padding": None, "post_processor": None}
        for token in known["added_tokens"]:
            token["content"] = names.get(token["content"], token["content"])
        model = known["model"]
        if isinstance(model["vocab"], dict):
            model["vocab"] = {names.get(k, k): number for k, number in model["vocab"].items()}
        else:
            model["vocab"] = [[names.get(k, k), score] for k, score in model["vocab"]]
        if model.get("unk_token"):
            model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
        merges = [m.split(" ") if isinstance(m, str) else m for m in model.get("merges") or []]
        if merges:
            model["merges"] = [m for m in merges if not {*m, "".join(m)} & names.keys()]
        renamed = Tokenizer.from_str(json.dumps(known))
        same = all(renamed.token_to_id(names[k]) == number for k, number in self._controls.items())
        return renamed if same else None


def _any_of(texts: Any) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, texts)) or r"(?!)")


def _folded(text: str) -> str:
    """A text as a normaliser may change it; a false match only costs time."""
    return unicodedata.normalize("NFKC", text).casefold()
