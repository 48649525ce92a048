"""Quotes the demo in the README: every number and verdict there comes from files of one run.

    PYTHONPATH=workflow/scripts python docs/readme.py results/demo

copies that run's ``made.json`` and its figure of the matrix to ``docs/demo/`` and writes the part of
``README.md`` between two comments anew. A test holds one against the other.
"""

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

from papertune.report.table import Table, to_markdown

ROOT = Path(__file__).parents[1]
COPIES = ROOT / "docs" / "demo"
BEGIN, END = "<!-- what the demo found: `make readme` writes it -->", "<!-- end of it -->"


def quoted(made: dict[str, Any]) -> str:
    """The README's part, of what ``made.json`` says."""
    how, took, sets = made["how"], made["took"], made["test_sets"]
    [own] = {g["test_set"] for claim in made["claims"] for g in claim["gains"] if g["own"]}
    minutes = math.ceil(took["seconds"] / 60)
    where = "; ".join(how["gpus"] + how["processors"])
    seeds, papers = max(made["seeds"].values()), max(cell["documents"] for cell in made["matrix"])
    shown = {(cell["model"], cell["test_set"]): cell["shown"] for cell in made["matrix"]}
    rows = [
        [label, *(shown.get((model, name), "–") for name in sets)]
        for model, label in made["models"].items()
    ]
    table = to_markdown(Table("", ["Model", *sets.values()], rows))
    lines = [
        f"This is what the demo ends with, {minutes} minutes after `make demo` on {took['cores']} cores"
        f"{f' ({where})' if where else ''}: models answer questions about {papers} "
        f"papers of years that none of them was trained on. The column “{sets[own]}” has questions by "
        "the writer of the training pairs, the other one has another writer's.",
        "",
        (f"{table}\n({made['legend']}; {seeds} seeds)").replace("*", r"\*"),
        "",
        "What its report says of that:",
        "",
        f"> {made['headline']}",
        "",
        "![The matrix: each model's score with its interval, by test set](docs/demo/matrix.svg)",
        "",
        f"Made on {how['date']} with Papertune {how['papertune']}, "
        f"{'no browser' if how['browser'] == 'none' else how['browser']} and "
        f"{next(name for name in how['libraries'] if name.startswith('torch '))}; "
        "[`docs/demo/made.json`](docs/demo/made.json) is that run's own account.",
    ]
    return "\n".join(lines)


def with_part(readme: str, part: str) -> str:
    """The README with its part replaced."""
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"README.md lacks the lines {BEGIN} and {END}, between which the demo is quoted")
    return f"{before}{BEGIN}\n{part}\n\n{END}{after}"


def main(results: Path) -> None:
    """Copy the files and write the README."""
    try:
        made = json.loads((results / "made.json").read_text("utf-8"))
    except OSError as error:
        sys.exit(f"{results}/made.json: {error.strerror}; `make demo` writes it")
    if not (made["took"] or {}).get("complete"):
        sys.exit(f"{results}: its jobs left no whole record, so that its minutes are not known")
    if made["took"]["found"]:
        sys.exit(
            f"{results}: models were found in the store and not made, so that its minutes say nothing: "
            "run the demo in a fresh folder"
        )
    COPIES.mkdir(exist_ok=True)
    shutil.copyfile(results / "made.json", COPIES / "made.json")
    shutil.copyfile(results / "figures" / "matrix.svg", COPIES / "matrix.svg")
    readme = ROOT / "README.md"
    readme.write_text(with_part(readme.read_text("utf-8"), quoted(made)), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
