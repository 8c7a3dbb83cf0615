"""The training child: `python -m scheduler.trainer.child_main` works one job.

A line on standard input names the job's folder, where the adapter and the result go, too. Progress
goes to standard output. The end of standard input ends the process.
"""

import logging

from scheduler.trainer.parent_pipe import ParentPipe


def main() -> None:
    """Import torch, wait for a job, work it and report that it is done."""
    parent = ParentPipe()
    parent.enter("loading the model", 0.0, 0.05)
    # Importing torch takes seconds; the parent must be able to stop this process meanwhile.
    from scheduler.trainer.train import train

    logging.getLogger("transformers").setLevel(logging.ERROR)
    train(parent.job_folder(), parent)
    parent.send({"done": True})


if __name__ == "__main__":
    main()
