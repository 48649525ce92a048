# Needs: datasets and a base language model (from the Hub, from a folder, or pre-trained here).
# Makes: results/{experiment}/models/{model}/seed-{seed}/, a model folder with training.json and
# history.csv. Checkpoints are in the store, where Snakemake does not delete them: a killed run
# resumes from its newest checkpoint.


# The only rule that downloads from the Hub: on a machine with internet, before any GPU job.
rule download_base:
    output:
        folder=directory(f"{RESOURCES}/models/{{hub}}/{{revision}}"),
    log:
        "logs/resources/models/{hub}/{revision}.log",
    wildcard_constraints:
        revision="[0-9a-f]{40}",
        hub=r"[\w.-]+",
    # so that an unusable base is reported before anything is collected
    priority: 10
    retries: 2
    localrule: True
    conda:
        "../../envs/models.yaml"
    message:
        "downloads the base model {wildcards.hub}"
    script:
        "../scripts/download_base.py"


# A model folder from a GGUF file, of a package or of the user; once, on the machine that has the file.
rule convert_base:
    output:
        folder=directory(f"{RESOURCES}/models/{{source}}/{{key}}"),
    log:
        "logs/resources/models/{source}/{key}.log",
    wildcard_constraints:
        source=r"[\w.+-]+",
        key="[0-9a-f]{16}",
    priority: 10
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        version=versions.CONVERT,
        base=lambda wildcards: converted(wildcards).identity(),
        # a file counts by its content, not by its time; once the folder is there, it can be deleted
        of=digest_of_gguf,
    message:
        "converts the base model {wildcards.key}"
    script:
        "../scripts/convert_base.py"


# Additional papers of the demo venue's training years, to pre-train the demo's base.
rule write_archive:
    output:
        archive=f"{RESOURCES}/demo/archive.jsonl",
    log:
        "logs/resources/demo/archive.log",
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        version=versions.PRETRAIN,
    message:
        "writes the papers that the demo's base is pre-trained on"
    script:
        "../scripts/write_archive.py"


# The training texts of an experiment, to pre-train its bases or those of other experiments.
rule write_corpus:
    input:
        documents=lambda wildcards: layout(wildcards).documents("train"),
        pairs=lambda wildcards: layout(wildcards).training_pairs("train"),
    output:
        corpus="results/{experiment}/corpus.jsonl",
    log:
        "logs/{experiment}/corpus.log",
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        uses=used(uses.write_corpus),
    message:
        "gathers the texts that a base is pre-trained on"
    script:
        "../scripts/write_corpus.py"


rule pretrain_base:
    input:
        documents=lambda wildcards: layout(wildcards).corpus_documents(wildcards.base),
        files=files_of_corpus,
    output:
        base=directory("results/{experiment}/bases/{base}"),
    log:
        "logs/{experiment}/bases/{base}.log",
    priority: LONG
    conda:
        "../../envs/models.yaml"
    threads: compute("threads")
    resources:
        **TRAINING,
        mem_mb=memory("pretrain_base"),
    params:
        uses=used(uses.pretrain_base),
    message:
        "pre-trains the base {wildcards.base} from scratch"
    script:
        "../scripts/pretrain_base.py"


rule train:
    input:
        train=lambda wildcards: layout(wildcards).training_data(
            wildcards.model, "train"
        ),
        validation=lambda wildcards: layout(wildcards).training_data(
            wildcards.model, "validation"
        ),
        base=base_of,
        embedder=lambda wildcards: given(layout(wildcards).judge(wildcards.model)),
    output:
        model=directory("results/{experiment}/models/{model}/seed-{seed}"),
    log:
        "logs/{experiment}/models/{model}/seed-{seed}.log",
    priority: LONG
    conda:
        "../../envs/models.yaml"
    threads: compute("threads")
    resources:
        **TRAINING,
        mem_mb=memory("train"),
    params:
        uses=used(uses.train),
    message:
        "trains {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/train.py"
