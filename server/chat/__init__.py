"""Chat completions: planning a turn, memory, streaming and storing the replies."""
