"""Promise: what was collected on one machine is made again on another without a network."""

import shutil
import subprocess
import sys

import pytest

from end_to_end.venue import collected
from snakemake_run import ROOT, snakemake

pytestmark = pytest.mark.slow


def unpack(bundle, folder):
    command = [sys.executable, "-m", "papertune.collect.bundle", str(bundle)]
    env = {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_bundle_replays_byte_for_byte_where_nothing_can_be_reached(tmp_path):
    with collected(tmp_path / "here") as venue:
        venue.run("bundle")
    bundle = venue.folder / "bundles/small.tar"

    there = tmp_path / "there"
    there.mkdir()
    done = unpack(bundle, there)
    assert done.returncode == 0 and "unpacked" in done.stdout, done.stderr
    kept = {
        path.relative_to(venue.folder): path.read_bytes()
        for path in (venue.folder / "results").rglob("*.jsonl")
    }
    assert len(kept) == 5 * 3 + 1
    assert {path: (there / path).read_bytes() for path in kept} == kept

    study = shutil.copy(venue.study, there)
    config = ("--config", f"experiments={study}")
    planned = snakemake(there, "documents", "--dry-run", *config).stdout
    assert "Nothing to be done" in planned
    # from the pages alone
    shutil.rmtree(there / "results")
    shutil.rmtree(there / "store/fetch")
    snakemake(there, "documents", "results/small/missing.jsonl", *config)
    assert {path: (there / path).read_bytes() for path in kept} == kept

    # what was changed on the way is not taken
    changed = bundle.read_bytes().replace(b"We present", b"We invent", 1)
    assert changed != bundle.read_bytes()
    (tmp_path / "changed.tar").write_bytes(changed[:-1] + b"\0" * 2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    refused = unpack(tmp_path / "changed.tar", elsewhere)
    assert refused.returncode and "What to do" in refused.stderr
    assert "Traceback" not in refused.stderr
