"""Show a few documents, pairs and prompts of the experiments, and estimate time and memory."""

import sys

import psutil

from papertune.jobs import gpus
from papertune.jobs.job import job
from papertune.preview.show import preview_all
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    config, gpu = snakemake.config, gpus.gpu_memory()
    memory = None if snakemake.params.submits else float(psutil.virtual_memory().total)
    preview_all(
        [
            Layout(name, load_experiment(path, config["commands"]), config["resources"])
            for name, path in config["files"].items()
        ],
        lambda line: print(line, flush=True),
        store=config["store"],
        room=lambda task: gpu if task.on_gpu else memory,
        threads=snakemake.threads,
        terminal=sys.stdout.isatty(),
        submits=snakemake.params.submits,
    )
