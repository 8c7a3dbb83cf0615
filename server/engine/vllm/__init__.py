"""Replies from vLLM servers instead of this process."""
