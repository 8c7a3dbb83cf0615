"""Errors of adapters and base models."""


class AdapterNotFoundError(LookupError):
    """This user has no such adapter version, or its folder is gone."""


class AdapterWithdrawnError(AdapterNotFoundError):
    """This version learned from feedback that was withdrawn; it never answers again."""


class AdapterConflictError(RuntimeError):
    """The state is not the one that the caller expected.

    `expected` and `actual` are version numbers; `None` is the base model.
    """

    def __init__(self, message: str, *, expected: int | None, actual: int | None) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class AdapterInvalidError(ValueError):
    """An adapter folder has wrong files, shapes, configuration, numbers or checksum."""


class ModelFetchError(RuntimeError):
    """A base model could not be found, fetched or read; the message says what to do about it."""


class DamagedFileError(ModelFetchError):
    """A fetched file is not what it should be. It was deleted: fetching it again may help."""


class PromptError(ValueError):
    """The model's chat template refuses these messages."""
