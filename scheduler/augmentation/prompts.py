"""Fixed prompts for synthetic examples, for probing an adapter and for measuring drift."""

SYNTHETIC_PROMPTS = (
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
    "What does a beekeeper do all day?",
    "Describe the taste of a ripe mango.",
    "How was paper made in ancient China?",
    "Explain why ice floats on water.",
    "Tell me about the history of chess.",
    "Write a paragraph about autumn in Canada.",
    "How do I start a vegetable garden?",
    "What makes a good team leader?",
    "Describe a walk through Tokyo at night.",
    "Explain how a kite stays in the air.",
    "Write a letter of complaint to a hotel in Madrid.",
    "What did people eat in the Middle Ages?",
    "Introduce yourself as a guide in a museum.",
    "How should I train a puppy?",
    "Explain to a beginner what a variable is in Python.",
    "Describe how a letter travels from Lisbon to Vienna.",
    "What is the capital of Canada?",
    "Who wrote Don Quixote?",
    "Translate “good morning” into French.",
    "In one sentence, what is a glacier?",
    "What does HTML stand for?",
    "Name the largest planet of the Solar System.",
    "On which continent is Kenya?",
    "In one sentence, what is GitHub used for?",
)
"""Prompts for synthetic examples: the user's rules rewrite the base's replies to them.

They are of many kinds, so that a rule is not tied to the kind of reply that it was learned from.
There are more than a fit takes, because no rule can rewrite every reply. The replies to the last
eight end by themselves: no fit learns where to end from truncated text. The prompts contain names,
which the replies must repeat.
"""
SYNTHETIC_REPLY_TOKENS = 64

UNANSWERABLE_PROMPTS = (
    "What is my dog called?",
    "How many people will visit Rome in 2085?",
    "What am I holding in my left hand?",
    "What did Napoleon think on the evening before he died?",
    "Which team will win next Sunday?",
    "Why is Peter angry with me?",
)
"""Prompts for synthetic examples that nobody can answer. The base's own replies to them are kept:
without them a small adapter learned to answer everything."""
EXAMPLES_PER_UNANSWERABLE = 6

PROBE_PROMPTS = (
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
"""Prompts that show an adapter's own mistakes. Each third has the same kinds."""
PROBE_REPLY_TOKENS = 64

REFERENCE_PROMPTS = (
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
"""Prompts to measure drift from the base on. No fit is taught their replies."""
REFERENCE_REPLY_TOKENS = 48
