"""Proposals: prompts and replies that the model writes and that train once the user approves."""
