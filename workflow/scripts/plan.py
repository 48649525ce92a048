"""Show what a run would submit: python workflow/scripts/plan.py [arguments of snakemake].

The plan comes from Snakemake's own dry run, so it shows exactly what the run would do.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from papertune.errors import run_command, shown


def _show(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="papertune-plan-") as folder:
        plan = Path(folder, "plan.txt")
        # a dry run would show jobs with the threads of one core
        dry = ["--dry-run", "--quiet", "rules", "progress", *arguments]
        run = subprocess.run(
            [sys.executable, "-m", "snakemake", *dry],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PAPERTUNE_PLAN": str(plan)},
            check=False,
        )
        if run.returncode or not plan.exists():
            sys.stderr.write(shown(run.stdout))
            sys.exit(run.returncode or 1)
        sys.stdout.write(shown(plan.read_text(encoding="utf-8")))


run_command(_show)
