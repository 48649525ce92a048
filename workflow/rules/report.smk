# Needs: tables, answers, scores and models.
# Makes: results/{experiment}/figures/ (SVG and PDF), also part of `snakemake --report`, and report.html with
# made.json.


rule draw_figures:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        counts="results/{experiment}/tables/counts.csv",
        models=every(Layout.models),
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
    message:
        "draws the figures"
    script:
        "../scripts/draw_figures.py"


# Only for experiments with trial series.
rule draw_trials:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        models=every(Layout.models),
    output:
        metric=figure("trials_metric", "Trials"),
        loss=figure("trials_loss", "Trials"),
        steps=figure("trials_steps", "Trials"),
        best=figure("trials_best", "Trials"),
    log:
        "logs/{experiment}/figures/trials.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    message:
        "draws the figures of trials"
    script:
        "../scripts/draw_trials.py"


# The page, which opens from disk, offline; its claims, versions and settings, for programs; and a folder
# with the answers of large studies, which is empty for others.
rule write_page:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        counts="results/{experiment}/tables/counts.csv",
        writers="results/{experiment}/tables/writers.csv",
        text="results/{experiment}/tables/matrix.txt",
        cost="results/{experiment}/tables/cost.json",
        larger="results/{experiment}/tables/size.csv",
        leakage="results/{experiment}/tables/leakage.json",
        further=every(Layout.further_tables),
        probes=lambda wildcards: layout(wildcards).tables_of_probes(),
        figures=[
            f"results/{{experiment}}/figures/{name}.svg"
            for name in ("documents", "matrix", "loss", "cost")
        ],
        trials=every(Layout.trial_figures),
        cards=lambda wildcards: layout(wildcards).cards(),
        models=every(Layout.models),
        documents=lambda wildcards: layout(wildcards).documents(),
        missing=every(Layout.by_year, "missing"),
        all_missing="results/{experiment}/missing.jsonl",
        asked=every(Layout.test_sets),
        answers=every(Layout.by_cell, "answers"),
        scores=every(Layout.by_cell, "scores"),
    output:
        page="results/{experiment}/report.html",
        made="results/{experiment}/made.json",
        explorer=directory("results/{experiment}/explorer"),
    log:
        "logs/{experiment}/report.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
    message:
        "writes the report"
    script:
        "../scripts/write_page.py"


# The reports that the experiments of this run reproduce, on one page.
rule write_reports:
    input:
        lambda wildcards: [
            path for layout in LAYOUTS.values() for path in layout.reproductions()
        ],
    output:
        page="results/reports.html",
    log:
        "logs/reports.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=lambda wildcards: {
            name: uses.report(layout).identity() for name, layout in LAYOUTS.items()
        },
        reproduces=lambda wildcards: [
            (
                layout.experiment.reproduces.model_dump()
                if layout.experiment.reproduces
                else {}
            )
            for layout in LAYOUTS.values()
        ],
    message:
        "writes the page of all reports"
    script:
        "../scripts/write_reports.py"
