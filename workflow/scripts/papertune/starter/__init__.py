"""How a study begins: an experiment file, made of answers and of a look into the documents."""
