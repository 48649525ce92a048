"""Measure memory and time of the reader of Stack Exchange dumps on small and large dumps.

    python benchmarks/stack_dump.py [--few 10000] [--many 1000000] [--limit 1000]

Writes a dump of few and one of many posts to a temporary folder, lists the best pairs of a year of
each in a separate process, with and without a limit, and prints posts per second and the ratio of
the peak memories. Needs about 2 kB of disk per post.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

ROOT = Path(__file__).parents[1]
MOST = 1.5
YEARS = range(2010, 2020)
WORDS = (
    "a",
    "the",
    "matrix",
    "vector",
    "proof",
    "space",
    "set",
    "open",
    "closed",
    "of",
    "is",
    "and",
)


def main() -> None:
    """Measure and print, or list one dump as a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        list_one(Path(options.one), options.limit or None)
        return
    worst = 0.0
    print(f"{'posts':>9} {'limit':>6} {'pairs':>7} {'seconds':>8} {'posts/s':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory(prefix="papertune-dump-") as folder:
        dumps = {count: Path(folder, f"{count}.xml") for count in (options.few, options.many)}
        for count, path in dumps.items():
            write_dump(path, count)
        for limit in (options.limit, 0):
            peaks = []
            for count, path in dumps.items():
                pairs, seconds, peak = measured(path, limit)
                peaks.append(peak)
                print(
                    f"{count:9} {limit or '-':>6} {pairs:7} {seconds:8.1f} {count / seconds:8.0f} "
                    f"{peak:8.0f}",
                    flush=True,
                )
            worst = max(worst, peaks[1] / peaks[0])
    print(f"dump, peak memory of many posts to that of few: {worst:.2f} × (at most {MOST} ×)")
    sys.exit(worst > MOST)


def write_dump(path: Path, posts: int) -> None:
    """Write a dump with two answers per question, of about 1 kB each, over all years."""
    numbers = random.Random(posts)
    questions: list[int] = []
    with open(path, "w", encoding="utf-8") as stream:
        stream.write('<?xml version="1.0" encoding="utf-8"?>\n<posts>\n')
        for number in range(1, posts + 1):
            prose = " ".join(numbers.choices(WORDS, k=150))
            attributes = {
                "Id": number,
                "PostTypeId": 1 if number % 3 == 1 else 2,
                "CreationDate": f"{YEARS[number * len(YEARS) // (posts + 1)]}-05-06T07:08:09.123",
                "Score": int(numbers.expovariate(0.2)) - 2,
                "Body": f"<p>{prose}</p>\n<pre><code>x = 1\n</code></pre>\n<p>So it is.</p>\n",
                "OwnerUserId": numbers.randrange(9999),
            }
            if number % 3 == 1:
                questions = [*questions[-20:], number]
                attributes |= {"Title": f"What of {number}?", "Tags": "<matrices><proofs>"}
            else:
                attributes["ParentId"] = numbers.choice(questions)
            said = " ".join(f"{k}={quoteattr(str(v))}" for k, v in attributes.items())
            stream.write(f"  <row {said} />\n")
        stream.write("</posts>\n")


def measured(path: Path, limit: int) -> tuple[int, float, float]:
    """Pairs, seconds and peak resident memory in MB of a process that lists a dump."""
    command = [sys.executable, __file__, "--one", str(path), "--limit", str(limit)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{path.name} failed:\n{run.stderr[-4000:]}")
    pairs, seconds, kilobytes = run.stdout.split()
    return int(pairs), float(seconds), float(kilobytes) / 1000


def list_one(path: Path, limit: int | None) -> None:
    """List a dump in this process, and print time and memory."""
    sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
    from papertune.collect.listings.stack_dump import list_documents
    from papertune.collect.web.session import PoliteSession
    from papertune.study.settings import Fetching
    from papertune.study.settings.qa import StackDumpSource

    source = StackDumpSource(kind="stack_dump", path=str(path), site="math", limit=limit)
    start = time.monotonic()
    with PoliteSession(Fetching(), path.parent / "cache") as session:
        pairs = sum(1 for _ in list_documents(session, source, YEARS[5]))
    seconds = time.monotonic() - start
    # the high-water mark of this program only; ru_maxrss would include its parent's
    lines = Path("/proc/self/status").read_text().splitlines()
    print(pairs, seconds, next(line for line in lines if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    main()
