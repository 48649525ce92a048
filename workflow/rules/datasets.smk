# Needs: the pairs that a generator wrote for a split.
# Makes: results/{experiment}/datasets/{generator}/, a folder that datasets.load_dataset reads.
# Train, validation and test are jobs of their own: a new test document must not touch training.


rule build_dataset:
    input:
        pairs="results/{experiment}/pairs/{generator}/{split}.jsonl",
    output:
        dataset="results/{experiment}/datasets/{generator}/{split}.jsonl",
        rejected="results/{experiment}/rejected/datasets/{generator}/{split}.jsonl",
    log:
        "logs/{experiment}/datasets/{generator}/{split}.log",
    conda:
        "../../envs/synthesize.yaml"
    params:
        version=versions.DATASET,
    script:
        "../scripts/build_dataset.py"


def dataset_splits(wildcards):
    """The splits of a generator's dataset that the experiment uses."""
    folder = f"results/{wildcards.experiment}/datasets/{wildcards.generator}/"
    return [
        path for path in dataset_files(wildcards.experiment) if path.startswith(folder)
    ]


rule describe_dataset:
    input:
        splits=dataset_splits,
    output:
        card="results/{experiment}/datasets/{generator}/README.md",
    log:
        "logs/{experiment}/datasets/{generator}/README.log",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        generator=lambda wildcards: generator_of(wildcards).identity(),
        title=lambda wildcards: study(wildcards).title,
        version=versions.DATASET,
    script:
        "../scripts/describe_dataset.py"
