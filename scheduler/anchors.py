"""Generic prompts whose replies an adapter should leave alone."""

ANCHOR_PROMPTS = (
    "What is the difference between weather and climate?",
    "Write a short email to a colleague to move a meeting to Friday.",
    "Explain how a bicycle stays upright.",
    "Give me three ideas for a birthday present for my sister.",
    "How do I boil an egg?",
    "Write a Python function that adds two numbers.",
    "Summarise why people sleep, in two sentences.",
    "Translate 'good morning' into French.",
    "What should I pack for a weekend at the sea?",
    "Name the planets of the solar system in order.",
    "Write a two-line poem about rain.",
    "Is it safe to look at the sun? Answer briefly.",
)
ANCHOR_REPLY_TOKENS = 48
