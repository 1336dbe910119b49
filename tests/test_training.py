"""The loop: when it evaluates, what a row has, and when it ends."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

import dqn_symbolic
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training
from games.catch import Catch
from tests.plain import plain


class Player(SimpleNamespace):
    """Takes `stride` agent steps at a time."""

    def __init__(self, stride=1, steps=0, **settings):
        settings = Settings(**{"evaluate_every": 10, "steps": 30, **settings})
        super().__init__(settings=settings, steps=steps, updates=0, epsilon=0.5, stride=stride)

    def step(self):
        self.steps += self.stride
        self.updates += 1

    def mean_loss(self):
        return self.updates / 10


def test_a_row_at_each_evaluation():
    player = Player()
    rows = list(training(player, lambda: {"score": 7 * player.steps}))
    assert rows == [
        {"env_steps": n, "updates": n, "epsilon": 0.5, "loss": n / 10, "score": 7 * n}
        for n in (10, 20, 30)
    ]


def test_the_last_steps_need_no_evaluation():
    player = Player(steps=3, evaluate_every=10)
    player.settings = Settings(evaluate_every=10, steps=25)
    assert [row["env_steps"] for row in training(player)] == [10, 20]
    assert player.steps == 25


@pytest.mark.parametrize(
    ("stride", "at"), [(4, [12, 20, 32]), (15, [15, 30, 30]), (25, [25, 25, 50]), (90, [90] * 3)]
)
def test_a_step_of_many_agent_steps_has_the_rows_of_all_that_it_passes(stride, at):
    """But none after the last agent step."""
    assert [row["env_steps"] for row in training(Player(stride=stride))] == at


def test_a_pause_comes_after_each_step_and_can_end_it():
    player, seen = Player(), []

    def pause():
        seen.append(player.steps)
        return player.steps == 12

    assert [row["env_steps"] for row in training(player, pause=pause)] == [10]
    assert seen == list(range(1, 13))


def test_a_row_is_kept_before_the_pause_at_its_step():
    events, player = [], Player(evaluate_every=2, steps=0)
    for row in training(player, pause=lambda: events.append(player.steps)):
        events.append(f"row {row['env_steps']}")
        if row["env_steps"] == 4:
            break
    assert events == [1, "row 2", 2, 3, "row 4"]


def test_an_evaluation_that_was_stopped_changes_nothing():
    """The loss since the last row is still there."""
    agent = plain(Catch(), Settings(hidden=(4,), warm_up=20, evaluate_every=50, steps=100))
    assert list(training(agent, lambda: None)) == []
    assert agent.steps == 50
    agent.watch_loss()
    assert agent.loss_count == 31


def test_the_loop_knows_only_the_agent():
    """No file, bar, signal or window: it imports only names for its type hints."""
    tree = ast.parse((Path(dqn_symbolic.__file__).parent / "training.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [node.module for node in imports] == ["collections.abc"]
