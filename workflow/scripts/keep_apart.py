"""Find documents of a split that also occur on the training side, exactly or nearly."""

from papertune.jobs.job import job
from papertune.leakage.splits import keep_apart
from papertune.study import uses

with job(snakemake, uses.keep_apart) as given:
    keep_apart(
        documents=snakemake.input.documents,
        training=snakemake.input.training,
        corpora=snakemake.input.corpora,
        output=snakemake.output.rejected,
        **given,
    )
