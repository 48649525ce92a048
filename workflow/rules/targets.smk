# What a person can ask for by name, from left to right; the commands beside it are in commands.smk.
import re

from papertune.study.command_line import unknown_target


rule report:
    """the report of each experiment, which is what `snakemake` alone makes"""
    input:
        rules.all.input,


rule documents:
    """all documents, with their texts"""
    input:
        [place.documents() for place in LAYOUTS.values()],


rule bundle:
    """all documents in one file, for a machine without internet"""
    input:
        expand("bundles/{experiment}.tar", experiment=EXPERIMENTS),


rule datasets:
    """all pairs of questions and answers"""
    input:
        [list(place.by_split("datasets").values()) for place in LAYOUTS.values()],


rule models:
    """all trained models"""
    input:
        [list(place.models().values()) for place in LAYOUTS.values()],


rule scores:
    """the scores of all models on all test sets"""
    input:
        [list(place.by_cell("scores").values()) for place in LAYOUTS.values()],


def say_what_is_no_target(record):
    """A log record; of a target that nothing makes Snakemake would speak of rules and input functions."""
    if getattr(record, "exception", "") == "MissingRuleException":
        target = record.getMessage().partition("produce ")[2].partition(" (if you")[0]
        made = [str(path) for one in workflow.rules for path in one.output]
        # Snakemake writes the constraint of a wildcard behind its name
        files = [
            re.sub(r"{experiment\b.*?}", name, path)
            for path in made
            for name in EXPERIMENTS
        ]
        named = {one.name: one.docstring for one in workflow.rules if one.docstring}
        record.msg = str(unknown_target(target, named, files, list(EXPERIMENTS)))
    return True


# a workflow that uses this one has targets of its own
if not is_module():
    logger.addFilter(say_what_is_no_target)
