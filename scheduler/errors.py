"""What can go wrong in retraining, as named errors."""


class RunNotFoundError(LookupError):
    """No run has this id."""


class TrainingFailedError(RuntimeError):
    """The training process gave no adapter; the message says why, for a person."""


class TrainingCancelledError(RuntimeError):
    """The run was told to end before it was done."""
