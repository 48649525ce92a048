"""How refusals of sbatch are handled."""

import os
import signal
import subprocess
import sys
import time

import pytest

from papertune.cluster import sbatch
from processes import program

SUBMIT = ("--parsable", "--job-name", "run-1", "--comment", "rule_train_wildcards_a b", "--wrap=x")
FULL = (
    "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job "
    "violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
)
TIMEOUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
ACCOUNT = (
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination "
    "specified"
)


@pytest.fixture
def submit(tmp_path, monkeypatch):
    """Submits with a stand-in for sbatch that refuses first; what it did, and how often."""

    def call(refusal: str, *, queue: str = "", code: str = "1"):
        (tmp_path / "said").write_text(refusal + "\n")
        (tmp_path / "queue").write_text(queue)
        program(
            tmp_path / "sbatch",
            f"cd {tmp_path}; echo x >> calls; "
            f"if test $(wc -l < calls) -lt 2; then cat said >&2; exit {code}; fi; echo 71",
        )
        program(tmp_path / "squeue", f"cat {tmp_path}/queue")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        done = subprocess.run(
            [sys.executable, "-I", sbatch.__file__, str(os.getpid()), *SUBMIT],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done, len((tmp_path / "calls").read_text().split())

    return call


@pytest.mark.parametrize(
    "said", [FULL, "sbatch: error: QOSMaxSubmitJobPerUserLimit", TIMEOUT, "Unable to contact slurm"]
)
def test_a_refusal_that_passes_is_waited_for(submit, said):
    done, calls = submit(said)
    assert (done.returncode, done.stdout, done.stderr, calls) == (0, "71\n", "", 2)


def test_one_whose_answer_was_lost_is_found_in_the_queue_and_not_submitted_twice(submit):
    queue = "69\x1frule_train_wildcards_c\n70\x1frule_train_wildcards_a b\n"
    done, calls = submit(TIMEOUT, queue=queue)
    assert (done.returncode, done.stdout, calls) == (0, "70\n", 1)
    done, calls = submit(FULL, queue=queue)  # that was an answer
    assert done.stdout == "71\n"


def test_another_refusal_is_told_in_slurms_words_with_advice(submit):
    done, calls = submit(ACCOUNT)
    assert (done.returncode, calls) == (1, 1)
    assert ACCOUNT in done.stderr and "What to do: " in done.stderr


@pytest.mark.parametrize("snakemake", ["ends", "is interrupted"])
def test_who_asks_no_more_is_not_waited_for(tmp_path, snakemake):
    program(tmp_path / "sbatch", f"echo '{FULL.splitlines()[0]}' >&2; exit 1")
    program(tmp_path / "squeue", "")
    asks = subprocess.Popen(["sleep", "60"])
    command = [sys.executable, "-I", sbatch.__file__, str(asks.pid), *SUBMIT]
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    waits = subprocess.Popen(command, env=path, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    assert waits.poll() is None
    if snakemake == "is interrupted":
        waits.send_signal(signal.SIGINT)
    asks.kill()
    asks.wait()
    _, said = waits.communicate(timeout=120)
    assert waits.returncode != 0 and said == ""
