from .rule_tables import RuleTables
from .rules import RULES, Rule, RuleResult, apply_rules

__all__ = [
    "RULES",
    "Rule",
    "RuleResult",
    "RuleTables",
    "apply_rules",
]
