"""Request bodies and response shapes: OpenAI's, and our extensions."""
