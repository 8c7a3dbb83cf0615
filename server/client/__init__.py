"""A client of the HTTP API, for scripts, notebooks and the command line. It needs only httpx."""

from server.client.client import FINAL, Client
from server.client.errors import ApiError
from server.client.reply import Reply, ReplyStream

__all__ = ["FINAL", "ApiError", "Client", "Reply", "ReplyStream"]
