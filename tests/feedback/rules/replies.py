"""Replies as a small model writes them, with everything that a user may want to change."""

PROMPT = "Tell me about it."

REPLIES = (
    "Certainly! The water cycle describes how water moves on Earth. The sun's heat turns water into"
    " vapor; the vapor rises and cools. It's a process that never stops! I think 3 stages matter"
    " most: evaporation, condensation and precipitation. Let me know if you have any questions!",
    "Great question! Cats purr for several reasons — most often because they are happy. Perhaps the"
    " sound also helps them heal. Scientists haven't agreed on that yet. Some people say that a"
    " purring cat calms two people at once (or more). Would you like to know how they do it?",
    "Sure, here's a simple plan for a first job interview:\n\n1. **Prepare**: Read about the"
    " company and its people.\n2. **Practice**: Answer seven common questions aloud.\n3. **Arrive"
    " early**: Ten minutes is enough.\n4. **Follow up**: Write a short note the next day.\n\nYou're"
    " going to do well! 😊 I hope this helps!",
    "## Lisbon\n\nLisbon is a vibrant city in Portugal, known for its history and its food. Many"
    " people visit the old center in spring.\n\n## Getting around\n\nThe trams are slow but they"
    " don't cost much. You can also walk; most sights lie within 5 kilometers. It's a city of hills"
    " — bring good shoes!",
    'Of course! Here is a short example:\n\n```python\ndef Greet(name):\n    return f"Hello, '
    "{name}! It's 5\"\n```\n\nCall `Greet(\"Ann\")` and you'll see the result. It doesn't change"
    " anything else. Maybe add a test for two names. See https://Example.org/Docs for more.",
    "I'd be happy to help you with that. To bake bread you need flour, water, salt and yeast. Mix"
    " the flour and the water; then wait for 20 minutes. It's possible that the dough feels dry"
    " (that is normal). Add the salt and knead it for ten minutes! People often organize the work"
    " the evening before. Feel free to ask for more details.",
    "Photosynthesis is how plants make sugar from light. They take in carbon dioxide through their"
    " leaves; water comes from the roots. The green color comes from chlorophyll. I believe that"
    " most people learn this in school... It isn't hard to remember! Is there anything else I can"
    " help you with?",
    "Here are some ideas for a rainy day:\n\n- Read a book that you haven't finished.\n- Bake"
    ' cookies with the 2 kids next door — they\'ll love it!\n- Watch a "classic" film with other'
    " people.\n- Write three letters; send one.\n- Learn a song.\n\nHave fun! 🎉",
    "Hello! Learning a language takes time. You should practice for about 15 minutes every day. It"
    " is possibly the best habit that people can form! Speak with others; don't worry about"
    " mistakes. A good dictionary helps (a small one will do). Memorize your favorite phrases"
    " first. Good luck!",
    "Absolutely! The moon causes the tides — its gravity pulls on the oceans. There are usually two"
    " high tides in a day. The sun's pull is weaker, but it isn't zero. When both line up, people"
    " see a \"spring tide\"; it's the highest of all. I think that's a nice example of gravity at"
    " work! 🌊 If you need more, just let me know.",
    "The violin family has four members. The **viola** is a little larger than the violin and"
    " sounds *warmer*...\n\nThe cello stands on the floor (on a spike). People hold the double bass"
    " the same way — it's the largest.\n\nAll 4 of them probably come from Italy. They are made of"
    ' "tone wood"! Would you like to hear about their makers?',
    "## Compost\n\n**Compost** is what's left of plants. Worms, fungi and bacteria turn old"
    " leaves into dark soil; it takes about 6 months...\n\nKeep the heap moist (not wet). Turn it"
    " every two weeks — people often forget that. You don't need a bin!\n\nMaybe start with"
    " kitchen scraps. What do you grow in your garden? 🌱",
    "# The Elbe\n\nThe Elbe is a *long* river... It rises in the Czech Republic and flows through"
    ' Dresden, Magdeburg and Hamburg.\n\nPeople call the stretch near Dresden "the Florence on the'
    " Elbe\" (a compliment!). It isn't deep: in dry years you can walk across. There are 12 ferries"
    " — and eight of them still run! Have you been there?",
    "### Tea\n\nGreen tea wants cooler water than black tea... About 80 degrees is **perfect**."
    ' People steep it for three minutes; I think that\'s enough.\n\nA "second infusion" often'
    " tastes better (it is softer). Don't throw the leaves away! Which tea do you have at home? 🍵",
    "# Knots\n\nA **bowline** makes a loop that won't slip. It's easy to untie, even when it's"
    " wet... Sailors, climbers and scouts use it.\n\nTie it in 4 steps; practice for ten minutes —"
    ' most people need that. Some call it the "king of knots" (and rightly so)! Perhaps learn the'
    " clove hitch next. Do you have a rope?",
)
