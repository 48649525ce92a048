# Needs: the documents of a split's years.
# Makes: results/{experiment}/datasets/{generator}/, a folder that datasets.load_dataset reads, and
# rejected/pairs/{generator}/{split}.jsonl, the rejected pairs and why. Pairs of finished documents are
# in the store and are not generated again. Train, validation, test and held-out pairs are separate
# jobs, because a new test document must not change training.


# No questions are written about documents that are, exactly or nearly, on the training side too.
# Training does not depend on this.
rule keep_apart:
    input:
        documents=lambda wildcards: layout(wildcards).documents(wildcards.split),
        training=lambda wildcards: layout(wildcards).documents("train"),
        corpora=lambda wildcards: (
            layout(wildcards).corpora() if wildcards.split == "test" else []
        ),
    output:
        rejected="results/{experiment}/rejected/splits/{split}.jsonl",
    log:
        "logs/{experiment}/rejected/splits/{split}.log",
    wildcard_constraints:
        split="validation|test",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        uses=used(uses.keep_apart),
    message:
        "keeps documents of the training side out of {wildcards.split}"
    script:
        "../scripts/keep_apart.py"


rule synthesize:
    input:
        documents=lambda wildcards: layout(wildcards).documents(wildcards.split),
        left=lambda wildcards: given(layout(wildcards).left_out().get(wildcards.split)),
        trained=lambda wildcards: (
            layout(wildcards).training_pairs()
            if wildcards.split in ("test", "held_out")
            else []
        ),
        model=lambda wildcards: given(
            layout(wildcards).generator_model(wildcards.generator)
        ),
    output:
        pairs="results/{experiment}/datasets/{generator}/{split}.parquet",
        rejected="results/{experiment}/rejected/pairs/{generator}/{split}.jsonl",
    log:
        "logs/{experiment}/datasets/{generator}/{split}.log",
    wildcard_constraints:
        experiment=experiments_whose_generators(run_a_model=True),
    priority: LONG
    conda:
        "../../envs/synthesize.yaml"
    threads: sharded("threads_to_write")
    resources:
        gpu=sharded("gpu"),
        mem_mb=sharded("plain_memory_mb"),
        runtime=minutes,
    params:
        uses=used(uses.synthesize),
    message:
        "{wildcards.generator} writes questions and answers for {wildcards.split}"
    script:
        "../scripts/synthesize.py"


# Generators that follow rules take seconds, and those that use a service need a network, which a
# compute node may lack: both run where Snakemake runs.
use rule synthesize as synthesize_here with:
    wildcard_constraints:
        experiment=experiments_whose_generators(run_a_model=False),
    localrule: True
    threads: 1
    resources:
        gpu=0,
        mem_mb=compute("plain_memory_mb"),


rule describe_dataset:
    input:
        splits=splits_of("datasets"),
        rejected=splits_of("rejected/pairs"),
        taken_out=lambda wildcards: [
            path
            for split, path in layout(wildcards).left_out().items()
            if (wildcards.generator, split) in layout(wildcards).generated
        ],
    output:
        card="results/{experiment}/datasets/{generator}/README.md",
    log:
        "logs/{experiment}/datasets/{generator}/README.log",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        uses=used(uses.describe_dataset),
    message:
        "describes the pairs of {wildcards.generator}"
    script:
        "../scripts/describe_dataset.py"


rule records:
    """the datasets as chats of a user and an assistant, for other trainers"""
    input:
        [layout.records() for layout in LAYOUTS.values()],


rule write_chat_records:
    input:
        splits=splits_of("datasets"),
    output:
        folder=directory("results/{experiment}/records/{generator}"),
    log:
        "logs/{experiment}/records/{generator}.log",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        uses=used(uses.write_chat_records),
    message:
        "writes the pairs of {wildcards.generator} as chats"
    script:
        "../scripts/write_chat_records.py"
