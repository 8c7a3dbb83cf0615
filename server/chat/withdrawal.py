"""Why the base answers a user whose version in use was withdrawn."""

from server.stores import Stores


def why_base_answers(stores: Stores, user_id: str) -> str | None:
    """The reason in a sentence; None unless a withdrawal took the user's version out of use."""
    version = stores.registry.taken_out_of_use(user_id)
    if version is None:
        return None
    if stores.registry.is_frozen(user_id):
        rest = " until an admin unfreezes the adapter and a training makes a new version"
    elif stores.log.counts(user_id).feedback:
        rest = " until a training makes a new version"
    else:
        rest = ", as no feedback is left to learn from"
    return (
        f"{version.label} learned from feedback that was deleted or changed since, so the base"
        f" model answers{rest}."
    )
