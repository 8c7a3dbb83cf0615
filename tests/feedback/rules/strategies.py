"""Random replies made of sentences, lists and code."""

from hypothesis import strategies as st

from feedback.rules.rule import Rule
from tests.feedback.rules.replies import REPLIES
from tests.feedback.rules.rules import RULES

SENTENCES = (
    "The river is long and slow.",
    "It doesn't freeze in winter!",
    "Most people cross it by the old bridge; some swim.",
    "I think the colour of the water changes with the light.",
    "There are 3 islands (two of them are tiny).",
    "Have you seen the map?",
    'Call `Render("Map")` to draw it.',
    "See https://Example.org/Rivers for a list.",
    "Its banks — once bare — are green again 🌿.",
    "Perhaps NASA's pictures, taken in 2019, show it best…",
    "“Ol' Man River” is a **famous** song about it.",
    "Dr. Lee measured 4.5 meters, e.g. near the mill.",
)
BLOCKS = (
    "```python\nprint('Hi!  It\\'s me;')\n```",
    "- Bring water\n- Bring a hat!\n- Don't go alone; it's steep.",
    "1. Walk to the bridge.\n2. Turn left\n   - or right\n3. Rest.",
    "## The way there",
    "| River | Km |\n|---|---|\n| Elbe | 1094 |",
)
OPENERS = ("Certainly! ", "I'd be happy to help! ", "Sure, ", "Here are my thoughts:\n\n", "")
CLOSERS = (
    " Let me know if you need more!",
    "\n\nI hope this helps! 😊",
    "\n\nWould you like more?",
    "",
)

paragraphs = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3).map(" ".join)


@st.composite
def made_replies(draw: st.DrawFn) -> str:
    first, last = draw(paragraphs), draw(paragraphs)
    parts = draw(st.lists(paragraphs | st.sampled_from(BLOCKS), max_size=2))
    opener, closer = draw(st.sampled_from(OPENERS)), draw(st.sampled_from(CLOSERS))
    between = draw(st.sampled_from(["\n\n", "\n"]))
    return between.join([opener + first, *parts, last + closer])


def short_replies() -> st.SearchStrategy[str]:
    """Replies of one paragraph, list or table: the cost of comparing grows with the square."""
    parts = (
        st.sampled_from(OPENERS),
        paragraphs | st.sampled_from(BLOCKS),
        st.sampled_from(CLOSERS),
    )
    return st.tuples(*parts).map("".join)


def replies() -> st.SearchStrategy[str]:
    """Realistic replies and any text."""
    marks = st.text(alphabet=" \nabIé1.,;:!?-—*_#`\"'(){}<>/😊", max_size=60)
    return made_replies() | st.sampled_from(REPLIES) | marks | st.text(max_size=40)


def rules() -> st.SearchStrategy[Rule]:
    return st.sampled_from(RULES)
