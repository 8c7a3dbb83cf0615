"""Prompts to practise on: what a user's edits have in common is tried on the base's replies here.

They are of many kinds, so that a rule learned from one kind of reply is practised on others. The
last eight have short answers, which end by themselves: from texts that a limit ended no fit learns
where to end. They name things, which the reply must name, too.
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
    "What is the capital of Canada?",
    "Who wrote Don Quixote?",
    "Translate “good morning” into French.",
    "In one sentence, what is a glacier?",
    "What does HTML stand for?",
    "Name the largest planet of the Solar System.",
    "On which continent is Kenya?",
    "In one sentence, what is GitHub used for?",
)
PRACTICE_REPLY_TOKENS = 64
