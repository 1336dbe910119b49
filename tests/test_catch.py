"""Catch, compared with a second implementation of its rules and with exact solutions."""

import os
import re
import subprocess
import sys
import warnings
from functools import cache
from itertools import product

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from games.catch import ACTIONS, BACKGROUND, BALL, PADDLE, PALETTE, Catch, State

boards = st.builds(
    dict,
    rows=st.integers(2, 6),
    columns=st.integers(1, 7),
    paddle_width=st.just(1),
    drift=st.booleans(),
    paddle_start=st.sampled_from(["anywhere", "middle"]),
) | st.builds(
    dict, rows=st.integers(2, 5), columns=st.integers(3, 6), paddle_width=st.integers(1, 3)
)


def play(env, start, actions):
    """-> the reward of each step."""
    env.reset(options={"state": start})
    rewards = []
    for action in actions:
        _, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
        assert not truncated
        if terminated:
            break
    assert terminated
    return rewards


def optimal_value(env):
    """-> a function of the state: its optimal value without discount (dynamic programming)."""

    @cache
    def value(state):
        return max(
            reward + (0 if terminated else value(successor))
            for successor, reward, terminated in (env.successor(state, a) for a in ACTIONS)
        )

    return value


# -- rules -----------------------------------------------------------------------------------------


def test_default_board():
    env = Catch()
    assert env.observation_space == gymnasium.spaces.Box(0, 255, (10, 10), np.uint8)
    assert env.action_space == gymnasium.spaces.Discrete(3)
    starts = env.starts()
    assert len(starts) == len(set(starts)) == 10 * 8
    assert {s.ball_column for s in starts} == set(range(10))
    assert {s.paddle for s in starts} == set(range(8))


def test_one_episode_by_hand():
    env = Catch(rows=4, columns=5, paddle_width=2)
    x, info = env.reset(options={"state": State(0, 4, 0, 1)})
    assert info["state"] == (0, 4, 0, 1)
    assert x.tolist() == [
        [0, 0, 0, 0, BALL],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, PADDLE, PADDLE, 0, 0],
    ]
    assert env.step(2)[1:] == (0.0, False, False, {"state": (1, 4, 0, 2)})
    assert env.step(2)[1:] == (0.0, False, False, {"state": (2, 4, 0, 3)})
    x, *rest = env.step(2)  # at the wall the paddle stays
    assert rest == [1.0, True, False, {"state": (3, 4, 0, 3)}]
    assert x[3].tolist() == [0, 0, 0, PADDLE, BALL]


@pytest.mark.parametrize(("paddle", "reward"), [(0, -1), (1, 1), (2, 1), (3, 1), (4, -1)])
def test_only_the_cells_of_the_paddle_catch(paddle, reward):
    env = Catch(rows=2, columns=7, paddle_width=3)
    assert play(env, State(0, 3, 0, paddle), [1]) == [reward]


def test_the_ball_bounces_off_the_wall():
    env = Catch(rows=8, columns=3, paddle_width=1, drift=True)
    state, columns = State(0, 1, 1, 0), []
    for _ in range(7):
        state, _, _ = env.successor(state, 1)
        columns.append((state.ball_column, state.ball_drift))
    assert columns == [(2, 1), (2, -1), (1, -1), (0, -1), (0, 1), (1, 1), (2, 1)]


@given(columns=st.integers(1, 8))
def test_different_balls_stay_different(columns):
    """Moving permutes all (column, drift), so a uniform start gives a uniform end."""
    env = Catch(rows=9, columns=columns, paddle_width=1, drift=True)
    balls = set(product(range(columns), env.drifts))
    moved_balls = {env.successor(State(0, *ball, 0), 1)[0][1:3] for ball in balls}
    assert moved_balls == balls


class BsuiteCatch:
    """The rules of bsuite's catch: 10 x 5 cells, a paddle of one cell that starts in the middle."""

    def reset(self, ball_x):
        self.ball_x, self.ball_y, self.paddle_x = ball_x, 0, 5 // 2

    def step(self, action):
        self.paddle_x = np.clip(self.paddle_x + (-1, 0, 1)[action], 0, 4)
        self.ball_y += 1
        if self.ball_y == 9:
            return 1.0 if self.paddle_x == self.ball_x else -1.0, True
        return 0.0, False

    def board(self):
        board = np.zeros((10, 5))
        board[self.ball_y, self.ball_x] = 1
        board[9, self.paddle_x] = 1
        return board


