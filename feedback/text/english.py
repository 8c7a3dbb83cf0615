"""English function words: articles, pronouns, prepositions, conjunctions and auxiliaries."""

from feedback.text.tokens import words

FUNCTION_WORDS = frozenset(
    words(
        "a an the of to in on at for from by with as and or but so if is are was were be been it"
        " its this that these those there i you he she we they his her their our my your not no do"
        " does"
    )
)
"""Words that come and go with others when a sentence is reworded."""

SENTENCE_OPENERS = frozenset(
    words(
        "a an the this that these those it its there here he she they we you your my our his her"
        " their to in on at of for from by with as if when while after before because although"
        " some many most all both each every no not one what how why where who which is are was"
        " were do does did can could should would will may might have has and but or so then also"
    )
)
"""Words whose capital letter only marks the start of a sentence."""
