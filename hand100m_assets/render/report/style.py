"""How a page looks: two sets of colours, one for each taste, and what is laid out how."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1f2430; --quiet: #5b6472; --rule: #e1e5ea;
  --good: #2f6db5; --waiting: #aab3c2; --wrong: #b8560f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171c; --card: #1d2128; --ink: #e7eaf0; --quiet: #9aa4b4; --rule: #323945;
    --good: #6aa5ea; --waiting: #667085; --wrong: #f0954c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 0 0 10px; }
p { margin: 6px 0 10px; }
section, .figures div { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
section { padding: 18px 20px; margin: 18px 0; }
.quiet, .waiting { color: var(--quiet); }
.good { color: var(--good); }
.wrong { color: var(--wrong); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0; }
.figures div { padding: 12px 16px; }
.figures b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 8px 0; }
th { text-align: left; color: var(--quiet); font-weight: 600; }
td, th { padding: 5px 14px 5px 0; vertical-align: top; border-bottom: 1px solid var(--rule); }
td { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
.bar { height: 10px; border-radius: 3px; min-width: 2px; background: var(--waiting); }
.bar.good { background: var(--good); }
.bar.wrong { background: var(--wrong); }
td.bars { width: 45%; vertical-align: middle; }
figure { margin: 16px 0 12px; }
figcaption { color: var(--quiet); font-size: 14px; margin: 0 0 6px; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; border: 1px solid var(--rule); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 4px 20px; align-items: start; }
@media print { body { background: none; } section, .figures div { break-inside: avoid; } }
"""
