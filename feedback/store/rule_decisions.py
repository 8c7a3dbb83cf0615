"""The SQL statements on rule decisions. They do not check which decisions exclude each other."""

from sqlite_utils import Database

from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus


def select_decisions(database: Database, user_id: str) -> list[RuleDecision]:
    """A user's decisions, oldest first."""
    rows = database.query(
        "SELECT * FROM rule_decisions WHERE user_id = ? ORDER BY decided_at, attribute, value",
        [user_id],
    )
    return [
        RuleDecision(
            user_id=row["user_id"],
            rule=Rule(row["attribute"], row["value"]),
            status=RuleStatus(row["status"]),
            decided_at=row["decided_at"],
        )
        for row in rows
    ]


def insert_decision(database: Database, decision: RuleDecision) -> None:
    """Store a decision on a rule on which the user has none."""
    rule = decision.rule
    database.execute(
        "INSERT INTO rule_decisions VALUES (?, ?, ?, ?, ?)",
        [decision.user_id, rule.attribute, rule.value, decision.status.value, decision.decided_at],
    )


def delete_decision(database: Database, decision: RuleDecision) -> None:
    """Delete a decision."""
    database.execute(
        "DELETE FROM rule_decisions WHERE user_id = ? AND attribute = ? AND value = ?",
        [decision.user_id, decision.rule.attribute, decision.rule.value],
    )
