# Needs: models and test sets.
# Makes: answers and scores for each model, seed and test set; then the matrix that compares them.


# For test sets with a limit: the first of a generator's pairs by a hash of their ids.
rule choose_questions:
    input:
        pairs=lambda wildcards: layout(wildcards).questions(wildcards.test_set),
    output:
        chosen="results/{experiment}/test_sets/{test_set}.parquet",
    log:
        "logs/{experiment}/test_sets/{test_set}.log",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        uses=used(uses.choose_questions),
    message:
        "chooses the questions of the test set {wildcards.test_set}"
    script:
        "../scripts/choose_questions.py"


rule answer:
    input:
        model=lambda wildcards: layout(wildcards).model(wildcards.model, wildcards.seed),
        base=base_of,
        test_set=lambda wildcards: layout(wildcards).test_set(wildcards.test_set),
    output:
        answers="results/{experiment}/answers/{model}/seed-{seed}/{test_set}.jsonl",
    log:
        "logs/{experiment}/answers/{model}/seed-{seed}/{test_set}.log",
    priority: LONG
    conda:
        "../../envs/models.yaml"
    threads: sharded("threads_to_write")
    resources:
        gpu=sharded("gpu"),
        mem_mb=memory("answer"),
        runtime=minutes,
    params:
        uses=used(uses.answer),
    message:
        "{wildcards.model}, seed {wildcards.seed}, answers the questions of {wildcards.test_set}"
    script:
        "../scripts/answer.py"


rule score:
    input:
        answers="results/{experiment}/answers/{model}/seed-{seed}/{test_set}.jsonl",
        embedders=every(Layout.scorers),
    output:
        scores="results/{experiment}/scores/{model}/seed-{seed}/{test_set}.jsonl",
    log:
        "logs/{experiment}/scores/{model}/seed-{seed}/{test_set}.log",
    conda:
        "../../envs/evaluate.yaml"
    threads: scoring
    resources:
        mem_mb=memory_to_score,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.score),
    message:
        "scores the answers of {wildcards.model}, seed {wildcards.seed}, to {wildcards.test_set}"
    script:
        "../scripts/score.py"


rule compare:
    input:
        scores=every(Layout.by_cell, "scores"),
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
    message:
        "compares the models"
    script:
        "../scripts/compare.py"
