# Needs: datasets and a base language model (from the Hub, from a folder, or pre-trained here).
# Makes: results/{experiment}/models/{model}/seed-{seed}/, a model folder with training.json and
# history.csv. Checkpoints lie in the store, where Snakemake does not delete them: a killed run
# goes on from its newest one.


# The one rule that asks the Hub: on a machine with internet, before any GPU job.
rule download_base:
    output:
        folder=directory(RESOURCES + "/models/{hub}/{revision}"),
    log:
        "logs/resources/models/{hub}/{revision}.log",
    wildcard_constraints:
        revision="[0-9a-f]{40}",
        hub=r"[\w.-]+",
    retries: 2
    localrule: True
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/download_base.py"


# Further papers of the demo venue's training years, for the demo's base to learn from.
rule write_archive:
    output:
        archive=RESOURCES + "/demo/archive.jsonl",
    log:
        "logs/resources/demo/archive.log",
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        version=versions.PRETRAIN,
    script:
        "../scripts/write_archive.py"


def pretraining(wildcards):
    return study(wildcards).bases[wildcards.base].pretrain


def pretraining_documents(wildcards):
    """Training documents only: a base must not have read what it is tested on."""
    if pretraining(wildcards).corpus.documents == "none":
        return []
    return layout(wildcards).documents("train")


rule pretrain_base:
    input:
        documents=pretraining_documents,
        files=lambda wildcards: pretraining(wildcards).corpus.files,
    output:
        base=directory("results/{experiment}/bases/{base}"),
    log:
        "logs/{experiment}/bases/{base}.log",
    benchmark:
        "benchmarks/{experiment}/bases/{base}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: compute("threads")
    resources:
        gpu=compute("gpu"),
        mem_mb=compute("memory_mb"),
        runtime=compute("runtime"),
    params:
        pretraining=lambda wildcards: pretraining(wildcards).identity(),
        version=versions.PRETRAIN,
    script:
        "../scripts/pretrain_base.py"


def base_folder(wildcards):
    """The folder of a model's base, wherever the base comes from."""
    name = study(wildcards).models[wildcards.model].base
    base = study(wildcards).bases[name]
    if base.hub:
        return hub_folder(base.hub, base.revision)
    return base.path or f"results/{wildcards.experiment}/bases/{name}"


def training_split(split):
    """An input function: one split of the dataset that a model is trained on."""
    return lambda wildcards: (
        f"results/{wildcards.experiment}/datasets/"
        f"{study(wildcards).dataset_of(wildcards.model)}/{split}.jsonl"
    )


def recipe(wildcards):
    """All that makes a model, base aside: method, hyperparameters, prompt, seed."""
    return study(wildcards).recipe(wildcards.model)


rule train:
    input:
        train=training_split("train"),
        validation=training_split("validation"),
        base=base_folder,
    output:
        model=directory("results/{experiment}/models/{model}/seed-{seed}"),
    log:
        "logs/{experiment}/models/{model}/seed-{seed}.log",
    benchmark:
        "benchmarks/{experiment}/models/{model}/seed-{seed}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: compute("threads")
    resources:
        gpu=compute("gpu"),
        mem_mb=compute("memory_mb"),
        runtime=compute("runtime"),
    params:
        recipe=recipe,
        prompt=answer_template,
        version=versions.TRAIN,
    script:
        "../scripts/train.py"
