# Needs: models and test sets.
# Makes: answers and scores per model, seed and test set; then the matrix that compares them.


def is_baseline(wildcards):
    return study(wildcards).models[wildcards.model].method == "baseline"


def model_folder(wildcards):
    """A trained model's folder; the base's own for a baseline, which is not adapted at all."""
    if is_baseline(wildcards):
        return base_folder(wildcards)
    return (
        f"results/{wildcards.experiment}/models/{wildcards.model}/seed-{wildcards.seed}"
    )


rule answer:
    input:
        model=model_folder,
        base=base_folder,
        test_set="results/{experiment}/datasets/{test_set}/test.jsonl",
    output:
        answers="results/{experiment}/answers/{model}/seed-{seed}/{test_set}.jsonl",
    log:
        "logs/{experiment}/answers/{model}/seed-{seed}/{test_set}.log",
    benchmark:
        "benchmarks/{experiment}/answers/{model}/seed-{seed}/{test_set}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: compute("threads")
    resources:
        gpu=compute("gpu"),
        mem_mb=compute("memory_mb"),
        runtime=compute("runtime"),
    params:
        recipe=recipe,
        answering=lambda wildcards: study(wildcards).answering.identity(),
        prompt=answer_template,
        version=versions.ANSWER,
    script:
        "../scripts/answer.py"


def embedder_folder(wildcards):
    """The embedder's folder if it comes from the Hub or from a path; the packaged one has none."""
    embedder = study(wildcards).embedder
    if "similarity" not in study(wildcards).metrics or embedder.packaged:
        return []
    return (
        hub_folder(embedder.model, embedder.revision)
        if embedder.revision
        else embedder.model
    )


rule score:
    input:
        answers="results/{experiment}/answers/{model}/seed-{seed}/{test_set}.jsonl",
        embedder=embedder_folder,
    output:
        scores="results/{experiment}/scores/{model}/seed-{seed}/{test_set}.jsonl",
    log:
        "logs/{experiment}/scores/{model}/seed-{seed}/{test_set}.log",
    benchmark:
        "benchmarks/{experiment}/scores/{model}/seed-{seed}/{test_set}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=4000,
    params:
        metrics=lambda wildcards: study(wildcards).metrics,
        embedder=lambda wildcards: study(wildcards).embedder.identity(),
        version=versions.SCORE,
    script:
        "../scripts/score.py"


rule compare:
    input:
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
    output:
        matrix="results/{experiment}/tables/matrix.csv",
    log:
        "logs/{experiment}/tables/matrix.log",
    benchmark:
        "benchmarks/{experiment}/tables/matrix.tsv"
    conda:
        "../../envs/evaluate.yaml"
    params:
        cells=lambda wildcards: list(layout(wildcards).by_cell("scores")),
        baseline=lambda wildcards: study(wildcards).baseline,
        comparison=lambda wildcards: study(wildcards).comparison.identity(),
        metrics=lambda wildcards: study(wildcards).metrics,
        version=versions.COMPARE,
    script:
        "../scripts/compare.py"
