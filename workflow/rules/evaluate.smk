# Needs: models and test sets.
# Makes: answers and scores per model, seed and test set; then the matrix that compares them.


rule answer:
    input:
        model=lambda wildcards: layout(wildcards).model(wildcards.model, wildcards.seed),
        base=lambda wildcards: layout(wildcards).base(wildcards.model),
        test_set="results/{experiment}/datasets/{test_set}/test.parquet",
    output:
        answers="results/{experiment}/answers/{model}/seed-{seed}/{test_set}.jsonl",
    log:
        "logs/{experiment}/answers/{model}/seed-{seed}/{test_set}.log",
    conda:
        "../../envs/models.yaml"
    threads: sharded("threads")
    resources:
        gpu=sharded("gpu"),
        mem_mb=memory("answer"),
        runtime=minutes,
    params:
        uses=used(uses.answer),
    script:
        "../scripts/answer.py"


rule score:
    input:
        answers="results/{experiment}/answers/{model}/seed-{seed}/{test_set}.jsonl",
        embedders=lambda wildcards: list(layout(wildcards).scorers().values()),
    output:
        scores="results/{experiment}/scores/{model}/seed-{seed}/{test_set}.jsonl",
    log:
        "logs/{experiment}/scores/{model}/seed-{seed}/{test_set}.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.score),
    script:
        "../scripts/score.py"


rule compare:
    input:
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
    output:
        matrix="results/{experiment}/tables/matrix.csv",
        writers="results/{experiment}/tables/writers.csv",
        spread="results/{experiment}/tables/spread.csv",
    log:
        "logs/{experiment}/tables/matrix.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.compare),
    script:
        "../scripts/compare.py"


# Documents that stay in testing though something of them may have been trained on.
rule find_suspects:
    input:
        documents=lambda wildcards: layout(wildcards).documents("test"),
        training=lambda wildcards: layout(wildcards).documents("train"),
        corpora=lambda wildcards: layout(wildcards).corpora(),
        left=lambda wildcards: layout(wildcards).left_out()["test"],
        embedder=lambda wildcards: given(layout(wildcards).neighbours_by()),
    output:
        suspects="results/{experiment}/leakage/suspects.jsonl",
    log:
        "logs/{experiment}/leakage/suspects.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.find_suspects),
    script:
        "../scripts/find_suspects.py"


rule compare_without_suspects:
    input:
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
        suspects="results/{experiment}/leakage/suspects.jsonl",
        matrix="results/{experiment}/tables/matrix.csv",
    output:
        matrix="results/{experiment}/leakage/matrix.csv",
    log:
        "logs/{experiment}/leakage/matrix.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.compare_without),
    script:
        "../scripts/compare_without_suspects.py"
