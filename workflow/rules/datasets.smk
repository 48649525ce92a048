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
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        version=versions.DATASET,
    script:
        "../scripts/build_dataset.py"


rule describe_dataset:
    input:
        splits=lambda wildcards: [
            path
            for (generator, _), path in layout(wildcards).by_split("datasets").items()
            if generator == wildcards.generator
        ],
    output:
        card="results/{experiment}/datasets/{generator}/README.md",
    log:
        "logs/{experiment}/datasets/{generator}/README.log",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        generator=lambda wildcards: study(wildcards)
        .generators[wildcards.generator]
        .identity(),
        title=lambda wildcards: study(wildcards).title,
        version=versions.DATASET,
    script:
        "../scripts/describe_dataset.py"