@given(ball=st.integers(0, 4), actions=st.lists(st.sampled_from(ACTIONS), min_size=9, max_size=9))
def test_with_bsuites_settings_the_game_equals_bsuites(ball, actions):
    env = Catch(rows=10, columns=5, paddle_width=1, paddle_start="middle")
    assert [s.ball_column for s in env.starts()] == [0, 1, 2, 3, 4]
    bsuite = BsuiteCatch()
    bsuite.reset(ball)
    x, _ = env.reset(options={"state": env.starts()[ball]})
    assert ((x > 0) == bsuite.board()).all()
    for step, action in enumerate(actions):
        x, reward, terminated, truncated, _ = env.step(action)
        assert (reward, terminated, truncated) == (*bsuite.step(action), False)
        assert terminated == (step == 8)
        assert ((x > 0) == bsuite.board()).all()


# -- exact solutions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "game", [{}, {"drift": True}, {"rows": 10, "columns": 5, "paddle_width": 1}]
)
def test_the_optimum_is_to_catch_from_every_start(game):
    env = Catch(**game)
    value = optimal_value(env)
    assert {value(start) for start in env.starts()} == {1.0}
    assert env.optimum == 1


@settings(max_examples=60)
@given(game=boards)
def test_the_optimum_by_dynamic_programming(game):
    env = Catch(**game)
    value = optimal_value(env)
    values = [value(start) for start in env.starts()]
    assert set(values) <= {-1.0, 1.0}
    assert env.optimum == np.mean([v > 0 for v in values])


@settings(max_examples=60)
@given(game=boards, data=st.data())
def test_a_blind_player_catches_at_the_rate_of_chance(game, data):
    """A fixed sequence of actions catches from exactly paddle width / columns of all starts."""
    env = Catch(**game)
    actions = data.draw(
        st.lists(st.sampled_from(ACTIONS), min_size=env.rows - 1, max_size=env.rows - 1)
    )
    rewards = [play(env, start, actions)[-1] for start in env.starts()]
    assert np.mean([r > 0 for r in rewards]) == pytest.approx(env.chance)
    assert env.chance == game["paddle_width"] / game["columns"]


@settings(max_examples=40)
@given(game=boards, seed=st.integers(0, 2**32))
def test_step_follows_successor_and_the_picture_follows_the_state(game, seed):
    env = Catch(**game)
    rng = np.random.default_rng(seed)
    x, info = env.reset(seed=seed)
    over = False
    while not over:
        state, action = info["state"], rng.integers(3)
        expected = env.successor(state, action)
        x, reward, over, _, info = env.step(action)
        assert (info["state"], reward, over) == expected
        row, column, _, paddle = info["state"]
        board = np.zeros_like(x)
        board[-1, paddle : paddle + env.paddle_width] = PADDLE
        board[row, column] = BALL
        assert (x == board).all()


# -- Gymnasium -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"drift": True}, {"pixels": 84}, {"render_mode": "rgb_array"}]
)
def test_gymnasiums_checker_finds_no_fault(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("games:Catch-v0", **options).unwrapped)


def test_starts_are_uniform_and_depend_on_the_seed():
    env = Catch(rows=3, columns=4, paddle_width=2, drift=True)
    starts = env.starts()
    env.reset(seed=3)
    drawn = [starts.index(env.reset()[1]["state"]) for _ in range(3600)]
    counts = np.bincount(drawn, minlength=len(starts))
    assert len(counts) == 4 * 3 * 3
    assert (
        (counts - 100) ** 2 / 100
    ).sum() < 80  # chi-squared with 35 degrees of freedom: p < 1e-4
    same_seed = Catch(rows=3, columns=4, paddle_width=2, drift=True)
    same_seed.reset(seed=3)
    assert [starts.index(same_seed.reset()[1]["state"]) for _ in range(3600)] == drawn


def test_a_chosen_start_draws_nothing_at_random():
    env, other = Catch(), Catch()
    env.reset(seed=0)
    other.reset(seed=0)
    env.reset(options={"state": State(0, 0, 0, 0)})
    assert env.reset()[1] == other.reset()[1]


def test_the_global_random_state_is_left_alone():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    env = Catch()
    env.reset(seed=0)
    env.reset()
    assert (np.random.get_state()[1] == before).all()


def test_an_observation_is_not_changed_by_the_next_step():
    env = Catch()
    x, _ = env.reset(seed=0)
    before = x.copy()
    env.step(0)
    assert (x == before).all()


