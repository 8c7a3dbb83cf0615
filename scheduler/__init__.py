"""Improves adapters: who is due, training, evaluation, the gate, runs.

Reads judgements from `feedback`, writes versions to `adapters_store`; knows nothing of HTTP.
"""
