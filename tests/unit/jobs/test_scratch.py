"""Temporary folders end with their jobs, at the latest when the next job of their kind begins."""

import tempfile

from papertune.jobs import scratch
from processes import python

JOB = """
import time
from papertune.jobs.scratch import scratch
with scratch("served") as folder:
    (folder / "model.safetensors").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_job_left_is_removed_by_the_next_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "NEW", 0.0)
    (tmp_path / "papertune-served-elsewhere-a1").mkdir()  # another machine's
    here = {"environment": {"TMPDIR": str(tmp_path)}}
    with python(JOB, **here) as killed, python(JOB, **here) as lives:
        left, used = (one.stdout.readline().strip() for one in (killed, lives))
        killed.kill()
        killed.wait()
        assert {str(path) for path in tmp_path.iterdir()} > {left, used}
        with scratch.scratch("served") as own:
            assert own.stat().st_mode & 0o777 == 0o700
            there = {str(own), used, str(tmp_path / "papertune-served-elsewhere-a1")}
            assert {str(path) for path in tmp_path.iterdir()} == there
        assert not own.exists()
        lives.kill()
