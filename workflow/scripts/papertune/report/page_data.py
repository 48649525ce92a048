"""What the page shows beside tables and figures: answers side by side, counts, what is missing."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from papertune.identity import share
from papertune.records import Answer, Document, Rejection, Score, read_records
from papertune.report.counts import STAGES, Count
from papertune.report.tables import number
from papertune.study.experiment import Experiment, Part
from papertune.study.layout import Layout

LONGEST = 4000  # characters of a text on the page


def answers_side_by_side(layout: Layout, *, limit: int, budget: int) -> dict[str, Any]:
    """The answers of each model's first seed, question by question, as JSON values.

    At most ``limit`` questions per test set, chosen by the hash of their ids, and ``budget`` bytes
    of JSON, all test sets together.
    """
    experiment = layout.experiment
    metric, names = experiment.comparison.metric, experiment.test_set_names
    first = {model: min(experiment.seeds_of(model)) for model in experiment.models}
    answers, scores = layout.by_cell("answers"), layout.by_cell("scores")
    sets, wanted = [], set()
    for test_set in names:
        keys = [(model, seed, test_set) for model, seed in first.items()]
        total, chosen = _choose(answers[keys[0]], limit)
        for key in keys:
            values = {s.pair: s.values.get(metric) for s in read_records(scores[key], Score)}
            for answer in read_records(answers[key], Answer):
                if answer.pair in chosen:
                    shown = [_cut(answer.text), number(values.get(answer.pair), metric)]
                    chosen[answer.pair]["answers"][key[0]] = shown
        # the smallest hashes first, until the budget is spent
        kept, spent = [], 0
        for pair in sorted(chosen, key=_order):
            spent += len(json.dumps(chosen[pair]))
            if spent > budget * 0.6 / len(names):
                break
            kept.append(chosen[pair])
        kept.sort(key=lambda item: (item["year"], item["document"], item["question"]))
        wanted |= {item["document"] for item in kept}
        sets.append({"label": experiment.set_label(test_set), "total": total, "questions": kept})
    return {
        "metric": metric,
        "models": [
            {"name": model, "label": experiment.model_label(model), "seed": seed}
            for model, seed in first.items()
        ],
        "sets": sets,
        "documents": _documents(layout, wanted, int(budget * 0.4)),
    }


def _order(pair: str) -> float:
    return share(pair, "page")


def _choose(path: str | Path, limit: int) -> tuple[int, dict[str, Any]]:
    """How many questions there are, and those with the smallest hashes."""
    hashes = sorted(_order(answer.pair) for answer in read_records(path, Answer))
    last = hashes[min(limit, len(hashes)) - 1]
    return len(hashes), {
        answer.pair: {
            "year": answer.year,
            "document": answer.document,
            "question": _cut(answer.question),
            "reference": _cut(answer.reference),
            "answers": {},
        }
        for answer in read_records(path, Answer)
        if _order(answer.pair) <= last
    }


def _documents(layout: Layout, wanted: set[str], budget: int) -> dict[str, dict[str, str]]:
    shown: dict[str, dict[str, str]] = {}
    every = (item for path in layout.documents("test") for item in read_records(path, Document))
    for document in every:
        if document.id in wanted:
            shown[document.id] = {"title": _cut(document.title), "url": safe_url(document.url)}
            budget -= len(json.dumps(document.text))
            if budget >= 0:
                shown[document.id]["text"] = _cut(document.text)
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … (cut)"


def safe_url(url: str) -> str:
    """The url if it is a web address, else nothing: a page must not bring a link that runs."""
    return url if re.match(r"https?://[^\s/]", url) else ""


def embed_json(value: Any) -> str:
    """JSON that cannot end or change the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def stage_rows(rows: list[Count]) -> list[dict[str, Any]]:
    """The way through, one row per stage and part: what was kept, what was rejected and why."""
    lines: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for row in rows:
        line = lines.setdefault(
            (row.stage, row.shown_part), {key: Counter() for key in ("kept", "how", "rejected")}
        )
        if row.outcome == "rejected":
            line["rejected"][row.reason.replace("_", " ")] += row.count
        else:
            line["kept"][row.unit] += row.count
            if row.reason:
                line["how"][row.reason] += row.count
    return [
        {"stage": STAGES[stage], "part": part.replace("/", " · "), **line}
        for (stage, part), line in lines.items()
    ]


def missing_documents(files: Mapping[Part, str], limit: int = 300) -> dict[str, Any]:
    """The first missing documents, how many there are, and how many of them need a browser."""
    found = [(year, item) for year, path in files.items() for item in read_records(path, Rejection)]
    return {
        "missing": [
            {"year": str(year), "reason": item.reason.replace("_", " "), "detail": item.detail}
            for year, item in found[:limit]
        ],
        "missing_total": len(found),
        "need_browser": sum(item.reason == "needs_browser" for _, item in found),
    }


def settings_text(experiment: Experiment) -> str:
    """The settings as YAML, defaults included; no contact address and no password of a url."""
    values = experiment.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"fetching": {"contact"}}
    )
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return re.sub(r"//[^/@\s]+@", "//…@", text)
