# Needs: documents of all splits, texts that bases are pre-trained on, scores, and the matrix.
# Makes: results/{experiment}/leakage/, the suspicious test documents and the matrix without them, and
# tables of documents and pairs that were on both sides of a split.


# Suspicious documents: parts of them may have been trained on, but they stay in testing.
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
    message:
        "looks for test documents that training may have seen"
    script:
        "../scripts/find_suspects.py"


rule compare_without_suspects:
    input:
        scores=every(Layout.by_cell, "scores"),
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
        uses=used(uses.compare),
    message:
        "compares the models without these documents"
    script:
        "../scripts/compare_without_suspects.py"


# Documents and pairs on both sides of a split, and the matrix with and without suspicious documents.
rule write_leakage:
    input:
        matrix="results/{experiment}/tables/matrix.csv",
        without="results/{experiment}/leakage/matrix.csv",
        suspects="results/{experiment}/leakage/suspects.jsonl",
        left=every(Layout.left_out),
        rejected_pairs=every(Layout.by_split, "rejected/pairs"),
        datasets=every(Layout.by_split, "datasets"),
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
    message:
        "writes the tables of leakage"
    script:
        "../scripts/write_leakage.py"
