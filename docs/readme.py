"""Quote the results of the study and the demo: all numbers and verdicts come from files of one run.

    PYTHONPATH=workflow/scripts python docs/readme.py results/demo results/smollm2

copies each run's ``made.json`` and matrix figure to ``docs/demo/`` (for experiments other than the
demo: ``docs/study/``) and rewrites the parts of ``README.md`` and ``docs/tutorial/demo.md`` between
two comments. A test checks that they agree.
"""

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

from papertune.report.table import Table, to_markdown

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAMES = ("study", "demo")  # names of folders below docs/, and of make targets
FILES = {"study": ("README.md",), "demo": ("docs/tutorial/demo.md",)}  # files that quote each
BEGIN, END = "<!-- what the {} found: `make readme` writes it -->", "<!-- end of it -->"


def quoted(made: dict[str, Any], name: str = "demo", file: str = "README.md") -> str:
    """A file's part on a run, from ``made.json``; ``name`` is one of :data:`NAMES`."""
    how, took, sets = made["how"], made["took"], made["test_sets"]
    folder = "../" if file.startswith("docs/") else "docs/"
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
    command = f"make {name}{' PAPERS=…' * made['experiment'].endswith('-papers')}"
    others = (
        "column has another generator's" if len(sets) == 2 else "columns have other generators'"
    )
    lines = [
        f"This is what the {name} ends with, {minutes} minutes after `{command}` on {took['cores']} cores"
        f"{f' ({where})' if where else ''}: models answer questions about {papers} "
        f"papers of years that none of them was trained on. The column “{sets[own]}” has questions by "
        f"the generator of the training pairs; the other {others}.",
        "",
        (f"{table}\n({made['legend']}; {seeds} seeds)").replace("*", r"\*"),
        "",
        "Its report concludes:",
        "",
        f"> {made['headline']}",
        "",
        *_chance(made, name),
        f"![The matrix: each model's score with its interval, by test set]({folder}{name}/matrix.svg)",
        "",
        f"Made on {how['date']} with Papertune {how['papertune']}, "
        f"{'no browser' if how['browser'] == 'none' else how['browser']} and "
        f"{next(name for name in how['libraries'] if name.startswith('torch '))}; "
        f"[`docs/{name}/made.json`]({folder}{name}/made.json) records that run.",
    ]
    return "\n".join(lines)


def _chance(made: dict[str, Any], name: str) -> list[str]:
    """The chance level to compare the study's numbers with; the demo has none."""
    found = [cell["chance"] for cell in made["matrix"] if cell.get("chance") is not None]
    if name == "demo" or not found:
        return []
    least, most = min(found), max(found)
    return [
        "The right answer to a question about another paper scores "
        f"{least:.3f} to {most:.3f} (chance level).",
        "",
    ]


def with_part(text: str, part: str, name: str = "demo", file: str = "README.md") -> str:
    """A file's text with its part on a run replaced."""
    begin = BEGIN.format(name)
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{file} lacks the lines {begin} and {END}, between which the {name} is quoted")
    return f"{before}{begin}\n{part}\n\n{END}{after}"


def main(results: Path) -> None:
    """Copy a run's files and rewrite the files that quote them."""
    try:
        made = json.loads((results / "made.json").read_text("utf-8"))
    except OSError as error:
        sys.exit(f"{results}/made.json: {error.strerror}; run `make demo` or `make study` first")
    if not (made["took"] or {}).get("complete"):
        sys.exit(f"{results}: its jobs' records are incomplete, so its duration is unknown")
    if made["took"]["found"]:
        sys.exit(
            f"{results}: models were taken from the store, so its duration is meaningless: "
            "run it in a fresh folder"
        )
    name = "demo" if made["experiment"] == "demo" else "study"
    copies = DOCS / name
    copies.mkdir(exist_ok=True)
    shutil.copyfile(results / "made.json", copies / "made.json")
    shutil.copyfile(results / "figures" / "matrix.svg", copies / "matrix.svg")
    for file in FILES[name]:
        path = ROOT / file
        part = quoted(made, name, file)
        path.write_text(with_part(path.read_text("utf-8"), part, name, file), "utf-8")


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        main(Path(folder))
