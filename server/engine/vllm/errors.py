"""What can go wrong with a vLLM server."""


class ServerGoneError(RuntimeError):
    """The server cannot be reached, or failed itself: another one may answer."""


class ServerSlowError(ServerGoneError):
    """The server did not answer in time."""


class ServerFailedError(ServerGoneError):
    """The server answered that it failed. It may have failed for this request only."""


class AdapterGoneError(RuntimeError):
    """The server does not know the adapter (any more), for example after a restart."""


class RefusedError(RuntimeError):
    """The server refused the request; the message is its own."""


class UnsuitableServerError(ValueError):
    """The server cannot serve this deployment; the message says what to do."""
