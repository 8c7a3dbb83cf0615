"""Learns the edit behind corrections: what a person changed, as rules to read, check and apply.

`learned.learned_rules` finds the rules, `parting.parting_rules` those that thumbs show,
`rule.apply_all` applies them, `catalogue.PROPERTIES` says what is looked at. Pure.
"""
