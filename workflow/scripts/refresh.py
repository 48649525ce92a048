"""List the documents of all experiments again and replace the listings that changed."""

from pathlib import Path

from papertune.errors import CollectError
from papertune.experiment_file import load_experiment
from papertune.progress import job_log
from papertune.sources.refresh import refresh_listings

with job_log(snakemake.log[0]):
    if snakemake.params.at_work:
        raise CollectError(
            "another run is at work here and may just be reading the listings: "
            + "; ".join(snakemake.params.at_work),
            hint="run `snakemake refresh` again when it has ended",
        )
    refresh_listings(
        {name: load_experiment(path) for name, path in snakemake.config["files"].items()},
        cache=Path(snakemake.config["store"], "http"),
    )
