# Commands, which make no file. What replaces or deletes what others may be reading does so only where
# nobody else is at work.


def make_way():
    """End this run where it and another one would replace and read the same listings."""
    try:
        running.make_way(refreshes=replaces())
    except PapertuneError as error:
        raise WorkflowError(str(error)) from None


def nobody_else(wildcards):
    """No file, but an error where another run is at work.

    Other runs ask in `onstart`. That is too late here: Snakemake has taken its locks then, and
    when it gives them back it deletes those of all other runs too.
    """
    if workflow.is_main_process and not workflow.dryrun:
        make_way()
    return []


# Lists again what was listed before; the next run makes what depends on the listings that changed.
# One job for all experiments and years, so that no site is asked by two at once.
rule refresh:
    input:
        nobody_else,
    log:
        "logs/refresh.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=1,
    script:
        "../scripts/refresh.py"


# Deletes from the store what no experiment refers to: neither the named ones nor any in config/.
rule prune:
    input:
        nobody_else,
    log:
        "logs/prune.log",
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        files=[
            str(path.resolve())
            for folder in (Path(), Path(workflow.basedir), ROOT)
            for path in folder.glob("config/experiments/*.yaml")
        ],
    script:
        "../scripts/prune.py"


# All checks of the cluster and of this machine in words; `check_run` does the work.
rule doctor:
    localrule: True
