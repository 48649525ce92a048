"""Find test documents of which parts may have been trained on (suspects)."""

from papertune.jobs.job import job
from papertune.leakage.pairs import left_out
from papertune.leakage.suspects import find_suspects
from papertune.scores.scoring import Embeddings
from papertune.study import uses

with job(snakemake, uses.find_suspects) as given:
    embedder, folder = given.pop("embedder"), snakemake.input.embedder or None
    store, threads = snakemake.config["store"], snakemake.threads
    find_suspects(
        documents=snakemake.input.documents,
        training=snakemake.input.training,
        corpora=snakemake.input.corpora,
        taken_out=left_out(snakemake.input.left),
        output=snakemake.output.suspects,
        embeddings=embedder and (lambda: Embeddings(embedder, store, folder, threads)),
        **given,
    )
