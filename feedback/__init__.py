"""Stores chats and the feedback on them, and turns both into training data. No torch, no HTTP."""
