"""The training child: `python -m scheduler.trainer.child_main USERS` works jobs, USERS at a time.

Each line on standard input names a job's folder, where the adapter and the result go, too. Progress
goes to standard output. The end of standard input ends the process.
"""

import logging
import sys

from scheduler.trainer.parent_pipe import ParentPipe


def main() -> None:
    """Import torch, wait for jobs, work them and report each that is done."""
    parent = ParentPipe()
    parent.enter("loading the model", 0.0, 0.05)
    # Importing torch takes seconds; the parent must be able to stop this process meanwhile.
    from scheduler.trainer.batch import work_jobs

    logging.getLogger("transformers").setLevel(logging.ERROR)
    work_jobs(parent, int(sys.argv[1]))


if __name__ == "__main__":
    main()
