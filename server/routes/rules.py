"""`/v1/me/rules`: the rules learned from a user's feedback, and the user's decisions on them."""

import time
from collections.abc import Iterable

from fastapi import APIRouter

from feedback.errors import NotFoundError
from feedback.rules.user_rules import RuleDecision, RuleStatus, UserRule, rule_id
from server.auth import App, KeyedRoute, User
from server.wire.requests import RuleRequest
from server.wire.responses import Json, page, rule_json

router = APIRouter(prefix="/v1/me/rules", route_class=KeyedRoute, tags=["me"])


@router.get("")
def list_rules(user: User, services: App) -> Json:
    """Every rule that is active or that I decided on, as of now, in the order of application."""
    return page([rule_json(each) for each in services.rules.of(user.id)], has_more=False)


@router.put("/{rule_id}")
def decide_on_rule(rule_id: str, body: RuleRequest, user: User, services: App) -> Json:
    """Pin a rule to keep it active whatever my feedback, or drop it to keep it inactive.

    A pin replaces pins of other values of the same attribute, if a reply can follow only one.
    """
    rule = _named(services.rules.of(user.id), rule_id).rule
    decision = RuleDecision(user.id, rule, RuleStatus(body.status), time.time())
    with services.stores.database.atomic():
        services.accounts.find(user.id)  # not erased meanwhile
        services.stores.log.decide(decision)
    return rule_json(_named(services.rules.of(user.id), rule_id))


@router.delete("/{rule_id}")
def undo_rule_decision(rule_id: str, user: User, services: App) -> Json:
    """Undo a decision: the rule is active again if my feedback shows it."""
    services.stores.log.undo_rule_decision(user.id, rule_id, time.time())
    services.stores.database.checkpoint()  # its text leaves the write-ahead log, too
    return {"object": "rule.decision.deleted", "id": rule_id, "deleted": True}


def _named(rules: Iterable[UserRule], wanted_id: str) -> UserRule:
    for each in rules:
        if rule_id(each.rule) == wanted_id:
            return each
    raise NotFoundError(f"There is no rule {wanted_id!r}.", "rule_id")
