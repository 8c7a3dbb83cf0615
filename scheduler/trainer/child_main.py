"""The training child: `python -m scheduler.trainer_process` works the one job that it is told of.

A line on standard input names the folder of the job's files; the adapter and the result go beside
them, and progress to standard output. The end of standard input ends it.
"""

import logging

from scheduler.trainer.parent_pipe import ParentPipe


def main() -> None:
    """Get ready, wait for a job, work it and say so."""
    parent = ParentPipe()
    parent.enter("loading the model", 0.0, 0.05)
    # Importing torch takes seconds, in which the parent must be able to stop this process.
    from scheduler.trainer.train import train

    logging.getLogger("transformers").setLevel(logging.ERROR)
    train(parent.job_folder(), parent)
    parent.send({"done": True})


if __name__ == "__main__":
    main()
