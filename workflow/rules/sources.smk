# What the rules of collecting need to know about sources. No rules.
from os.path import exists

from papertune.collect.listings.by_year import digest, glance
from papertune.demo.sites import site_of
from papertune.study.splits import chooser


def part(wildcards):
    """The year or other part that a job is about."""
    return int(wildcards.year) if wildcards.year.isdigit() else wildcards.year


def path_of(source):
    """The setting that names a source's files."""
    return f"source.{'paths' if hasattr(source, 'paths') else 'path'}"


def listed_file(wildcards):
    """The files of a source of local files. Their rows count, not their time stamps."""
    source = study(wildcards).source
    paths = source.files_of(part(wildcards)) if source.watched else []
    with of_setting(wildcards.experiment, path_of(source)):
        for path in paths:
            look_for(path)
    return [ancient(str(path)) for path in paths]


def listed_rows(wildcards):
    """The digest of the part's rows: a changed file reruns only the years whose rows changed."""
    chosen, one = study(wildcards), part(wildcards)
    source, listing = chosen.source, layout(wildcards).by_year("listings")[one]
    watched = source.watched and all(map(exists, source.files_of(one)))
    with of_setting(wildcards.experiment, path_of(source)):
        # a missing listing needs no comparison, and a dry run keeps no digest
        if (watched and workflow.dryrun or source.looker) and not exists(listing):
            glance(source, one)
        elif watched:
            return digest(source, one, chooser(one, chosen.splits))
    return None


# the results of the stage collect for each year, in order
COLLECTED = ("listings", "rejected/listings", "fetched", "documents", "missing")


def web_of_listing(wildcards):
    """The resource `web` of listing: 0 if the listing is made from local files."""
    source = study(wildcards).source
    local = source.rows and source.kind != "hub_dataset"
    return 0 if local else web(wildcards)


def web(wildcards):
    """The resource `web`: 1 for jobs that ask servers of others; the profiles run one at a time."""
    return 0 if site_of(study(wildcards).source) else 1
