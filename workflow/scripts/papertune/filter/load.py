"""A trained filter: its features of a question, and its files, without any pickle.

A folder has ``filter.safetensors`` (the numbers) and ``filter.json`` (the terms in the same order, the
threshold, the settings and the measures). Applying a filter needs only numpy.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from papertune.errors import RecordError
from papertune.files import atomic_write, file_digest, read_json
from papertune.identity import canonical
from papertune.leakage.texts import words
from papertune.owned import anybodys
from papertune.study import versions

FORMAT = 1  # version of the two files
JSON, NUMBERS = "filter.json", "filter.safetensors"


def terms(text: str) -> list[str]:
    """The words of a text, normalised and in lower case, and its pairs of neighbouring words."""
    said = words(text)
    return said + [" ".join(pair) for pair in pairwise(said)]


@dataclass(frozen=True)
class Filter:
    """Decides whether a question is of the study's kind.

    Its members are logistic regressions on TF-IDF, trained with equal weight of both classes. The score
    is the logistic function of their mean log-odds, 0 to 1; a question passes from ``threshold`` on.
    """

    vocabulary: Sequence[str]  # the terms
    idf: (
        np.ndarray
    )  # (members, terms): ln((1 + n) / (1 + df)) + 1; 0 for a term that a member does not know
    weights: np.ndarray  # (members, terms)
    bias: np.ndarray  # (members,)
    threshold: float
    about: Mapping[str, Any]  # settings of its training, and measures on held-out questions

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load the filter of a folder.

        Raises:
            RecordError: there is none, or its files do not fit together.
        """
        try:
            about = read_json(Path(folder, JSON))
            with open(Path(folder, NUMBERS), "rb", opener=anybodys) as stream:
                numbers = load(stream.read())
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            said = getattr(error, "strerror", None) or error
            raise _broken(folder, f"no filter that can be read ({said})") from None
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise _broken(folder, f"{JSON} is not a filter's")
        if about.get("version") != versions.FILTER:
            raise _broken(folder, "the filter is of a version with other features of questions")
        if about.get("numbers") != file_digest(Path(folder, NUMBERS)):
            raise _broken(folder, f"{NUMBERS} is not the one that {JSON} was written with")
        vocabulary, threshold = about.pop("vocabulary", None), about.get("threshold")
        if not (isinstance(vocabulary, list) and all(isinstance(t, str) for t in vocabulary)):
            raise _broken(folder, "its vocabulary is not a list of terms")
        if len(set(vocabulary)) < len(vocabulary):
            raise _broken(folder, "its vocabulary has a term twice")
        if not isinstance(threshold, float) or not 0 <= threshold <= 1:
            raise _broken(folder, "its threshold is not a number from 0 to 1")
        members = numbers.get("bias", np.zeros(0)).size
        shapes = dict.fromkeys(("idf", "weights"), (members, len(vocabulary))) | {
            "bias": (members,)
        }
        for name, shape in shapes.items():
            found = numbers.get(name, np.zeros(0))
            fits = members and found.shape == shape and found.dtype == np.float64
            if not fits or not np.isfinite(found).all():
                raise _broken(folder, f"its {name} are not {' × '.join(map(str, shape))} numbers")
        idf, weights, bias = (numbers[name] for name in shapes)
        return cls(vocabulary, idf, weights, bias, threshold, about)

    def save(self, folder: str | Path) -> None:
        """Write both files; equal filters give equal bytes."""
        numbers = {"idf": self.idf, "weights": self.weights, "bias": self.bias}
        with atomic_write(Path(folder, NUMBERS), binary=True) as stream:
            stream.write(save({name: np.asarray(one, np.float64) for name, one in numbers.items()}))
        about = {
            **self.about,
            "format": FORMAT,
            "version": versions.FILTER,
            "threshold": self.threshold,
            "numbers": file_digest(Path(folder, NUMBERS)),
            "vocabulary": list(self.vocabulary),
        }
        with atomic_write(Path(folder, JSON)) as stream:
            stream.write(canonical(about) + "\n")

    def scores(self, texts: Iterable[str]) -> np.ndarray:
        """The score of each text, 0 to 1, shape (texts,)."""
        return np.array([self._score(text) for text in texts], np.float64)

    def related(self, texts: Iterable[str]) -> list[bool]:
        """Whether each text is a question of the study's kind."""
        return [bool(score >= self.threshold) for score in self.scores(texts)]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.vocabulary)}

    def _score(self, text: str) -> float:
        counted = Counter(
            place for one in terms(text) if (place := self._places.get(one)) is not None
        )
        places = np.fromiter(counted, np.int64, len(counted))
        frequency = np.fromiter(counted.values(), np.float64, len(counted))
        values = (1 + np.log(frequency)) * self.idf[:, places]
        length = np.sqrt((values**2).sum(axis=1))
        said = (values * self.weights[:, places]).sum(axis=1)
        # a text without any term that a member knows has log-odds -inf
        odds = np.divide(said, length, out=np.full_like(said, -np.inf), where=length > 0)
        return 0.5 + 0.5 * math.tanh(float((odds + self.bias).mean()) / 2)  # the logistic function


def _broken(folder: str | Path, what: str) -> RecordError:
    hint = "name a folder results/<experiment>/filter, or delete it and run the experiment again"
    return RecordError(what, where=str(folder), hint=hint)
