"""Apply a trained filter: ``python -m papertune.filter results/NAME/filter "question" …``.

Without questions, they are read from standard input, one per line. For each, a line of JSON is printed:
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
    """Print a line of JSON for each question as soon as it is read."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m papertune.filter")
    parser.add_argument("folder", help="the filter, results/NAME/filter")
    parser.add_argument("question", nargs="*", help="default: standard input, one per line")
    asked = parser.parse_args(arguments)
    chosen = Filter.load(asked.folder)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    questions: Iterable[str] = asked.question or filter(None, map(str.strip, sys.stdin))
    for question in map(whole, questions):
        [score] = chosen.scores([question])
        said = {"question": question, "score": round(float(score), 6)}
        # questions of strangers may contain terminal escapes: only ASCII is printed
        print(json.dumps({**said, "related": bool(score >= chosen.threshold)}), flush=True)


if __name__ == "__main__":
    run_command(main)
