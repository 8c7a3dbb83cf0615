"""Prometheus metrics. No label grows with the number of users, and none holds a user's text."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Any client can make up a method, but not a label.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FIRST_TOKEN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The server's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "requests", "HTTP requests by route and status.", "method", "route", "status"
        )
        self.replies = self._counter(
            "replies", "Chat requests by kind and by how they ended.", "kind", "status"
        )
        self.prompt_tokens = self._counter("prompt_tokens", "Tokens read.")
        self.memory_tokens = self._counter("memory_tokens", "Prompt tokens that memory added.")
        self.memory_saved_tokens = self._counter(
            "memory_saved_tokens", "Prompt tokens saved: an adapter learned what memory would add."
        )
        self.reply_tokens = self._counter("reply_tokens", "Tokens written.")
        self.feedback = self._counter("feedback", "Feedback received, by result.", "result")
        self.first_token = Histogram(
            "loralei_time_to_first_token_seconds",
            "From a chat request's arrival to its first text.",
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=self.registry,
        )
        self.ready = self._gauge("ready", "1 while chat is answered.")
        self.storing = self._gauge("storing", "1 while exchanges can be stored.")
        self.running = self._gauge("replies_running", "Replies being written.")
        self.waiting = self._gauge("replies_waiting", "Requests in the queue.")
        self.adapters_resident = self._gauge("adapters_resident", "Adapters loaded.")
        self.adapter_loads = self._gauge("adapter_loads", "Adapters loaded since the start.")
        self.runs = self._gauge("runs", "Training runs by status.", "status")
        self.pending_feedback = self._gauge("feedback_pending", "Feedback without a completion.")

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count one request; `route` is a template, such as `/v1/models/{model}`."""
        known = method if method in _METHODS else "other"
        self.requests.labels(known, route, str(status)).inc()

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"loralei_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"loralei_{name}", help_text, labels, registry=self.registry)
