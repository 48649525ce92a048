# Needs: the documents of a split's years.
# Makes: results/{experiment}/pairs/{generator}/{split}.jsonl, and beside it what was rejected
# and why. Documents that a generator has finished are in the store and are not asked about again.


def generator_of(wildcards):
    return study(wildcards).generators[wildcards.generator]


def generator_folder(wildcards):
    """The folder of the generator's model, if it runs here."""
    generator = generator_of(wildcards)
    if generator.backend != "transformers":
        return []
    return (
        hub_folder(generator.model, generator.revision)
        if generator.revision
        else generator.model
    )


def generator_prompt(wildcards):
    generator = generator_of(wildcards)
    if generator.backend == "rules":
        return ""
    return read_template(located(generator.prompt), GENERATOR_FIELDS)


def generator_compute(name, otherwise):
    """A resource function: what a job asks for if its generator's model runs here."""
    return lambda wildcards: (
        compute(name)(wildcards)
        if generator_of(wildcards).backend == "transformers"
        else otherwise
    )


rule synthesize:
    input:
        documents=lambda wildcards: document_files(
            wildcards.experiment, wildcards.split
        ),
        model=generator_folder,
    output:
        pairs="results/{experiment}/pairs/{generator}/{split}.jsonl",
        rejected="results/{experiment}/rejected/pairs/{generator}/{split}.jsonl",
    log:
        "logs/{experiment}/pairs/{generator}/{split}.log",
    benchmark:
        "benchmarks/{experiment}/pairs/{generator}/{split}.tsv"
    conda:
        "../../envs/synthesize.yaml"
    threads: generator_compute("threads", 1)
    resources:
        gpu=generator_compute("gpu", 0),
        mem_mb=compute("memory_mb"),
        runtime=compute("runtime"),
    params:
        generator=lambda wildcards: generator_of(wildcards).identity(),
        prompt=generator_prompt,
        instruction=lambda wildcards: study(wildcards).instruction,
        validation=lambda wildcards: study(wildcards).splits.validation,
        version=versions.SYNTHESIZE,
    script:
        "../scripts/synthesize.py"
