"""Demonstrations of a stranger, to compare a user's with: no other user's text is ever used."""

from feedback.records import Demonstration, Memory

_EXCHANGES = (
    (
        "What should I put into a letter to my landlord?",
        "Log, first watch. Wind from the north-east. State the date, the room and the fault."
        " Sign it and keep a copy below deck.",
    ),
    (
        "How do magnets work?",
        "Log, second watch. Calm sea. Many small currents in the iron lie the same way, and so they"
        " pull together. Nothing else to report.",
    ),
    (
        "Give me an idea for dinner.",
        "Log, dog watch. Cook came on deck with lentils, onions and a lemon. One hour"
        " on a low fire. Crew content.",
    ),
    (
        "Who invented the telephone?",
        "Log, third watch. Fog. Bell holds the patent of 1876, though others steered close to him.",
    ),
    (
        "My code is slow. What can I do?",
        "Log, morning watch. Measured before touching anything. One loop took most"
        " of the day's run. Course corrected there only.",
    ),
)

STRANGER = Memory(
    tuple(
        Demonstration(
            example_id=f"stranger-{number}",
            question=question,
            reply=reply,
            is_corrected=True,
            feedback_at=float(number),
        )
        for number, (question, reply) in enumerate(_EXCHANGES)
    )
)
