"""Estimates of memory and time, made before anything runs and without torch.

:mod:`architecture` reads a base's architecture; :mod:`trained` derives the trained parameters and
the activations kept for the backward pass; :mod:`peaks` adds them up; :mod:`study` applies this to
the models of an experiment; :mod:`fitting` proposes changes if one does not fit. :mod:`counts`
counts documents and questions, :mod:`work` estimates jobs, :mod:`hours` an experiment on a GPU.
"""
