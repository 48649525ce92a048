"""Starting a study: an experiment file from a few answers and a look into the documents."""
