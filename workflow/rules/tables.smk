# Needs: the matrix and the results of all stages before it.
# Makes: results/{experiment}/tables/ (CSV, Markdown, LaTeX), also part of `snakemake --report`. Jobs of
# seconds run where Snakemake runs.


# What each stage kept and rejected, and why, from listing to score.
rule count_stages:
    input:
        listings=every(Layout.by_year, "listings"),
        rejected_listings=every(Layout.by_year, "rejected/listings"),
        documents=lambda wildcards: layout(wildcards).documents(),
        missing=every(Layout.by_year, "missing"),
        left=every(Layout.left_out),
        rejected_pairs=every(Layout.by_split, "rejected/pairs"),
        datasets=every(Layout.by_split, "datasets"),
        questions=every(Layout.test_sets),
        answers=every(Layout.by_cell, "answers"),
        scores=every(Layout.by_cell, "scores"),
    output:
        counts="results/{experiment}/tables/counts.csv",
    log:
        "logs/{experiment}/tables/counts.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.count_stages),
    message:
        "counts what each stage kept and rejected"
    script:
        "../scripts/count_stages.py"


rule write_tables:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        writers="results/{experiment}/tables/writers.csv",
        counts="results/{experiment}/tables/counts.csv",
        models=every(Layout.models),
    output:
        comparison=table("comparison", "Matrix"),
        form=table("form", "Matrix"),
        gains=table("gains", "Matrix"),
        square=table("square", "Matrix"),
        metrics=table("metrics", "Matrix"),
        years=table("years", "Matrix"),
        training=table("training", "Training"),
        stages=table("stages", "Documents"),
        columns="results/{experiment}/tables/README.md",
        text="results/{experiment}/tables/matrix.txt",
    log:
        "logs/{experiment}/tables/tables.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    message:
        "writes the tables"
    script:
        "../scripts/write_tables.py"


# Only for experiments with conversations.
rule write_turns:
    input:
        questions=every(Layout.test_sets),
        scores=every(Layout.by_cell, "scores"),
    output:
        table("turns", "Matrix"),
    log:
        "logs/{experiment}/tables/turns.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    message:
        "writes the table of turns"
    script:
        "../scripts/write_turns.py"


# Tables that only some experiments have.
rule write_further_table:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
    output:
        table("{further}", "Matrix", "further"),
    log:
        "logs/{experiment}/tables/{further}.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.write_further_table),
        shown=shown,
    message:
        "writes the table of {wildcards.further}"
    script:
        "../scripts/write_further_table.py"


# The cost of the jobs, from their records and, on a cluster, its accounting, and the resulting estimate
# for a larger study. It differs from run to run.
rule write_cost:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        spread="results/{experiment}/tables/spread.csv",
        scores=every(Layout.by_cell, "scores"),
    output:
        cost=table("cost", "Cost"),
        larger=table("size", "Matrix"),
    log:
        "logs/{experiment}/tables/cost.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.write_cost),
        shown=shown,
    message:
        "adds up the cost of the jobs"
    script:
        "../scripts/write_cost.py"
