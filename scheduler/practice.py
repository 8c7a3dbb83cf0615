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

TRIED_PROMPTS = (
    "How does a refrigerator keep food cold?",
    "What is the difference between a lake and a pond?",
    "Why do leaves change colour in autumn?",
    "What should I do if I lose my passport in Rome?",
    "Compare trains and planes for a trip across Europe.",
    "Recommend three things to do in London with children.",
    "How do I change a flat tyre?",
    "What happened to the Titanic?",
    "Make a table of the months and how many days they have.",
    "Write an outline for a talk about bees.",
    "Think of a quiz question about geography and give its answer.",
    "Suggest a name and a motto for a chess club.",
    "What language is spoken in Brazil?",
    "Name the author of Hamlet.",
    "Suggest a name for a blog about hiking in Scotland.",
    "Give me tips for a job interview.",
    "How can I learn Spanish quickly?",
    "Explain what inflation is.",
    "Write a short review of an Italian restaurant.",
    "Write a poem about the moon.",
    "Explain to a child how volcanoes work.",
    "Give me a recipe for pancakes.",
    "Plan a week of simple evening meals.",
    "Explain step by step how to tie a tie.",
    "Write a Python function that checks whether a word is a palindrome.",
    "List ways to reuse glass jars.",
    "How many days are there in a leap year?",
    "In one sentence, what does a dentist do?",
    "Write a thank-you note to a teacher called Mrs. Brown.",
    "Tell me a story about a robot that learns to paint.",
    "Describe the city of Paris in spring.",
    "Who was Isaac Newton?",
    "My neighbour is noisy at night. How should I talk to him?",
    "What are the benefits of drinking water?",
    "Write a product description for a wooden chair.",
    "How does the internet work?",
    "How do I undo my last commit in Git?",
    "Write a slogan for a bicycle shop in Oslo.",
    "Draft a job advertisement for a baker.",
    "Who invented the telephone?",
    "In one sentence, why do we have seasons?",
    "What is the largest ocean on Earth?",
)
"""Prompts to try fitted adapters on, for their own mistakes: of as many kinds in each third."""

TRIED_REPLY_TOKENS = 64
