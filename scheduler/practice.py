"""Prompts to practise on: what a user's edits have in common is tried on the base's replies here.

They are of many kinds, so that a rule learned from one kind of reply is practised on others.
"""

PRACTICE_PROMPTS = (
    "How do plants make food from sunlight?",
    "Suggest three names for a small bakery.",
    "Write a message to a friend who has moved to Berlin.",
    "What is the difference between a virus and a bacterium?",
    "Give me tips for sleeping better.",
    "Tell me a short story about a fox and a river.",
    "Why is the sky blue?",
    "How can I save money on groceries?",
    "Describe a typical day of a nurse.",
    "What should I do if my phone falls into water?",
    "Explain what a mortgage is.",
    "Who was Marie Curie?",
    "Compare tea and coffee.",
    "Write an invitation to a garden party on Saturday.",
    "I feel nervous about an exam. What can I do?",
    "Recommend a book for a long train journey and say why.",
)
PRACTICE_REPLY_TOKENS = 64
