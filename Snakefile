# `snakemake` works at the top of the repository; the workflow is the file below, with its default
# target, which `include:` would leave out.
workflow.include("workflow/Snakefile", overwrite_default_target=True)
