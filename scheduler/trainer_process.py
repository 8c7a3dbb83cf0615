"""The training child: `python -m scheduler.trainer_process FOLDER` works one job.

Reads the job's files, writes the adapter and the result beside them; tells its progress on standard
output. The end of standard input ends it.
"""

import logging
import sys
from pathlib import Path

from scheduler.parent_line import ParentLine


def main() -> None:
    """Work one job and say so."""
    parent = ParentLine()
    parent.enter("loading the model", 0.0, 0.05)
    # Importing torch takes seconds, in which the parent must be able to stop this process.
    from scheduler.training import train

    logging.getLogger("transformers").setLevel(logging.ERROR)
    train(Path(sys.argv[1]), parent)
    parent.say({"done": True})


if __name__ == "__main__":
    main()
