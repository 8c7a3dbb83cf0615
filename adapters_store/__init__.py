"""Keeps the base model, the one LoRA layer, and every user's adapter versions.

Knows nothing of feedback, training or HTTP.
"""
