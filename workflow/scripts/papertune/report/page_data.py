"""What the page shows beside tables and figures: answers side by side, counts, what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from papertune.identity import share
from papertune.records import Answer, Document, Rejection, Score, read_records
from papertune.report.counts import STAGES, Count
from papertune.report.tables import number
from papertune.study.experiment import Experiment, Part

LONGEST = 4000  # characters of a text on the page
STAGE_WORDS = {
    "list": "Listed",
    "collect": "With text",
    "split": "Split",
    "synthesize": "Pairs written",
    "answer": "Answered",
    "score": "Scored",
}

Key = tuple[str, int, str]  # model, seed, test set


def answers_side_by_side(
    experiment: Experiment,
    *,
    answers: Mapping[Key, str | Path],
    scores: Mapping[Key, str | Path],
    documents: Mapping[Part, str | Path],
    limit: int,
    budget: int,
) -> dict[str, Any]:
    """The answers of each model's first seed, question by question, as JSON values.

    Args:
        experiment: Order, labels, the metric to show.
        answers: (model, seed, test set) → answers.
        scores: (model, seed, test set) → scores.
        documents: Year → documents.
        limit: Questions per test set at most; chosen by the hash of their ids.
        budget: Bytes of JSON at most, all test sets together.
    """
    metric = experiment.comparison.metric
    models = list(experiment.models)
    first = {m: min((s for name, s, _ in answers if name == m), default=0) for m in models}
    sets, wanted = [], set()
    for test_set in experiment.test_set_names:
        keys = [(m, first[m], test_set) for m in models if (m, first[m], test_set) in answers]
        total, chosen = _choose(answers[keys[0]], limit) if keys else (0, {})
        for key in keys:
            for answer in read_records(answers[key], Answer):
                if answer.pair in chosen:
                    chosen[answer.pair]["answers"][key[0]] = [_cut(answer.text), None]
            for score in read_records(scores[key], Score):
                if score.pair in chosen:
                    value = number(score.values.get(metric), metric)
                    chosen[score.pair]["answers"][key[0]][1] = value
        # the smallest hashes first, until the budget is spent
        kept, spent = [], 0
        for pair in sorted(chosen, key=_order):
            spent += len(json.dumps(chosen[pair]))
            if spent > budget * 0.6 / len(experiment.test_set_names):
                break
            kept.append(chosen[pair])
        kept.sort(key=lambda item: (item["year"], item["document"], item["question"]))
        wanted |= {item["document"] for item in kept}
        sets.append({"label": experiment.set_label(test_set), "total": total, "questions": kept})
    return {
        "metric": metric,
        "models": [
            {"name": m, "label": experiment.model_label(m), "seed": first[m]} for m in models
        ],
        "sets": sets,
        "documents": _documents(documents, wanted, experiment, int(budget * 0.4)),
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


def _documents(
    files: Mapping[Part, str | Path], wanted: set[str], experiment: Experiment, budget: int
) -> dict[str, dict[str, str]]:
    shown: dict[str, dict[str, str]] = {}
    spent = 0
    for part in experiment.parts_of("test"):
        if part not in files:
            continue
        for document in read_records(files[part], Document):
            if document.id in wanted:
                values = {"title": _cut(document.title), "url": safe_url(document.url)}
                spent += len(json.dumps(document.text))
                if spent <= budget:
                    values["text"] = _cut(document.text)
                shown[document.id] = values
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
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: STAGES.index(row.stage)):
        part = "" if row.stage in ("list", "collect") else row.part
        line = lines.setdefault(
            (row.stage, part),
            {
                "stage": STAGE_WORDS[row.stage],
                "part": part.replace("/", " · "),
                "kept": {},
                "how": {},
                "rejected": {},
            },
        )
        name = {"kept": "kept", "rejected": "rejected"}[row.outcome]
        key = row.unit if row.outcome == "kept" else row.reason.replace("_", " ")
        line[name][key] = line[name].get(key, 0) + row.count
        if row.outcome == "kept" and row.reason:
            line["how"][row.reason] = line["how"].get(row.reason, 0) + row.count
    return list(lines.values())


def missing_documents(
    files: Mapping[Part, str | Path], limit: int = 300
) -> tuple[list[dict[str, str]], int, int]:
    """The first missing documents, how many there are, and how many of them need a browser."""
    shown: list[dict[str, str]] = []
    total = browser = 0
    for year, path in files.items():
        for item in read_records(path, Rejection):
            total += 1
            browser += item.reason == "needs_browser"
            if len(shown) < limit:
                reason = item.reason.replace("_", " ")
                shown.append({"year": str(year), "reason": reason, "detail": item.detail})
    return shown, total, browser


def settings_text(experiment: Experiment) -> str:
    """The settings as YAML, defaults included; no contact address and no password of a url."""
    values = experiment.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"fetching": {"contact"}}
    )
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return re.sub(r"//[^/@\s]+@", "//…@", text)
