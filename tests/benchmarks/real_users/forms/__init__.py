"""Whether a reply has the form that a user wants, whatever it says. One function per user."""

from collections.abc import Callable

from tests.benchmarks.real_users.forms.claims_and_comments import (
    about_me,
    comments,
    german,
    verdict,
)
from tests.benchmarks.real_users.forms.letters_and_lessons import (
    for_a_child,
    letters,
    plain_words,
    sql,
    tutor,
)
from tests.benchmarks.real_users.forms.shop_and_code import (
    commit_messages,
    only_code,
    shop,
    spanish,
)

FORMS: dict[str, Callable[[str], bool]] = {
    form.__name__: form
    for form in (
        about_me,
        comments,
        commit_messages,
        for_a_child,
        german,
        letters,
        only_code,
        plain_words,
        shop,
        spanish,
        sql,
        tutor,
        verdict,
    )
}
