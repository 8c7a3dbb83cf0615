"""Queues of runs: their table, the threads that work them, and who works where."""
