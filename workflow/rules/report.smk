# Needs: the matrix and everything that was made on the way to it.
# Makes: results/{experiment}/tables/ (CSV, Markdown, LaTeX), figures/ (SVG) and report.html.
# Tables and figures are also part of `snakemake --report`.


def table(name, category):
    """A table in its three forms; Snakemake's report takes the first."""
    path = f"results/{{experiment}}/tables/{name}"
    first = report(f"{path}.csv", caption=f"../report/{name}.rst", category=category)
    return [first, f"{path}.md", f"{path}.tex"]


def figure(name, category):
    """A figure, shown in Snakemake's report."""
    path = f"results/{{experiment}}/figures/{name}.svg"
    return report(path, caption=f"../report/{name}_figure.rst", category=category)


# From listing to score: what each stage kept, what it rejected and why.
rule count_stages:
    input:
        listings=lambda wildcards: list(layout(wildcards).by_year("listings").values()),
        rejected_listings=lambda wildcards: list(
            layout(wildcards).by_year("rejected/listings").values()
        ),
        documents=lambda wildcards: layout(wildcards).documents(),
        missing=lambda wildcards: list(layout(wildcards).by_year("missing").values()),
        pairs=lambda wildcards: list(layout(wildcards).by_split("pairs").values()),
        rejected_pairs=lambda wildcards: list(
            layout(wildcards).by_split("rejected/pairs").values()
        ),
        datasets=lambda wildcards: list(layout(wildcards).by_split("datasets").values()),
        rejected_datasets=lambda wildcards: list(
            layout(wildcards).by_split("rejected/datasets").values()
        ),
        answers=lambda wildcards: list(layout(wildcards).by_cell("answers").values()),
        scores=lambda wildcards: list(layout(wildcards).by_cell("scores").values()),
    output:
        counts="results/{experiment}/tables/counts.csv",
    params:
        version=versions.REPORT,
    log:
        "logs/{experiment}/tables/counts.log",
    benchmark:
        "benchmarks/{experiment}/tables/counts.tsv"
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/count_stages.py"


rule write_tables:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        counts="results/{experiment}/tables/counts.csv",
        models=lambda wildcards: list(layout(wildcards).models().values()),
    output:
        comparison=table("comparison", "Matrix"),
        metrics=table("metrics", "Matrix"),
        years=table("years", "Matrix"),
        training=table("training", "Training"),
        stages=table("stages", "Documents"),
        text="results/{experiment}/tables/matrix.txt",
    params:
        shown=lambda wildcards: study(wildcards).presentation(),
        version=versions.REPORT,
    log:
        "logs/{experiment}/tables/tables.log",
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/write_tables.py"


# Only where the experiment gives published figures.
rule write_published:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
    output:
        table("published", "Matrix"),
    params:
        shown=lambda wildcards: study(wildcards).presentation(),
        version=versions.REPORT,
    log:
        "logs/{experiment}/tables/published.log",
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/write_published.py"


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
    params:
        shown=lambda wildcards: study(wildcards).presentation(),
        version=versions.REPORT,
    log:
        "logs/{experiment}/figures/figures.log",
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/draw_figures.py"
