# Looks for the user's files when a run is planned; an error names a missing file's setting. No rules.
from contextlib import contextmanager

from papertune.collect.listings.rows import reading
from papertune.study.mistakes import of_key
from papertune.study.yaml_text import read


@contextmanager
def of_setting(experiment, key):
    """Within the context, an error names a setting and its place in the experiment file."""
    with in_words():
        try:
            yield
        except PapertuneError as error:
            raise of_key(error, key, read(config["files"][experiment]))


def is_made(path):
    """Whether a rule makes a file."""
    return any(one.is_producer(str(path)) for one in workflow.rules)


def look_for(path):
    """Raise an error if a file or folder does not exist and no rule makes it.

    Snakemake's own error would name a rule, but not the path.
    """
    if os.path.exists(path) or not is_made(path):
        with reading(Path(path)), open(path, "rb"):
            pass


def files_of_corpus(wildcards):
    """The text files that a base is pre-trained on."""
    found = layout(wildcards).corpora_of(wildcards.base)
    with of_setting(
        wildcards.experiment, f"bases.{wildcards.base}.pretrain.corpus.files"
    ):
        for path in found:
            look_for(path)
    return found


def there(experiment, folder):
    """A model folder; ends the run with a readable error if it is the user's and missing."""
    for name, base in EXPERIMENTS[experiment].bases.items():
        mine = LAYOUTS[experiment].base_named(name) == folder
        if mine and not base.package and not os.path.lexists(folder):
            if lacking := sources.not_there(base):
                what, hint = lacking
                key = f"bases.{name}.{what.partition(':')[0]}"
                with of_setting(experiment, key):
                    raise PapertuneError(what.partition(": ")[2], hint=hint)
    return folder


def base_of(wildcards):
    """The folder of a model's base."""
    return there(wildcards.experiment, layout(wildcards).base(wildcards.model))


def unrelated_file(wildcards):
    """The file of unrelated questions, if there is one; ends the run if nothing makes it."""
    against = study(wildcards).filter.against
    if against.kind == "hub_dataset":
        return []
    if against.kind == "table":
        with of_setting(wildcards.experiment, "filter.against.path"):
            look_for(against.path)
        return against.path
    inside = against.generator, against.split
    path = f"results/{against.experiment}/datasets/{'/'.join(inside)}.parquet"
    other = LAYOUTS.get(against.experiment)
    if not (other and inside in other.generated or os.path.exists(path)):
        hint = f"run {against.experiment} too (--config experiments=…), with these pairs in it"
        with of_setting(wildcards.experiment, "filter.against.experiment"):
            raise PapertuneError(f"no file {path}", hint=hint)
    return path
