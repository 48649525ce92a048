# What the rules of collecting ask about sources and about other runs. No rules.
from os.path import exists

from papertune.collect.listings.by_year import digest, glance
from papertune.demo.sites import site_of
from papertune.study.splits import chooser


def part(wildcards):
    """The year or the part that a job is about."""
    return int(wildcards.year) if wildcards.year.isdigit() else wildcards.year


def path_of(source):
    """The key of a source's files."""
    return f"source.{'paths' if hasattr(source, 'paths') else 'path'}"


def listed_file(wildcards):
    """The user's own files, if the source is such. Their time stamps do not count, rows do."""
    source = study(wildcards).source
    paths = source.files_of(part(wildcards)) if source.watched else []
    with of_setting(wildcards.experiment, path_of(source)):
        for path in paths:
            look_for(path)
    return [ancient(str(path)) for path in paths]


def listed_rows(wildcards):
    """The digest of the part's rows: a file with all years reruns only the years that changed."""
    chosen, one = study(wildcards), part(wildcards)
    source, listing = chosen.source, layout(wildcards).by_year("listings")[one]
    watched = source.watched and all(map(exists, source.files_of(one)))
    with of_setting(wildcards.experiment, path_of(source)):
        # of a listing that is not there nothing is compared, and nothing of a dry-run is kept
        if (watched and workflow.dryrun or source.looker) and not exists(listing):
            glance(source, one)
        elif watched:
            return digest(source, one, chooser(one, chosen.splits))
    return None


# what the stage collect makes of each year, in its order
COLLECTED = ("listings", "rejected/listings", "fetched", "documents", "missing")


def web_of_listing(wildcards):
    """0 where the listing is made of local files, which wait for nobody."""
    source = study(wildcards).source
    local = source.rows and source.kind != "hub_dataset"
    return 0 if local else web(wildcards)


def web(wildcards):
    """1 for jobs that ask somebody else's server: the profiles let one of them run at a time."""
    return 0 if site_of(study(wildcards).source) else 1
