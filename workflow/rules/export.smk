# Needs: trained models and their scores.
# Makes: results/{experiment}/exports/{model}/seed-{seed}/, on request: merged weights that load with
# transformers alone, tokenizer, generation settings, and a card with the results. The trained
# folder is only read, so nothing is trained or answered again.


# The models that `export` names; request a single one by its path.
rule export:
    """the exported models of each experiment, for use elsewhere"""
    input:
        [place.exports() for place in LAYOUTS.values()],


rule export_model:
    input:
        model=lambda wildcards: layout(wildcards).model(wildcards.model, wildcards.seed),
        base=base_of,
        scores=lambda wildcards: list(
            layout(wildcards).exported_scores(wildcards.model, wildcards.seed).values()
        ),
    output:
        folder=directory("results/{experiment}/exports/{model}/seed-{seed}"),
    log:
        "logs/{experiment}/exports/{model}/seed-{seed}.log",
    conda:
        "../../envs/models.yaml"
    threads: compute("threads")
    resources:
        mem_mb=memory("export_model"),
        runtime=minutes,
    params:
        uses=used(uses.export_model),
    message:
        "exports {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/export_model.py"
