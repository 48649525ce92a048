"""The data of the page's explorer of answers: columns for filters, and texts in pieces.

A piece holds some neighbouring questions with the answers of every model and seed, each text once.
Up to a total size, pieces are embedded in the page; beyond it they are files in a folder beside it,
and the page loads those that it shows.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from papertune.answering.probes import text_id
from papertune.metrics import Metric, metric_named
from papertune.pairfile import read_pairs
from papertune.records import (
    Answer,
    Document,
    Pair,
    Score,
    from_dict,
    object_at,
    placed_lines,
    read_records,
)
from papertune.report.parts import embed_json, safe_url
from papertune.study.layout import Layout

BYTES = 8_000_000  # maximum of pieces embedded in the page
PIECE = 100_000  # approximate characters of a piece
LONGEST = 20_000  # characters of a text on the page
INFINITE = 1e308  # JSON has no infinity
CUT, EMPTY, IN_PART, MISSING = 1, 2, 4, 8  # flags of an answer, as bits
# references of unanswerable questions in data sets such as QASPER
UNANSWERABLE = {"", "unanswerable", "not answerable", "no answer", "cannot be answered"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some questions with their answers, as JSON that is safe in a script element."""

    text: str
    first: int  # index of its first question among all questions


class Explored:
    """The answers of a study: ``columns`` for all questions, and pieces in or beside the page."""

    def __init__(self, layout: Layout, folder: Path, *, budget: int) -> None:
        """Read all answers and scores; write pieces to the folder if they exceed the budget.

        Args:
            folder: The folder of pieces to make; pieces of an earlier page are removed.
            budget: Maximum of bytes of pieces embedded in the page.
        """
        study = layout.experiment
        self._layout, self._metrics = layout, [*study.scored]
        self._runs = [(model, n) for model in study.models for n in study.seeds_of(model)]
        self.columns: dict[str, list[Any]] = {
            name: [] for name in ("pairs", "set", "year", "length", "unanswerable")
        }
        self.scores: list[list[float | None]] = [[] for _ in self._runs]
        self.flags: list[list[int]] = [[] for _ in self._runs]
        self.starts: list[int] = []
        self.pieces: list[str] = []  # embedded in the page; empty if they are in the folder
        self._write(folder, budget)

    def _write(self, folder: Path, budget: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.js"):
            old.unlink()
        held: list[str] | None = []
        for piece in self._all():
            number = len(self.starts)
            self.starts.append(piece.first)
            if held is not None:
                held.append(piece.text)
                budget -= len(piece.text.encode())
                if budget < 0:
                    for place, text in enumerate(held):
                        _write_piece(folder, place, text)
                    held = None
            else:
                _write_piece(folder, number, piece.text)
        self.pieces = held or []

    def _all(self) -> Iterator[Piece]:
        documents = _documents(self._layout)
        for place, test_set in enumerate(self._layout.experiment.test_set_names):
            yield from self._set(place, test_set, documents)

    def _set(self, place: int, test_set: str, documents: dict[str, list[str]]) -> Iterator[Piece]:
        cells = [
            _Cell.read(
                self._layout.by_cell("answers")[*run, test_set],
                self._layout.by_cell("scores")[*run, test_set],
            )
            for run in self._runs
        ]
        asked = set(chain.from_iterable(cell.answers for cell in cells))
        pairs = (pair for pair in read_pairs(self._layout.test_set(test_set)) if pair.id in asked)
        known: list[list[str]] = []
        questions: list[dict[str, Any]] = []
        order: dict[str, int] = {}  # document → its index in the piece
        size, first = 0, len(self.columns["pairs"])
        for pair in sorted(pairs, key=_place):
            if pair.document not in order:
                order[pair.document] = len(known)
                known.append(documents.get(pair.document, [pair.document, "", _cut(pair.context)]))
                size += len(known[-1][2])
            questions.append(
                self._question(place, pair, cells) | {"document": order[pair.document]}
            )
            size += len(json.dumps(questions[-1], ensure_ascii=False))
            if size > PIECE:
                yield Piece(embed_json({"documents": known, "questions": questions}), first)
                known, questions, order, size = [], [], {}, 0
                first = len(self.columns["pairs"])
        if questions:
            yield Piece(embed_json({"documents": known, "questions": questions}), first)

    def _question(self, place: int, pair: Pair, cells: list["_Cell"]) -> dict[str, Any]:
        """A question's part of a piece; its numbers are added to the columns."""
        judged = self._layout.experiment.comparison.metric
        texts: dict[str, int] = {}
        said, values, longest = [], [], 0
        for cell, scores, flags in zip(cells, self.scores, self.flags, strict=True):
            answer, score = cell.of(pair.id)
            own = score.values if score else {}
            scores.append(_number(own.get(judged), metric_named(judged)))
            flags.append(_flags(answer))
            values.append([_number(own.get(name), metric_named(name)) for name in self._metrics])
            text = answer.text if answer else ""
            said.append(texts.setdefault(text, len(texts)))
            longest = max(longest, len(text))
        row = (pair.id, place, pair.year, longest, int(_unanswerable(pair.answer)))
        for column, value in zip(self.columns.values(), row, strict=True):
            column.append(value)
        by_metric = [list(one) for one in zip(*values, strict=True)]
        found = {
            **{"question": _cut(pair.question), "reference": _cut(pair.answer), "said": said},
            "texts": [_cut(text) for text in texts],
            "ids": [text_id(pair, text) for text in texts],
            # one number if all are equal
            "values": [one[0] if one.count(one[0]) == len(one) else one for one in by_metric],
        }
        return found | ({"turn": len(pair.before)} if pair.before else {})

    def index(self) -> dict[str, Any]:
        """What the page needs immediately, as JSON values without texts."""
        study = self._layout.experiment
        names, judged = [*study.models], metric_named(study.comparison.metric)
        sets = [study.sets[name].generator for name in study.test_set_names]
        return {
            "experiment": self._layout.name,
            "metric": self._metrics.index(study.comparison.metric),
            "higher": judged.higher_is_better is not False,
            **dict(zip(("wrong", "apart"), _thresholds(judged, self.scores), strict=True)),
            "metrics": [[m.label, m.digits, m.unit] for m in map(metric_named, self._metrics)],
            "models": [
                {"label": study.model_label(one), "baseline": _at(names, study.baseline_of(one))}
                for one in names
            ],
            "runs": [[names.index(model), seed] for model, seed in self._runs],
            "sets": [study.set_label(name) for name in study.test_set_names],
            "writers": [study.writer_label(generator) for generator in sets],
            **self.columns,
            **{"scores": self.scores, "flags": self.flags, "starts": self.starts},
            "beside": bool(self.starts) and not self.pieces,
        }


@dataclass(frozen=True, slots=True)
class _Cell:
    """Byte offsets of the answers and scores of a model and seed, by pair."""

    paths: tuple[str, str]
    answers: dict[str, int]
    scores: dict[str, int]

    @classmethod
    def read(cls, answers: str, scores: str) -> "_Cell":
        return cls((answers, scores), _offsets(answers, Answer), _offsets(scores, Score))

    def of(self, pair: str) -> tuple[Answer | None, Score | None]:
        answer, score = self.answers.get(pair), self.scores.get(pair)
        return (
            None if answer is None else Answer(**object_at(self.paths[0], answer)),
            None if score is None else Score(**object_at(self.paths[1], score)),
        )


def _offsets(path: str, kind: type[Any]) -> dict[str, int]:
    """The byte offset of each pair's record; records are checked here and read later."""
    lines = placed_lines(path)
    return {from_dict(kind, values, where).pair: offset for offset, where, values in lines}


def _write_piece(folder: Path, number: int, text: str) -> None:
    # one function call with JSON, which embed_json has made safe
    Path(folder, f"{number}.js").write_text(f"papertuneAnswers({number},{text})\n", "utf-8")


def _documents(layout: Layout) -> dict[str, list[str]]:
    """Title, address and text of every test document."""
    splits = sorted({one.documents for one in layout.experiment.sets.values()})
    paths = chain.from_iterable(map(layout.documents, splits))
    every: Iterable[Document] = chain.from_iterable(read_records(p, Document) for p in paths)
    return {one.id: [_cut(one.title), safe_url(one.url), _cut(one.text)] for one in every}


def _place(pair: Pair) -> tuple[Any, ...]:
    """Sort key of a question: by document, then in the order of its conversation."""
    talk = (pair.conversation, len(pair.before)) if pair.before else (pair.id, 0)
    return pair.year, pair.document, *talk


def _flags(answer: Answer | None) -> int:
    if answer is None:
        return MISSING
    found = CUT * answer.truncated | EMPTY * (not answer.text.strip())
    return found | IN_PART * (answer.prompt != "whole")


def _unanswerable(reference: str) -> bool:
    return reference.strip().rstrip(".").lower() in UNANSWERABLE


def _number(value: float | None, metric: Metric) -> float | None:
    """Round to the digits that are shown, so that filters agree with the display."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return math.copysign(INFINITE, value)
    return round(value, metric.digits)


def _thresholds(metric: Metric, scores: list[list[float | None]]) -> tuple[float, float]:
    """The value beyond which an answer counts as wrong, and the difference that is a disagreement.

    Half of the way to the best value; for a metric without a best value, both are its median.
    """
    best = metric.bounds[1]
    if math.isfinite(best):
        return best / 2, best / 2
    middle = median([one for one in chain.from_iterable(scores) if one is not None] or [0.0])
    return (round(middle, metric.digits),) * 2


def _at(names: list[str], name: str) -> int | None:
    return names.index(name) if name in names else None


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … (cut)"
