"""Every rule of this project over the tables of one set: `rules_ours TABLES OUT`."""

from pathlib import Path

from hand100m_assets.annotations.rules import RULES, RuleTables, apply_rules


def main(tables: str, out: str) -> None:
    rule_tables = RuleTables.read(Path(tables), stride=30)
    results = apply_rules(rule_tables)
    kept = rule_tables.summary
    assert len(results) == len(RULES)
    Path(out, "count.txt").write_text(f"{kept.images_kept} {kept.hands_kept}")
