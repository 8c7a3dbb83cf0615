"""OpenAI's Responses API: its requests, items, objects and events. Pure."""
