"""Asks a learned filter: ``python -m papertune.filter results/NAME/filter "question" …``.

Without questions they are read from standard input, one a line. Each gives a line of JSON:
``{"question": …, "score": …, "related": …}``.
"""

import argparse
import json
import sys
from collections.abc import Iterable

from papertune.errors import run_command
from papertune.files import whole
from papertune.filter.load import Filter


def main(arguments: list[str]) -> None:
    """Answer on standard output, a question at a time."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m papertune.filter")
    parser.add_argument("folder", help="results/NAME/filter")
    parser.add_argument("question", nargs="*", help="none: standard input, one a line")
    asked = parser.parse_args(arguments)
    chosen = Filter.load(asked.folder)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    questions: Iterable[str] = asked.question or filter(None, map(str.strip, sys.stdin))
    for question in map(whole, questions):
        [score] = chosen.scores([question])
        said = {"question": question, "score": round(float(score), 6)}
        # what strangers ask may be made for a terminal: nothing but ASCII is printed
        print(json.dumps({**said, "related": bool(score >= chosen.threshold)}), flush=True)


if __name__ == "__main__":
    run_command(main)
