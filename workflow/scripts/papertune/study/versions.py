"""Version constants of the stages: raise one when the meaning of a stage's results changes.

They are part of identities and of rules' params, so raising one reruns the stage and what depends on
it. They are all here because rules read them and must not import torch.
"""

COLLECT = 5  # finding texts in pages
APART = 2  # what counts as a copy of a training text
RULES = 2  # what the built-in generators write
ASK = 1  # how a language model is asked; stored outputs of another version are asked again
PROMPTS = 2  # how prompts become tokens for a generator's model on this machine
SYNTHESIZE = 6  # reading and checking what a generator wrote
DATASET = 3  # the card
CHAT_RECORDS = 1  # datasets as records of a user and an assistant
CORPUS = 1  # an experiment's training text, for bases to read
PRETRAIN = 2
CONVERT = 1  # how a GGUF file becomes a model folder
TRAIN = 2
PROBE = 1  # which pairs probes pick
RATE = 1  # reading ratings, and how raters agree
CHOOSE = 1  # which questions a test set has
ANSWER = 2
EMBED = 2
RUN = 1  # how a program is made from an answer, and how it is run
SCORE = 3  # the measuring of answers, also of those that choose a checkpoint
COMPARE = 2
FILTER = 1  # the filter's features of a question, and its training
EXPORT = 1
REPORT = 3
