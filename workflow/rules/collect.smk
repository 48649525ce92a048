# Needs: a source of documents (a venue's site, local files).
# Makes: results/{experiment}/documents/{year}.jsonl, every document with its text, and beside
# it missing/{year}.jsonl with what stayed without one and why.
#
# All three ask the web through one polite session, one job at a time per machine: the resource
# `web` is limited to 1 by the profiles.


def listed_files(wildcards):
    """The user's own file, if the source is one. Its time stamp does not count, its rows do."""
    source = study(wildcards).source
    if source.kind != "files":
        return []
    return ancient(str(path_of(source.path, int(wildcards.year))))


def listed_rows(wildcards):
    """The digest of the year's rows: a file with all years reruns only the years that changed."""
    source = study(wildcards).source
    if source.kind != "files":
        return None
    return rows_digest(source.path, int(wildcards.year))


def web(wildcards):
    """1 for sources that ask somebody else's server."""
    return 0 if study(wildcards).source.kind == "demo" else 1


rule list_documents:
    input:
        rows=listed_files,
    output:
        listing="results/{experiment}/listings/{year}.jsonl",
        rejected="results/{experiment}/rejected/listings/{year}.jsonl",
    log:
        "logs/{experiment}/listings/{year}.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=web,
    params:
        source=lambda wildcards: study(wildcards).source.identity(),
        rows=listed_rows,
        version=versions.COLLECT,
    script:
        "../scripts/list_documents.py"


rule fetch_documents:
    input:
        listing="results/{experiment}/listings/{year}.jsonl",
    output:
        fetched="results/{experiment}/fetched/{year}.jsonl",
    log:
        "logs/{experiment}/fetched/{year}.log",
    benchmark:
        "benchmarks/{experiment}/fetched/{year}.tsv"
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=web,
    params:
        source=lambda wildcards: study(wildcards).source.identity(),
        version=versions.COLLECT,
    script:
        "../scripts/fetch_documents.py"


# Apart from fetching, so that only pages which need JavaScript ask for a browser.
rule render_documents:
    input:
        fetched="results/{experiment}/fetched/{year}.jsonl",
    output:
        documents="results/{experiment}/documents/{year}.jsonl",
        missing="results/{experiment}/missing/{year}.jsonl",
    log:
        "logs/{experiment}/documents/{year}.log",
    benchmark:
        "benchmarks/{experiment}/documents/{year}.tsv"
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=web,
    params:
        render=lambda wildcards: study(wildcards).fetching.render,
        version=versions.COLLECT,
    script:
        "../scripts/render_documents.py"


rule gather_missing:
    input:
        lambda wildcards: list(layout(wildcards).by_year("missing").values()),
    output:
        "results/{experiment}/missing.jsonl",
    log:
        "logs/{experiment}/missing.log",
    localrule: True
    shell:
        "cat {input:q} > {output:q} 2> {log:q}"
