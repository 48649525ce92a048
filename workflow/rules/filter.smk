# Needs: the questions of pairs that train, and others that are none of the study's.
# Makes: results/{experiment}/filter/, which papertune.filter asks, and what it was measured to be
# worth; of an experiment without the section `filter` nothing.

WITH_FILTER = [name for name, study in EXPERIMENTS.items() if study.filter]


def unrelated_file(wildcards):
    """The file that the others stand in, if it is one; an error in words where nothing makes it."""
    against = study(wildcards).filter.against
    if against.kind == "hub_dataset":
        return []
    if against.kind == "table":
        path, hint = against.path, "bring it, or name another one"
        made = False
    else:
        inside = against.generator, against.split
        path = f"results/{against.experiment}/datasets/{'/'.join(inside)}.parquet"
        other = LAYOUTS.get(against.experiment)
        made = other is not None and inside in other.generated
        hint = f"run {against.experiment} too (--config experiments=…), with such pairs in it"
    if not made and not os.path.exists(path):
        where = f"experiment {wildcards.experiment}, filter.against"
        what = f"no file {path}"
        raise WorkflowError(str(PapertuneError(what, where=where, hint=hint)))
    return path


rule list_unrelated:
    input:
        file=unrelated_file,
    output:
        unrelated="results/{experiment}/filter/unrelated.jsonl",
        rejected="results/{experiment}/rejected/filter/unrelated.jsonl",
    log:
        "logs/{experiment}/filter/unrelated.log",
    wildcard_constraints:
        experiment="|".join(WITH_FILTER) or "(?!)",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=lambda wildcards: int(study(wildcards).filter.against.kind == "hub_dataset"),
    params:
        uses=used(uses.list_unrelated),
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
    script:
        "../scripts/write_filter.py"