def test_the_pixel_game_is_the_same_game_drawn_larger():
    small, large = Catch(drift=True), Catch(drift=True, pixels=84)
    assert large.observation_space == gymnasium.spaces.Box(0, 255, (84, 84), np.uint8)
    assert small.starts() == large.starts()
    for start in small.starts():
        x, _ = small.reset(options={"state": start})
        y, _ = large.reset(options={"state": start})
        over = False
        while not over:
            assert (y[4::8, 4::8][:10, :10] == x).all()  # within each cell of 8 or 9 pixels
            assert sorted(np.unique(y)) == sorted(np.unique(x))
            x, *facts = small.step(2)
            y, *large_facts = large.step(2)
            assert facts == large_facts
            over = facts[1]


def test_the_cells_cover_every_pixel_exactly_once():
    """84 pixels are not divisible by 10, so a cell has 8 or 9 pixels."""
    env = Catch(paddle_width=10, pixels=84)
    x, _ = env.reset(options={"state": State(0, 9, 0, 0)})
    assert (x[75:] == PADDLE).all()
    assert (x[:8, 75:] == BALL).all()
    assert (x > 0).sum() == 9 * 84 + 8 * 9


def test_rgb_array_is_the_enlarged_drawing_in_colours_of_the_same_brightness():
    env = Catch(render_mode="rgb_array")
    env.reset(options={"state": State(2, 7, 0, 0)})
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape == (480, 480, 3)
    cells = picture[24::48, 24::48]
    assert tuple(cells[2, 7]) == PALETTE[BALL]
    assert tuple(cells[9, 0]) == tuple(cells[9, 2]) == PALETTE[PADDLE]
    assert tuple(cells[9, 3]) == PALETTE[BACKGROUND]
    for level in (BACKGROUND, PADDLE, BALL):
        assert np.dot(PALETTE[level], [0.299, 0.587, 0.114]) == pytest.approx(level, abs=0.5)


@pytest.mark.parametrize(
    ("game", "cell"),
    [
        ({}, 48),
        ({"rows": 40, "columns": 20}, 12),
        ({"rows": 41}, 0),
        ({"pixels": 10}, 48),
        ({"pixels": 84}, 0),
    ],
)
def test_a_grid_separates_large_cells_drawn_as_one_pixel(game, cell):
    env = Catch(render_mode="rgb_array", **game)
    env.reset(seed=0)
    lines = (env.render() == (28, 33, 43)).all(axis=2)
    height, width = lines.shape
    expected = np.zeros((height, width), bool)
    if cell:
        expected[cell::cell] = True
        expected[:, cell::cell] = True
    assert (lines == expected).all()


def test_the_game_names_its_keys_actions_and_outcomes():
    env = Catch()
    assert env.get_keys_to_action() == {(): 1, ("a",): 0, ("d",): 2, ("a", "d"): 1}
    facts = {"render_fps": 8, "play_fps": 5}
    assert {name: env.metadata[name] for name in facts} == facts
    assert env.metadata["action_names"] == ("left", "stay", "right")
    assert env.metadata["outcomes"] == ("missed", "caught")


@pytest.mark.parametrize(
    ("game", "message"),
    [
        ({"rows": 1}, "2 to 100 rows"),
        ({"columns": 0}, "1 to 100 columns"),
        ({"columns": 101}, "1 to 100 columns"),
        ({"paddle_width": 11}, "1 to 10 columns wide, got 11"),
        ({"paddle_width": 0}, "1 to 10 columns wide, got 0"),
        ({"drift": "no"}, "drift is False or True, got 'no'"),
        ({"paddle_start": "left"}, "'anywhere' or in the 'middle', got 'left'"),
        ({"pixels": 9}, "10 (one a cell) to 512 pixels a side, got 9"),
        ({"render_mode": "ansi"}, "got 'ansi'"),
    ],
)
def test_invalid_boards_are_refused(game, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Catch(**game)


def test_invalid_calls_are_refused():
    env = Catch(rows=2)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(1)
    env.reset(seed=0)
    for action in (-1, 3, 0.5):
        with pytest.raises(ValueError, match="0, 1 or 2"):
            env.step(action)
    env.step(1)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(1)
    for state in ((1, 0, 0, 0), (2, 0, 0, 0), (0, 10, 0, 0), (0, 0, 1, 0), (0, 0, 0, 8)):
        with pytest.raises(ValueError, match="no episode can go on"):
            env.reset(options={"state": state})


def test_the_game_needs_no_display_and_no_pytensor():
    code = (
        "import sys; from games.catch import Catch; e = Catch(); e.reset(seed=0); e.step(1);"
        "import pygame; assert not pygame.display.get_init(); assert 'pytensor' not in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "SDL_VIDEODRIVER")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
