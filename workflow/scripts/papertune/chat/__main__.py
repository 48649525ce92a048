"""Chat with a model of an experiment and with its base, on a local page or in the terminal.

Command: ``make chat EXPERIMENT=NAME``. The page is on loopback; its address and token are printed.
"""

import argparse
import logging
import os
import sys
from contextlib import suppress

from papertune.chat.choices import Choices
from papertune.chat.conversation import Conversation
from papertune.chat.door import open_page
from papertune.chat.page import application
from papertune.chat.terminal import Terminal, lines_of
from papertune.cluster.slurm import ClusterError, check_controller
from papertune.errors import PapertuneError, run_command
from papertune.jobs.scratch import scratch
from papertune.models.loading import device_name, set_up_torch
from papertune.study.here import layout_of


def on_a_gpu(command: str) -> str:
    """How to use a GPU of the cluster, if there is a cluster and no GPU here; else empty."""
    if device_name() == "cpu" and "SLURM_JOB_ID" not in os.environ:
        with suppress(ClusterError):
            check_controller()
            return f"Faster, on a GPU of the cluster: srun --gpus=1 --pty {command}\n"
    return ""


def main(arguments: list[str]) -> None:
    """Chat until the user ends it."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m papertune.chat")
    parser.add_argument(
        "experiment", nargs="?", default="", help="name of the experiment, or path of its file"
    )
    parser.add_argument("--model", default="", help="default: the first finished model")
    parser.add_argument("--seed", type=int, help="default: the first finished seed")
    parser.add_argument("--terminal", action="store_true", help="chat here, not on a page")
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    given = parser.parse_args(arguments)
    if not given.experiment:
        hint = "make chat EXPERIMENT=demo, or the name of another experiment that was run here"
        raise PapertuneError("which experiment?", where="make chat", hint=hint)
    choices = Choices(layout_of(given.experiment))
    model = choices.model(given.model)
    seed = choices.seed(model, given.seed)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "gradio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    print("loading torch ...", file=sys.stderr, flush=True)
    set_up_torch(len(os.sched_getaffinity(0)))
    command = f"make chat EXPERIMENT={given.experiment}{' TERMINAL=1' * given.terminal}"
    print(on_a_gpu(command), end="", file=sys.stderr, flush=True)
    if given.terminal:
        Terminal(choices, Conversation(choices, model, seed)).run(lines_of(sys.stdin))
        return
    with scratch("chat") as private:
        open_page(lambda token: application(choices, model, seed, token, private), given.port)


if __name__ == "__main__":
    run_command(main)
