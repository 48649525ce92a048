# Needs: a source of documents (a venue's site, local files).
# Makes: results/{experiment}/documents/{year}.jsonl, every document with its text, and
# missing/{year}.jsonl, the documents without a text, and why.
#
# The first three rules send web requests through one rate-limited session, one job at a time per
# machine: the profiles limit the resource `web` to 1.


rule list_documents:
    input:
        rows=listed_file,
    output:
        listing="results/{experiment}/listings/{year}.jsonl",
        rejected="results/{experiment}/rejected/listings/{year}.jsonl",
    log:
        "logs/{experiment}/listings/{year}.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=web_of_listing,
    params:
        uses=used(uses.list_documents),
        rows=listed_rows,
    message:
        "lists the documents of {wildcards.year}"
    script:
        "../scripts/list_documents.py"


rule fetch_documents:
    input:
        listing="results/{experiment}/listings/{year}.jsonl",
    output:
        fetched="results/{experiment}/fetched/{year}.jsonl",
    log:
        "logs/{experiment}/fetched/{year}.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=web,
    params:
        uses=used(uses.find_texts),
    message:
        "fetches the texts of {wildcards.year}"
    script:
        "../scripts/fetch_documents.py"


# Separate from fetching, so that only pages that need JavaScript require a browser.
rule render_documents:
    input:
        listing="results/{experiment}/listings/{year}.jsonl",
        fetched="results/{experiment}/fetched/{year}.jsonl",
    output:
        documents="results/{experiment}/documents/{year}.jsonl",
        missing="results/{experiment}/missing/{year}.jsonl",
    log:
        "logs/{experiment}/documents/{year}.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=web,
    params:
        uses=used(uses.find_texts),
    message:
        "renders the pages of {wildcards.year} that need a browser"
    script:
        "../scripts/render_documents.py"


rule gather_missing:
    input:
        every(Layout.by_year, "missing"),
    output:
        "results/{experiment}/missing.jsonl",
    log:
        "logs/{experiment}/missing.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    message:
        "lists the documents without a text, and why"
    shell:
        "cat {input:q} > {output:q} 2> {log:q}"


# All results of the stage and the pages they were made from, for a machine without internet.
rule pack_bundle:
    input:
        lambda wildcards: [
            path
            for stage in COLLECTED
            for path in layout(wildcards).by_year(stage).values()
        ],
        "results/{experiment}/missing.jsonl",
        lambda wildcards: layout(wildcards).unrelated(),
    output:
        bundle="bundles/{experiment}.tar",
    log:
        "logs/{experiment}/bundle.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    message:
        "packs the documents into one file"
    script:
        "../scripts/pack_bundle.py"
