# Targets with names, in the order of the stages; commands are in commands.smk.


rule report:
    """the report of each experiment (the default)"""
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
