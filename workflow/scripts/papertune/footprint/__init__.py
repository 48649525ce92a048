"""What training and answering will take of memory, said before anything runs and without torch.

:mod:`families` reads what a base is made of, :mod:`activations` says what its layers keep for the
way back, :mod:`sizes` what of it is trained, :mod:`peaks` adds up, :mod:`advice` says what would fit
where a model does not, :mod:`study` does so for the models of an experiment.
"""
