# Needs: the matrix and everything that was made on the way to it.
# Makes: results/{experiment}/tables/ (CSV, Markdown, LaTeX), figures/ (SVG) and report.html.
# Tables and figures are also part of `snakemake --report`. What takes seconds runs where Snakemake
# runs.


# From listing to score: what each stage kept, what it rejected and why.
rule count_stages:
    input:
        listings=lambda wildcards: list(layout(wildcards).by_year("listings").values()),
        rejected_listings=lambda wildcards: list(
            layout(wildcards).by_year("rejected/listings").values()
        ),
        documents=lambda wildcards: layout(wildcards).documents(),
        missing=lambda wildcards: list(layout(wildcards).by_year("missing").values()),
        left=lambda wildcards: list(layout(wildcards).left_out().values()),
        rejected_pairs=lambda wildcards: list(
            layout(wildcards).by_split("rejected/pairs").values()
        ),
        datasets=lambda wildcards: list(layout(wildcards).by_split("datasets").values()),
        answers=lambda wildcards: list(layout(wildcards).by_cell("answers").values()),
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
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
    script:
        "../scripts/count_stages.py"


rule write_tables:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        writers="results/{experiment}/tables/writers.csv",
        counts="results/{experiment}/tables/counts.csv",
        models=lambda wildcards: list(layout(wildcards).models().values()),
    output:
        comparison=table("comparison", "Matrix"),
        form=table("form", "Matrix"),
        gains=table("gains", "Matrix"),
        square=table("square", "Matrix"),
        metrics=table("metrics", "Matrix"),
        years=table("years", "Matrix"),
        training=table("training", "Training"),
        stages=table("stages", "Documents"),
        text="results/{experiment}/tables/matrix.txt",
    log:
        "logs/{experiment}/tables/tables.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    script:
        "../scripts/write_tables.py"


# What stood on both sides of a split, and the matrix with and without what is suspicious of it.
rule write_leakage:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        without="results/{experiment}/leakage/matrix.csv",
        suspects="results/{experiment}/leakage/suspects.jsonl",
        left=lambda wildcards: list(layout(wildcards).left_out().values()),
        rejected_pairs=lambda wildcards: list(
            layout(wildcards).by_split("rejected/pairs").values()
        ),
        datasets=lambda wildcards: list(layout(wildcards).by_split("datasets").values()),
    output:
        leakage=table("leakage", "Documents"),
        unsuspected=table("unsuspected", "Matrix"),
    log:
        "logs/{experiment}/tables/leakage.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    script:
        "../scripts/write_leakage.py"


# Only where the experiment gives published figures.
rule write_published:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
    output:
        table("published", "Matrix"),
    log:
        "logs/{experiment}/tables/published.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    script:
        "../scripts/write_published.py"


# What the jobs took, from the records they left and, on a cluster, from its accounting; and so what
# a larger study would. It differs from run to run.
rule write_cost:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        spread="results/{experiment}/tables/spread.csv",
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
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
    script:
        "../scripts/write_cost.py"


rule draw_figures:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        counts="results/{experiment}/tables/counts.csv",
        models=lambda wildcards: list(layout(wildcards).models().values()),
    output:
        documents=figure("documents", "Documents"),
        matrix=figure("matrix", "Matrix"),
        loss=figure("loss", "Training"),
        cost=figure("cost", "Training"),
    log:
        "logs/{experiment}/figures/figures.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    script:
        "../scripts/draw_figures.py"


# One file that opens from disk, offline; and what it claims and was made with, for programs.
rule write_page:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        counts="results/{experiment}/tables/counts.csv",
        writers="results/{experiment}/tables/writers.csv",
        text="results/{experiment}/tables/matrix.txt",
        cost="results/{experiment}/tables/cost.csv",
        larger="results/{experiment}/tables/size.csv",
        leakage="results/{experiment}/tables/leakage.csv",
        published=lambda wildcards: (
            "results/{experiment}/tables/published.csv"
            if study(wildcards).published
            else []
        ),
        figures=[
            f"results/{{experiment}}/figures/{name}.svg"
            for name in ("documents", "matrix", "loss", "cost")
        ],
        cards=lambda wildcards: layout(wildcards).cards(),
        models=lambda wildcards: list(layout(wildcards).models().values()),
        documents=lambda wildcards: layout(wildcards).documents(),
        missing=lambda wildcards: list(layout(wildcards).by_year("missing").values()),
        all_missing="results/{experiment}/missing.jsonl",
        answers=lambda wildcards: list(layout(wildcards).by_cell("answers").values()),
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
    output:
        page="results/{experiment}/report.html",
        made="results/{experiment}/made.json",
    log:
        "logs/{experiment}/report.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
    script:
        "../scripts/write_page.py"


# Deletes from the store what no experiment refers to: neither the named ones nor any in config/.
rule prune:
    input:
        nobody_else,
    log:
        "logs/prune.log",
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        files=[
            str(path.resolve())
            for folder in (Path(), Path(workflow.basedir), ROOT)
            for path in folder.glob("config/experiments/*.yaml")
        ],
    script:
        "../scripts/prune.py"
