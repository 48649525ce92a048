# Needs: the questions of training pairs, and questions unrelated to the study.
# Makes: results/{experiment}/filter/, which papertune.filter loads, and the filter's measured quality;
# nothing for an experiment without the section `filter`.


rule list_unrelated:
    input:
        file=unrelated_file,
    output:
        unrelated="results/{experiment}/filter/unrelated.jsonl",
        rejected="results/{experiment}/rejected/filter/unrelated.jsonl",
    log:
        "logs/{experiment}/filter/unrelated.log",
    wildcard_constraints:
        experiment="|".join(WITH_FILTER) or "(?!)",  # which matches nothing
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=lambda wildcards: int(study(wildcards).filter.against.kind == "hub_dataset"),
    params:
        uses=used(uses.list_unrelated),
    message:
        "lists questions that are unrelated to the field"
    script:
        "../scripts/list_unrelated.py"


rule learn_filter:
    input:
        pairs=lambda wildcards: layout(wildcards).filter_pairs(),
        unrelated="results/{experiment}/filter/unrelated.jsonl",
    output:
        filter="results/{experiment}/filter/filter.json",
        numbers="results/{experiment}/filter/filter.safetensors",
        judged="results/{experiment}/filter/judged.jsonl",
        rejected="results/{experiment}/rejected/filter/questions.jsonl",
    log:
        "logs/{experiment}/filter/filter.log",
    conda:
        "../../envs/evaluate.yaml"
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        uses=used(uses.learn_filter),
    message:
        "learns the filter of unrelated questions"
    script:
        "../scripts/learn_filter.py"


rule write_filter:
    input:
        filter="results/{experiment}/filter/filter.json",
        judged="results/{experiment}/filter/judged.jsonl",
    output:
        table("filter", "Filter"),
    log:
        "logs/{experiment}/tables/filter.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        uses=used(uses.report),
        shown=shown,
    message:
        "writes the table of the filter"
    script:
        "../scripts/write_filter.py"
