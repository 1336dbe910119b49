"""The scores of the Nature paper's 49 games."""

import csv
from pathlib import Path

SOURCE = (
    "human: a professional tester, five minutes a game; dqn_2015: the Nature agent"
    " (Mnih et al. 2015, Extended Data Table 2)"
)


def paper_scores():
    """-> {game: {"random", "human", "dqn_2015": score}}: the 49 games of the Nature paper."""
    with open(Path(__file__).with_name("nature_scores.csv"), newline="") as file:
        return {
            row["game"]: {name: float(row[name]) for name in ("random", "human", "dqn_2015")}
            for row in csv.DictReader(file)
        }
