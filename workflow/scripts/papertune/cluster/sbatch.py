"""Run sbatch, and retry temporary refusals: python sbatch.py PID [arguments of sbatch].

Snakemake's plugin runs this instead of sbatch. A limit on a user's queued jobs, or a controller
that is busy or down, is not the job's fault: this waits as long as the calling Snakemake (PID)
lives, and says so on its terminal. If sbatch's answer was lost, the job may be in the queue: it is
looked up there before it is submitted again. Needs only Python's standard library.
"""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise

# parts of Slurm's messages
FULL = r"MaxSubmit|MaxJobCount|temporarily unable to accept"
AWAY = r"Unable to contact|Connection refused|Connection reset|Resource temporarily unavailable"
LOST = r"timed out|Zero Bytes|Transport endpoint|Unexpected message|Communication connection"
PAUSES = (2, 5, 10, 30, 60)  # seconds; the last one repeats
HINT = "`make doctor` with this profile says what the cluster needs; see profiles/slurm/README.md"


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command and capture its output."""
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def passes(said: str) -> bool:
    """Whether a refusal is temporary."""
    return bool(re.search(f"{FULL}|{AWAY}|{LOST}", said, re.I))


def already(given: list[str]) -> str | None:
    """The id of the unfinished job that was submitted with these options.

    None if there is none. Raises RuntimeError if the queue cannot be read.
    """
    named = dict(pairwise(given))
    form = "--format=%i\x1f%k"
    queue = run("squeue", "--me", "--noheader", f"--name={named.get('--job-name')}", form)
    if queue.returncode:
        raise RuntimeError(queue.stderr)
    for line in queue.stdout.splitlines():
        number, _, comment = line.partition("\x1f")
        if comment == named.get("--comment"):
            return number.partition("_")[0]
    return None


def tell(snakemake: int, line: str) -> None:
    """Write to the terminal or file that the calling Snakemake writes to."""
    with suppress(OSError), open(f"/proc/{snakemake}/fd/2", "a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")


def submit(snakemake: int, given: list[str]) -> int:
    """Submit, and pass on what sbatch prints; returns its exit status."""
    lost, refused = False, 0
    while True:
        try:
            if lost and (number := already(given)):
                print(number)
                return 0
            done = run("sbatch", *given)
            said = done.stderr
        except RuntimeError as error:
            done, said = None, str(error)
        if done and (done.returncode == 0 or not passes(said)):
            sys.stdout.write(done.stdout)
            sys.stderr.write(said)
            if done.returncode:
                sys.stderr.write(f"What to do: {HINT}\n")
            return done.returncode
        # refusals by an unreachable controller came before it accepted anything
        lost = lost or bool(re.search(LOST, said, re.I))
        pause = PAUSES[min(refused, len(PAUSES) - 1)]
        if refused == 0:
            words = " ".join(line.strip() for line in said.splitlines())
            tell(snakemake, f"Slurm accepts no more jobs for now; retrying until it does: {words}")
        refused += 1
        end = time.monotonic() + pause
        while time.monotonic() < end:
            time.sleep(0.5)
            if not os.path.exists(f"/proc/{snakemake}"):
                return 1


if __name__ == "__main__":
    # Ctrl-C reaches this process, too; Snakemake reports what happens to its jobs
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(submit(int(sys.argv[1]), sys.argv[2:]))
