"""Improves adapters: policy, training, evaluation, the gate, runs.

Reads `feedback`, writes versions to `adapters_store`; knows nothing of HTTP.
"""
