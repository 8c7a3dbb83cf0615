"""`/v1/me/rules`: the rules learned from a user's feedback, and the user's decisions on them."""

import time
from collections.abc import Iterable

from fastapi import APIRouter

from feedback.errors import NotFoundError
from feedback.rules.user_rules import RuleDecision, RuleStatus, UserRule, rule_id
from server.auth import App, KeyedRoute, User
from server.errors import errors
from server.services import Services
from server.wire.requests import RuleRequest
from server.wire.responses import Json, page, rule_json
from server.wire.shapes import Deleted, Page, RuleItem

router = APIRouter(
    prefix="/v1/me/rules", route_class=KeyedRoute, tags=["me"], responses=errors(404, 410)
)


@router.get("", response_model=Page[RuleItem])
async def list_rules(user: User, services: App) -> Json:
    """Every rule that is active or that I decided on, as of now, in the order of application."""
    rules = await services.heavy_reads.run(user.id, lambda: services.rules.of(user.id))
    return page([rule_json(each) for each in rules], has_more=False)


@router.put("/{rule_id}", response_model=RuleItem)
async def decide_on_rule(rule_id: str, body: RuleRequest, user: User, services: App) -> Json:
    """Pin a rule to keep it active whatever my feedback, or drop it to keep it inactive.

    A pin replaces pins of other values of the same attribute, if a reply can follow only one.
    """
    status = RuleStatus(body.status)
    return await services.heavy_reads.run(
        user.id, lambda: _decide(services, user.id, rule_id, status)
    )


@router.delete("/{rule_id}", response_model=Deleted)
def undo_rule_decision(rule_id: str, user: User, services: App) -> Json:
    """Undo a decision: the rule is active again if my feedback shows it."""
    services.stores.log.undo_rule_decision(user.id, rule_id, time.time())
    services.stores.database.checkpoint()  # its text leaves the write-ahead log, too
    return {"object": "rule.decision.deleted", "id": rule_id, "deleted": True}


def _decide(services: Services, user_id: str, wanted_id: str, status: RuleStatus) -> Json:
    rule = _named(services.rules.of(user_id), wanted_id).rule
    with services.stores.database.atomic():
        services.accounts.find(user_id)  # not erased meanwhile
        services.stores.log.decide(RuleDecision(user_id, rule, status, time.time()))
    return rule_json(_named(services.rules.of(user_id), wanted_id))


def _named(rules: Iterable[UserRule], wanted_id: str) -> UserRule:
    for each in rules:
        if rule_id(each.rule) == wanted_id:
            return each
    raise NotFoundError(f"There is no rule {wanted_id!r}.", "rule_id")
