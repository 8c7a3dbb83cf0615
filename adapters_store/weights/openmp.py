"""How OpenMP's threads wait for their next loop."""

import os

WAITING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "2000"}
"""2,000 spins last from one loop to the next; threads that spin longer slow everything else.

Every thread that runs a loop has workers of its own. If they are more than the cores, GNU's OpenMP
lets them sleep after 100 spins, and a token takes twice as long; the active policy makes it 1,000.
"""


def set_waiting() -> None:
    """Set what the environment leaves open. PyTorch must not be loaded yet: it is read then."""
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
