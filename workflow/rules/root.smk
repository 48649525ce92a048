# Finds the folder of the repository. No rules.
import os
import sys
import tarfile
import tempfile
from pathlib import Path


def root_of(source):
    """The folder of the repository that a rule file belongs to.

    If another workflow uses this one from a code host, as snakedeploy writes it, Snakemake keeps a clone
    and provides its files one by one. The library is needed as a whole, so its commit is unpacked once,
    beside that clone.
    """
    if source.is_local:
        return Path(source.get_path_or_uri(secret_free=True)).parents[1]
    clone = source.hosted_repo.repo
    commit = clone.git.rev_parse(f"{source.ref}^{{commit}}")
    folder = Path(workflow.sourcecache.cache_path, "papertune", commit)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            archive = Path(place, "archive.tar")
            with archive.open("wb") as stream:
                clone.git.archive(commit, output_stream=stream)
            with tarfile.open(archive) as files:
                files.extractall(Path(place, "made"), filter="data")
            try:
                Path(place, "made").rename(folder)
            except OSError:  # another run was faster
                if not folder.exists():
                    raise
    # scripts also come as single files, without the library beside them
    before = os.environ.get("PYTHONPATH")
    scripts = filter(None, [f"{folder}/workflow/scripts", before])
    os.environ.update(PYTHONPATH=os.pathsep.join(scripts))
    return folder


# the repository's folder; `workflow.basedir` is that of the main workflow if this one is a module
ROOT = root_of(workflow.current_basedir)
# scripts find the library beside them; rule files need this line
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
