# Needs: probes of the experiment, pairs that some are picked from, and the models' answers to them
# (the rules answer and score treat probes as test sets).
# Makes: results/{experiment}/probes/, the probes as pairs; rate.html, the page for raters; ratings/, the
# content of their files; and tables of these.


rule gather_probes:
    input:
        picked=lambda wildcards: list(
            layout(wildcards).picked(wildcards.test_set).values()
        ),
    output:
        pairs="results/{experiment}/probes/{test_set}.parquet",
    log:
        "logs/{experiment}/probes/{test_set}.log",
    localrule: True
    conda:
        "../../envs/synthesize.yaml"
    params:
        uses=used(uses.gather_probes),
    message:
        "gathers the probes of {wildcards.test_set}"
    script:
        "../scripts/gather_probes.py"


# Only where the experiment names files of ratings; there may be none yet.
rule rate_probes:
    input:
        asked=every(Layout.rateable),
        answers=every(Layout.of_rateable, "answers"),
        scores=every(Layout.of_rateable, "scores"),
        files=files_of_ratings,
    output:
        matrix="results/{experiment}/ratings/matrix.csv",
        agreement="results/{experiment}/ratings/agreement.csv",
        texts="results/{experiment}/ratings/texts.csv",
        rejected="results/{experiment}/rejected/ratings.jsonl",
    log:
        "logs/{experiment}/ratings.log",
    localrule: True
    conda:
        "../../envs/evaluate.yaml"
    params:
        uses=used(uses.rate_probes),
    message:
        "reads the ratings"
    script:
        "../scripts/rate_probes.py"


# The page for raters names no model; the table has their ratings.
rule write_probes:
    input:
        probes=every(Layout.probes),
        answers=every(Layout.of_probes, "answers"),
        ratings=every(Layout.ratings),
    output:
        page="results/{experiment}/rate.html",
        probes=table("probes", "Probes"),
    log:
        "logs/{experiment}/tables/probes.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    message:
        "writes the table of probes and the page for raters"
    script:
        "../scripts/write_probes.py"


rule write_ratings:
    input:
        ratings=every(Layout.ratings),
    output:
        ratings=table("ratings", "Probes"),
        agreement=table("agreement", "Probes"),
    log:
        "logs/{experiment}/tables/ratings.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    message:
        "writes the tables of ratings"
    script:
        "../scripts/write_ratings.py"
