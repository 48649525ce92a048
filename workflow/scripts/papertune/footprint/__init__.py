"""What training and answering will take of memory, said before anything runs and without torch.

:mod:`architecture` reads what a base is made of, :mod:`trained` says what of it is trained and what
its layers keep for the way back, :mod:`peaks` adds up, :mod:`study` does so for the models of an
experiment and :mod:`fitting` says what would fit where one does not. :mod:`counts` knows how much there is
to do, :mod:`work` how long jobs take compared with each other, :mod:`hours` a whole experiment on a GPU.
"""
