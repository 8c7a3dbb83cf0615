"""Memory: the few-shot demonstrations and notes that go into a user's prompts."""
