"""The window: from keys and seconds to actions and pictures, without a screen or waiting."""

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pygame
import pytest
from PIL import Image, ImageSequence

from dqn_symbolic.commands import playing, watching
from dqn_symbolic.environments import any_game
from dqn_symbolic.frames import History
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.guard.files import write_whole
from games.catch import LEFT, PALETTE, RIGHT, STAY, Catch, State
from games.window import canvas, control, panel, window
from games.window import screen as screen_module
from games.window.canvas import Canvas
from games.window.control import Game, Tally
from games.window.panel import draw
from games.window.window import show

STEP = 0.25  # seconds: longer than one step of Catch at either speed
AGENT_SPEED, HAND_SPEED = 8.0, 5.0  # steps a second in Catch


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


class Recorded(Catch):
    """Catch that records its actions and starts its episodes in the given states."""

    def __init__(self, *size, starts=(), **settings):
        super().__init__(*size, render_mode="rgb_array", **settings)
        self.actions, self.next_starts = [], iter(starts)

    def reset(self, **arguments):
        state = next(self.next_starts, None)
        return super().reset(**arguments, options={"state": state} if state else None)

    def step(self, action):
        self.actions.append(action)
        return super().step(action)


def catch_from_middle(rows=20, **settings):
    return Recorded(rows, 9, 1, paddle_start="middle", **settings)


def always(action):
    """-> an agent that always takes the same action."""
    return lambda observation: np.eye(3, dtype=np.float32)[action]


def tap(game, key):
    game.press(key)
    game.release(key)


def advance(game, steps):
    for _ in range(steps):
        game.advance(STEP)


def to_image(surface):
    return Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))


# -- by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "action"),
    [
        (pygame.K_LEFT, LEFT),
        (pygame.K_a, LEFT),
        (pygame.K_RIGHT, RIGHT),
        (pygame.K_d, RIGHT),
    ],
)
def test_a_tap_between_two_steps_moves_the_paddle_exactly_once(key, action):
    game = Game(env := catch_from_middle())
    tap(game, key)
    advance(game, 3)
    assert env.actions == [action, STAY, STAY]
    assert env.state.paddle == 4 + action - STAY
    tap(game, key)
    advance(game, 2)
    assert env.actions[3:] == [action, STAY]


def test_a_held_key_moves_on_every_step_until_it_is_released():
    game = Game(env := catch_from_middle())
    game.press(pygame.K_LEFT)
    advance(game, 3)
    game.release(pygame.K_LEFT)
    advance(game, 1)
    assert env.actions == [LEFT, LEFT, LEFT, STAY]


def test_the_last_tap_counts_and_opposite_held_keys_mean_stay():
    game = Game(env := catch_from_middle())
    tap(game, pygame.K_LEFT)
    tap(game, pygame.K_RIGHT)
    advance(game, 1)
    assert env.actions == [RIGHT]
    game.press(pygame.K_LEFT)
    tap(game, pygame.K_RIGHT)  # a tap in the other direction, then the held key again
    advance(game, 2)
    assert env.actions[1:] == [RIGHT, LEFT]
    game.press(pygame.K_RIGHT)
    advance(game, 2)
    assert env.actions[3:] == [STAY, STAY]
    game.release(pygame.K_LEFT)
    advance(game, 1)
    assert env.actions[5:] == [RIGHT]


def test_two_keys_for_one_direction_act_as_one_key():
    game = Game(env := catch_from_middle())
    game.press(pygame.K_LEFT)
    game.press(pygame.K_a)
    game.release(pygame.K_LEFT)
    advance(game, 2)
    assert env.actions == [LEFT, LEFT]


def test_a_person_starts_with_a_direction_key_and_an_agent_at_once():
    game = Game(env := catch_from_middle())
    assert game.view().sign == "press an arrow key to start"
    tap(game, pygame.K_p)  # the game cannot be paused before its start
    advance(game, 5)
    assert env.actions == []
    tap(game, pygame.K_RIGHT)
    assert game.view().sign == ""
    advance(game, 1)
    assert env.actions == [RIGHT]

    game = Game(env := catch_from_middle(), always(LEFT))
    advance(game, 1)
    assert env.actions == [LEFT]


# -- the agent and the other keys ------------------------------------------------------------------


def test_m_switches_between_agent_and_person_in_mid_episode():
    game = Game(env := catch_from_middle(), always(RIGHT))
    game.press(pygame.K_LEFT)  # ignored while the agent plays
    advance(game, 2)
    assert (env.actions, game.view().by_hand) == ([RIGHT, RIGHT], False)
    tap(game, pygame.K_m)
    advance(game, 3)
    assert (env.actions[2:], game.view().by_hand) == ([LEFT, LEFT, LEFT], True)
    tap(game, pygame.K_m)
    advance(game, 1)
    assert (env.actions[5:], game.view().by_hand) == ([RIGHT], False)
    assert env.state == State(6, env.state.ball_column, 0, 4 + 2 - 3 + 1)


def test_a_person_who_takes_over_begins_a_score_of_their_own():
    game = Game(Recorded(2, 3, 1, starts=[CAUGHT, CAUGHT, MISSED, CAUGHT, CAUGHT]), always(STAY))

    def play_episode():
        while not game.over:
            game.step()
        game.step()  # the start of the next episode

    play_episode()
    play_episode()
    agents = game.view().tally
    assert (agents.episodes, agents.streak) == (2, 2)
    tap(game, pygame.K_m)
    assert game.view().tally == Tally("caught")
    play_episode()
    assert (game.view().tally.episodes, game.view().tally.won) == (1, 0)
    tap(game, pygame.K_m)
    assert game.view().tally == agents
    play_episode()
    assert (game.view().tally.episodes, game.view().tally.streak) == (3, 3)


def test_an_episode_in_which_a_person_helped_is_the_persons():
    game = Game(catch_from_middle(rows=4), always(STAY))
    game.step()
    tap(game, pygame.K_m)
    game.step()
    tap(game, pygame.K_m)
    game.step()
    assert game.over
    assert (game.tallies[False].episodes, game.tallies[True].episodes) == (0, 1)
    tap(game, pygame.K_m)  # without a step by hand
    game.step()
    tap(game, pygame.K_m)
    for _ in range(3):
        game.step()
    assert (game.tallies[False].episodes, game.tallies[True].episodes) == (1, 1)


def test_the_agent_plays_greedily_and_is_not_called_after_the_end():
    observations = []

    def q_values(observation):
        observations.append(observation)
        return np.array([0.1, -0.2, 0.3], np.float32)

    game = Game(env := catch_from_middle(rows=3), q_values)
    while not game.over:
        game.step()
    assert env.actions == [RIGHT, RIGHT]
    assert [observation.shape for observation in observations] == [(3, 9), (3, 9)]
    assert [int(observation[:2].max(axis=1).argmax()) for observation in observations] == [0, 1]
    assert game.view().q_values == pytest.approx((0.1, -0.2, 0.3))


def test_h_marks_the_agents_action_while_a_person_plays(monkeypatch):
    game = Game(catch_from_middle(), always(RIGHT))
    assert (game.view().marked, game.view().hint) == (RIGHT, False)
    tap(game, pygame.K_m)
    assert game.view().marked is None
    without_hint = draw(game.view())
    tap(game, pygame.K_h)
    assert (game.view().marked, game.view().hint) == (RIGHT, True)
    assert blue_below(draw(game.view())) > 0 == blue_below(without_hint)
    assert words_of(game.view(), monkeypatch)[0] == "right"
    tap(game, pygame.K_h)
    assert game.view().marked is None


def blue_below(surface):
    """-> how many pixels in the margin below the board are near the agent's colour."""
    pixels = pygame.surfarray.array3d(surface)[:, -panel.MARGIN + 4 :].astype(int)
    return int((abs(pixels - panel.AGENT) < 40).all(axis=2).sum())


def test_without_an_agent_m_and_h_do_nothing():
    game = Game(catch_from_middle())
    before = game.view()
    tap(game, pygame.K_m)
    tap(game, pygame.K_h)
    assert game.view() == before


@pytest.mark.parametrize("key", [pygame.K_p, pygame.K_SPACE])
def test_pause_stops_the_game_and_ignores_taps(key):
    game = Game(env := catch_from_middle(), always(LEFT))
    tap(game, pygame.K_m)
    advance(game, 1)
    tap(game, key)
    assert game.view().sign == "paused"
    tap(game, pygame.K_RIGHT)
    advance(game, 10)
    assert env.actions == [STAY]
    tap(game, key)
    assert game.view().sign == ""
    advance(game, 1)
    assert env.actions == [STAY, STAY]


def steps_in(game, seconds):
    """-> how many steps the game takes in this time, at 1000 frames a second."""
    before = len(game.env.actions)
    for _ in range(round(1000 * seconds)):
        game.advance(0.001)
    return len(game.env.actions) - before


def test_the_game_steps_at_its_speed():
    game = Game(catch_from_middle(rows=100), always(STAY))
    assert steps_in(game, 5) == pytest.approx(5 * AGENT_SPEED, abs=1)
    tap(game, pygame.K_m)
    assert steps_in(game, 5) == pytest.approx(5 * HAND_SPEED, abs=1)


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        (pygame.K_PLUS, pygame.K_MINUS),
        (pygame.K_EQUALS, pygame.K_MINUS),
        (pygame.K_KP_PLUS, pygame.K_KP_MINUS),
    ],
)
def test_plus_and_minus_change_the_speed_within_limits(faster, slower):
    game = Game(catch_from_middle(rows=100), always(STAY))
    tap(game, faster)
    assert game.view().speed == AGENT_SPEED * control.FASTER
    assert steps_in(game, 4) == pytest.approx(4 * game.view().speed, abs=1)
    tap(game, slower)
    assert game.view().speed == pytest.approx(AGENT_SPEED)
    for key, limit in ((faster, control.FASTEST), (slower, control.SLOWEST)):
        for _ in range(50):
            tap(game, key)
        assert game.view().speed == limit
        assert steps_in(game, 24 / limit) == pytest.approx(24, abs=1)
    tap(game, pygame.K_m)  # the person has a separate speed
    assert game.view().speed == HAND_SPEED


def test_a_stall_causes_only_one_step():
    game = Game(env := catch_from_middle(), always(STAY))
    game.advance(10.0)
    game.advance(0.001)
    assert len(env.actions) == 1


# -- the end of an episode -------------------------------------------------------------------------

# On 2 x 3 cells an agent that stays catches only a ball directly above its paddle.
CAUGHT, MISSED = State(0, 1, 0, 1), State(0, 2, 0, 0)
STARTS = [CAUGHT, CAUGHT, MISSED, CAUGHT]
OUTCOME = Tally("caught", episodes=4, won=3, streak=1, best_streak=2, score=2.0, best=1.0)


@pytest.mark.parametrize(
    ("start", "sign", "reward"), [(CAUGHT, "caught", 1), (MISSED, "missed", -1)]
)
def test_the_final_position_stays_for_a_moment(start, sign, reward):
    game = Game(env := Recorded(2, 3, 1, starts=[start, CAUGHT]), always(STAY))
    game.step()
    view = game.view()
    assert (view.sign, view.episode_return, env.state.ball_row) == (sign, reward, 1)
    for _ in range(20):
        game.advance(0.02)  # 0.4 s
    assert game.view() == view
    for _ in range(10):
        game.advance(0.02)
    assert (game.view().sign, game.view().episode_return, env.state.ball_row) == ("", 0, 0)
    assert game.tallies[False].score == reward


def test_a_slow_game_does_not_pause_on_its_final_position():
    game = Game(env := Recorded(2, 3, 1, starts=[CAUGHT]), always(STAY))
    for _ in range(50):
        tap(game, pygame.K_MINUS)
    game.step()
    for _ in range(90):
        game.advance(0.01)
    assert env.state.ball_row == 0


@pytest.mark.parametrize(("start", "colour"), [(CAUGHT, panel.GOOD), (MISSED, panel.BAD)])
def test_the_end_is_framed_in_green_or_red(start, colour):
    game = Game(Recorded(2, 3, 1, starts=[start]), always(STAY))
    game.step()
    surface = draw(game.view())
    assert surface.get_at((panel.MARGIN - 3, panel.MARGIN + 100))[:3] == colour
    colours = {colour for _, colour in to_image(surface).getcolors(1_000_000)}
    assert colours & {panel.GOOD, panel.BAD} == {colour}


def test_the_tally_counts_streaks():
    tally = Tally("caught")
    for episode_return in (1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0):
        tally = tally.after(episode_return)
    assert tally == Tally("caught", episodes=7, won=5, streak=0, best_streak=3, score=3, best=1)


def test_the_tally_in_one_line():
    assert str(Tally("caught")) == "0 of 0 caught, best streak 0"
    tally = Tally("caught").after(1.0).after(1.0).after(-1.0)
    assert str(tally) == "2 of 3 caught, best streak 2"
    tally = Tally()
    assert str(tally) == "0 episodes"
    assert str(tally := tally.after(-3.5)) == "1 episode, mean return -3.5, best -3.5"
    assert str(tally.after(20.0).after(20.4)) == "3 episodes, mean return +12.3, best +20.4"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (0.25, "+0.25"),
        (-12.34, "-12.3"),
        (999.7, "+1000"),
        (-1234.4, "-1234"),
        (123456.0, "+123456"),
    ],
)
def test_returns_are_written_with_few_digits(number, text):
    assert panel.signed(number) == text


# -- the window ------------------------------------------------------------------------------------

QUIT = pygame.event.Event(pygame.QUIT)


def down(key):
    return pygame.event.Event(pygame.KEYDOWN, key=key)


@pytest.fixture
def script(monkeypatch):
    """script(frames) posts the events of each frame, 50 ms apart. -> the views that are drawn."""

    def install(frames):
        frames, views, draw = iter(frames), [], window.draw

        class Clock:
            def tick(self, frames_per_second):
                install.speeds.append(frames_per_second)
                for event in next(frames):
                    pygame.event.post(event)
                return 50

        def recording_draw(view, size=None):
            if size:  # else only its size is asked for
                views.append(view)
            return draw(view, size)

        monkeypatch.setattr(pygame.time, "Clock", Clock)
        monkeypatch.setattr(window, "draw", recording_draw)
        return views

    install.speeds = []
    return install


@pytest.mark.parametrize("close_event", [QUIT, down(pygame.K_ESCAPE)])
def test_show_runs_until_it_is_closed_and_returns_the_tally(script, close_event):
    # An episode is one step of 3 frames, and its final position is shown for 10 frames.
    script([[]] * (3 * 13 + 3) + [[close_event]])
    assert show(Recorded(2, 3, 1, starts=STARTS), always(STAY)) == OUTCOME
    assert not pygame.display.get_init()


def test_show_raises_the_keyboard_interrupt(script):
    def interrupt(observation):
        raise KeyboardInterrupt

    script([[]] * 5)
    agents = iter([always(STAY), interrupt])
    with pytest.raises(KeyboardInterrupt):
        show(catch_from_middle(), lambda observation: next(agents)(observation))
    assert not pygame.display.get_init()


def test_show_passes_keys_to_the_game(script):
    key = pygame.K_RIGHT
    up = pygame.event.Event(pygame.KEYUP, key=key)
    script([[], [down(key), up], *[[]] * 8, [down(key)], *[[]] * 8, [QUIT]])
    show(env := catch_from_middle())
    assert env.actions[:3] == [RIGHT, STAY, RIGHT]


def test_show_redraws_only_when_the_view_changes(script, monkeypatch):
    views = script([[]] * 5 + [[down(pygame.K_p)]] + [[]] * 20 + [[QUIT]])
    pictures = []
    flip = pygame.display.flip

    def recording_flip():
        pictures.append(pygame.surfarray.array3d(pygame.display.get_surface()))
        flip()

    monkeypatch.setattr(pygame.display, "flip", recording_flip)
    show(catch_from_middle(), always(STAY))
    assert len(views) == len(pictures) < 8  # of 26 frames
    assert len(set(views)) == 4  # the start, two steps, the pause
    for view, pixels in zip(views, pictures):
        assert (pygame.surfarray.array3d(draw(view, pixels.shape[:2])) == pixels).all()


@pytest.mark.parametrize(
    ("desktop", "scale"),
    [((1024, 768), 1.125), ((1920, 1080), 1.5), ((3840, 2160), 3.125), ((800, 600), 0.875)],
)
def test_the_window_opens_as_large_as_suits_the_screen(desktop, scale, script, monkeypatch):
    monkeypatch.setattr(pygame.display, "get_desktop_sizes", lambda: [desktop, (100, 100)])
    sizes = []

    def frames():
        sizes.append(pygame.display.get_surface().get_size())
        assert pygame.display.get_surface().get_flags() & pygame.RESIZABLE
        yield [QUIT]

    script(frames())
    show(catch_from_middle(), always(STAY))
    natural = draw(Game(catch_from_middle(), always(STAY)).view()).get_size()
    assert sizes == [tuple(round(scale * side) for side in natural)]


def test_a_resized_window_is_drawn_anew_in_its_size(script):
    shown = []

    def frames():
        yield []
        pygame.display.set_mode((1500, 777), pygame.RESIZABLE)  # as a system does
        yield []
        shown.append(pygame.surfarray.array3d(pygame.display.get_surface()))
        yield [QUIT]

    views = script(frames())
    show(catch_from_middle())  # waits for a key, so its view does not change
    assert len(views) == 2
    assert (shown[0] == pygame.surfarray.array3d(draw(views[0], (1500, 777)))).all()


def test_the_window_has_its_title_and_an_icon_of_its_own(script, monkeypatch):
    calls, set_mode = [], pygame.display.set_mode
    monkeypatch.setattr(pygame.display, "set_icon", calls.append)
    monkeypatch.setattr(
        pygame.display, "set_mode", lambda *a: (calls.append("open"), set_mode(*a))[1]
    )
    titles = []

    def frames():
        titles.append(pygame.display.get_caption()[0])
        yield [QUIT]

    script(frames())
    show(catch_from_middle(), title="Catch - runs/one")
    assert titles == ["Catch - runs/one"]
    icon, opened = calls
    assert opened == "open"
    ball, paddle = [icon.get_at((x, y))[:3] for x, y in ((16, 8), (16, 25))]
    assert (ball, paddle) == (PALETTE[255], panel.AGENT)
    assert icon.get_at((16, 16))[:3] not in (ball, paddle)


def test_a_covered_window_is_drawn_again(script):
    def drawings(events):
        views = script([[]] * 5 + [events] + [[]] * 5 + [[QUIT]])
        show(catch_from_middle())  # waits for a key, so its view does not change
        return len(views)

    assert drawings([pygame.event.Event(pygame.WINDOWEXPOSED)]) == drawings([]) + 1


def test_f12_saves_the_picture_and_never_overwrites(script, tmp_path):
    folder = tmp_path / "new"
    save = down(pygame.K_F12)
    views = script([[], [save, save], *[[]] * 60, [QUIT]])
    show(catch_from_middle(), None, title="Catch", screenshots=folder)  # waits for a key
    first, second = sorted(folder.iterdir())
    assert (first.name, second.name) == ("catch-0001.png", "catch-0002.png")
    with Image.open(first) as image:
        pixels = np.asarray(image.convert("RGB")).swapaxes(0, 1)
    assert (pixels == pygame.surfarray.array3d(draw(views[0], pixels.shape[:2]))).all()
    assert pixels.shape[0] == 1.125 * draw(views[0]).get_width()  # as large as in the window
    messages = [view.message for view in views]
    assert list(dict.fromkeys(messages)) == ["", "saved catch-0002.png"]
    assert messages[-1] == ""

    first.write_bytes(b"mine")
    script([[save], [QUIT]])
    show(catch_from_middle(), None, title="Catch", screenshots=folder)
    assert first.read_bytes() == b"mine"
    assert [path.name for path in sorted(folder.iterdir())][2:] == ["catch-0003.png"]


def test_a_screenshot_that_cannot_be_written_is_a_message(script, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    views = script([[down(pygame.K_F12)], [], [QUIT]])
    show(catch_from_middle(), None, screenshots=tmp_path / "file")
    assert "not saved: File exists" in [view.message for view in views]


def test_several_frames_are_shown_side_by_side_the_newest_last():
    game = Game(History(Catch(drift=True, pixels=84, render_mode="rgb_array"), 4), always(STAY))
    for _ in range(5):
        game.step()
    surface, board = draw(game.view()), draw(game.view()._replace(seen=()))
    assert surface.get_width() == board.get_width()
    top = board.get_height() + panel.MARGIN
    pitch = 480 / (4 - panel.GAP)
    side = pitch * (1 - panel.GAP)
    assert surface.get_height() - top - panel.MARGIN == round(side)
    for i in range(4):
        left = panel.MARGIN + i * pitch
        for row, column in ((0.06, 0.06), (0.97, 0.5), (0.5, 0.97), (0.97, 0.1), (0.2, 0.3)):
            x, y = int(column * 84), int(row * 84)
            pixel = surface.get_at(
                (int(left + (x + 0.5) * side / 84), int(top + (y + 0.5) * side / 84))
            )
            assert pixel[:3] == PALETTE[game.env.x[y, x, i]]
    balls = [np.argwhere(game.env.x[..., i] == 255).min(axis=0)[0] for i in range(4)]
    assert balls == sorted(balls)


@pytest.mark.parametrize("number", [2, 3, 4, 16])
@pytest.mark.parametrize("size", [None, (1600, 1400), (500, 500)])
def test_the_frames_together_are_as_wide_as_the_board(number, size):
    white = np.full((84, 84, number), 255, np.uint8)
    view = Game(Stacked(Arcade(), white), agent_with(18)).view()._replace(keys=())
    columns = pygame.surfarray.array3d(draw(view, size)).sum(axis=2)
    width, height = draw(view).get_size()
    scale = canvas.fitting((width, height), columns.shape)
    middle = int(columns.shape[1] / 2 + scale * (height / 2 - panel.MARGIN - 10))
    frames = np.flatnonzero(columns[:, middle] > 740)
    board = np.flatnonzero(columns[:, columns.shape[1] // 3] == sum(panel.LINE))
    assert (np.diff(frames) > 1).sum() == number - 1
    # The frame around the board is two units wide.
    assert frames[0] == pytest.approx(board[0] + 2 * scale, abs=1)
    board = board[board < board[0] + 400 * scale]  # not the lines in the panel
    assert frames[-1] == pytest.approx(board[-1] - 2 * scale, abs=1)


def test_a_single_frame_is_not_shown_beside_the_board():
    catch = Catch(render_mode="rgb_array")
    assert Game(History(catch, 1), always(STAY)).view().seen == ()
    assert Game(catch).view().seen == ()


# -- any game --------------------------------------------------------------------------------------

DIRECTIONS = ("UP", "RIGHT", "LEFT", "DOWN", "UPRIGHT", "UPLEFT", "DOWNRIGHT", "DOWNLEFT")
MEANINGS = ("NOOP", "FIRE", *DIRECTIONS, *(direction + "FIRE" for direction in DIRECTIONS))


class Arcade(gymnasium.Env):
    """A game with the 18 actions of the Arcade Learning Environment, and its keys."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 60}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(0, 255, (210, 160, 3, 1), np.uint8)
    action_space = gymnasium.spaces.Discrete(18)

    def __init__(self, rewards=(), ends="terminated"):
        self.rewards, self.ends, self.actions = rewards, ends, []

    def reset(self, **arguments):
        self.rewards_left = list(self.rewards)
        return self.render()[..., None], {}

    def step(self, action):
        self.actions.append(action)
        reward = self.rewards_left.pop(0) if self.rewards_left else 0.0
        over = bool(self.rewards) and not self.rewards_left
        ended = over and self.ends == "terminated", over and self.ends == "truncated"
        return self.render()[..., None], reward, *ended, {}

    def render(self):
        return np.full((210, 160, 3), len(self.actions) % 256, np.uint8)

    def get_action_meanings(self):
        return list(MEANINGS)

    def get_keys_to_action(self):
        letters = {"UP": "w", "DOWN": "s", "LEFT": "a", "RIGHT": "d", "FIRE": " "}
        keys = {("e",): 0}
        for action, meaning in enumerate(MEANINGS[1:], 1):
            keys[tuple(letters[part] for part in letters if part in meaning)] = action
        return keys

    def names_of_actions(self):
        return [MEANINGS[action] for action in self.actions]


def agent_with(n):
    """-> an agent for n actions."""
    return lambda observation: np.linspace(-1, 1, n)


def frozen_lake():
    return gymnasium.make("FrozenLake-v1", is_slippery=False, render_mode="rgb_array")


def cart_pole():
    return gymnasium.make("CartPole-v1", render_mode="rgb_array")


class Unnamed(Arcade):
    """A game with n actions that names neither keys nor actions; an action never ends it."""

    get_action_meanings = get_keys_to_action = property()  # so hasattr() is False

    def __init__(self, n):
        super().__init__()
        self.action_space = gymnasium.spaces.Discrete(n)


GYMNASIUMS = {
    "CartPole-v1": ("left", "right"),
    "MountainCar-v0": ("left", "none", "right"),
    "Acrobot-v1": ("left", "none", "right"),
    "FrozenLake-v1": ("left", "down", "right", "up"),
    "CliffWalking-v1": ("up", "right", "down", "left"),
    "Taxi-v4": ("down", "up", "right", "left", "pick up", "drop off"),
    "Blackjack-v1": ("stick", "hit"),
}


@pytest.mark.parametrize(("game", "names"), GYMNASIUMS.items())
def test_the_arrows_play_the_actions_that_gymnasiums_pages_name(game, names):
    game = Game(gymnasium.make(game, render_mode="rgb_array"))
    assert game.names == names
    assert len(names) == game.env.action_space.n
    assert game.view().sign == "press an arrow key to start"
    arrows = {"left": pygame.K_LEFT, "right": pygame.K_RIGHT, "up": pygame.K_UP}
    arrows |= {"down": pygame.K_DOWN, "stick": pygame.K_LEFT, "hit": pygame.K_RIGHT}
    for action, name in enumerate(names):
        keys = [key for key in (arrows.get(name), ord(str(action))) if key]
        if hasattr(game.env.unwrapped, "get_keys_to_action"):  # MountainCar has no numbers
            keys = keys[:1] if name in arrows else []
        for key in keys:
            game.press(key)
            assert game.hand() == action
            game.release(key)
            game.tapped = None
    assert game.hand() == (names.index("none") if "none" in names else None)


def test_the_engines_of_lunar_lander_have_arrows():
    class LunarLander(Unnamed):
        pass

    game = Game(LunarLander(4))
    assert game.names == ("none", "left engine", "main engine", "right engine")
    keys = [(), (pygame.K_LEFT,), (pygame.K_UP,), (pygame.K_RIGHT,)]
    assert [game.keys[frozenset(key)] for key in keys] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("game", "listed"),
    [
        (cart_pole, (("arrows", "move"),)),
        (lambda: Unnamed(2), (("arrows", "0, 1"),)),
        (lambda: Unnamed(3), (("0 to 2", "act"),)),
        (
            lambda: gymnasium.make("Blackjack-v1", render_mode="rgb_array"),
            (("arrows", "stick, hit"),),
        ),
        (
            lambda: gymnasium.make("Taxi-v4", render_mode="rgb_array"),
            (("arrows", "move"), ("4", "pick up"), ("5", "drop off")),
        ),
    ],
)
def test_the_key_list_says_what_the_keys_of_a_game_do(game, listed):
    assert Game(game()).listed == listed


def test_left_and_right_are_the_two_actions_of_a_game():
    game = Game(env := Unnamed(2))
    for key in (pygame.K_LEFT, pygame.K_RIGHT, pygame.K_1, pygame.K_0):
        tap(game, key)
        advance(game, 1)
    assert env.actions == [0, 1, 1, 0]


def test_keys_are_named_for_the_games_own_actions_which_may_begin_above_zero():
    class Shifted(Arcade):
        action_space = gymnasium.spaces.Discrete(18, start=5)

        def get_keys_to_action(self):
            return {keys: action + 5 for keys, action in super().get_keys_to_action().items()}

    class FromZero(gymnasium.ActionWrapper):
        action_space = gymnasium.spaces.Discrete(18)

        def action(self, action):
            return action + 5

    game = Game(env := FromZero(Shifted()))
    tap(game, pygame.K_RIGHT)
    advance(game, 2)
    assert env.unwrapped.actions == [5 + MEANINGS.index("RIGHT"), 5]


def test_the_actions_are_named_by_the_game_or_numbered():
    assert Game(catch_from_middle()).view().names == ("left", "stay", "right")
    assert Game(Arcade()).view().names[:3] == ("noop", "fire", "up")
    assert Game(Unnamed(3)).view().names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("held", "meaning"),
    [
        ("", "NOOP"),
        ("w", "UP"),
        ("wd", "UPRIGHT"),
        ("dw", "UPRIGHT"),
        ("s a", "DOWNLEFTFIRE"),
        ("e", "NOOP"),
        ("ad", "RIGHT"),  # no action has both keys: the last key counts
        ("da", "LEFT"),
    ],
)
def test_keys_held_together_are_one_action(held, meaning):
    arrows = {"w": pygame.K_UP, "s": pygame.K_DOWN, "a": pygame.K_LEFT, "d": pygame.K_RIGHT}
    for keys in ([ord(key) for key in held], [arrows.get(key, ord(key)) for key in held]):
        game = Game(env := Arcade())
        tap(game, pygame.K_SPACE)
        advance(game, 1)
        for key in keys:
            game.press(key)
        advance(game, 2)
        assert env.names_of_actions() == ["FIRE", meaning, meaning]


def test_a_tap_combines_once_with_the_held_keys():
    game = Game(env := Arcade())
    game.press(pygame.K_RIGHT)
    tap(game, pygame.K_SPACE)
    advance(game, 2)
    assert env.names_of_actions() == ["RIGHTFIRE", "RIGHT"]
    tap(game, pygame.K_a)  # against the held key
    advance(game, 2)
    assert env.names_of_actions()[2:] == ["LEFT", "RIGHT"]


def test_arrow_keys_of_pygame_1_are_understood():
    game = Game(gymnasium.make("MountainCar-v0", render_mode="rgb_array"))
    assert game.view().sign == "press an arrow key to start"
    actions = [game.hand()]
    for key in (pygame.K_LEFT, pygame.K_RIGHT):
        game.press(key)
        actions.append(game.hand())
    game.release(pygame.K_LEFT)
    assert [*actions, game.hand()] == [1, 0, 1, 2]


def test_the_games_keys_take_precedence_and_the_panel_names_the_others():
    game = Game(env := Arcade(), agent_with(18))
    tap(game, pygame.K_m)
    for key in (pygame.K_SPACE, pygame.K_s):
        tap(game, key)
        advance(game, 1)
    assert env.names_of_actions() == ["FIRE", "DOWN"]
    tap(game, pygame.K_p)
    assert game.view().sign == "paused"
    keys = game.view().keys
    assert keys[:2] == (("arrows", "move"), ("space", "fire"))
    assert {("F12", "screenshot"), ("P", "pause"), ("M", "give back"), ("H", "hint")} <= set(keys)
    keys = Game(catch_from_middle()).view().keys
    assert keys[0] == ("arrows", "move")
    assert ("F12", "screenshot") in keys


def test_a_game_may_use_every_letter_key():
    class Typing(Arcade):
        def get_keys_to_action(self):
            return {"m": 1, ("h",): 2, (ord("p"),): 3, "+": 4, "=": 5, "-": 6, ord("x"): 7, "mh": 8}

    game = Game(env := Typing(), agent_with(18))
    for key in (pygame.K_F2, pygame.K_F3, pygame.K_F5):
        tap(game, key)
    view = game.view()
    assert (view.by_hand, view.hint, view.speed) == (True, True, 60.0)
    tap(game, pygame.K_F4)
    assert game.view().speed == 60.0 / control.FASTER
    tap(game, pygame.K_SPACE)
    assert game.view().sign == "paused"
    tap(game, pygame.K_F1)
    for key in "mhp+=-x":
        tap(game, ord(key))
        advance(game, 1)
    game.press(pygame.K_m)
    game.press(pygame.K_h)
    advance(game, 1)
    assert env.actions == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {("X", "upleft"), ("space", "pause"), ("[+] [-]", "speed")} <= set(view.keys)
    assert {("F2", "give back"), ("F3", "hint"), ("F12", "screenshot")} <= set(view.keys)


def test_a_game_without_keys_is_played_with_numbers_and_waits_for_them():
    game = Game(frozen_lake())
    lake = game.env.unwrapped
    assert Game(Unnamed(4)).view().sign == "press a number key to start"
    tap(game, pygame.K_2)
    game.advance(0.25)
    assert (lake.s, game.view().sign) == (1, "")
    for _ in range(20):
        game.advance(0.24)
    assert lake.s == 1  # the game waits for a key
    game.press(pygame.K_2)
    game.advance(0.01)  # and continues at once
    assert lake.s == 2
    game.advance(0.22)  # at 4 steps a second
    assert lake.s == 2
    game.advance(0.02)
    assert lake.s == 3
    game.release(pygame.K_2)
    tap(game, pygame.K_0)
    for _ in range(10):
        game.advance(0.1)
    assert lake.s == 2


def test_without_a_key_the_action_is_noop():
    class Named(Arcade):
        get_keys_to_action = property()  # so hasattr() is False

    game = Game(env := Named())
    tap(game, pygame.K_3)
    advance(game, 2)
    assert env.names_of_actions() == ["RIGHT", "NOOP"]


def test_the_speed_comes_from_the_game():
    game = Game(cart_pole(), agent_with(2))
    assert (game.speeds, game.fastest) == ({False: 50, True: 50}, 60)
    arcade = Arcade()
    slower = gymnasium.Wrapper(arcade)
    slower.metadata = {"render_fps": 15}
    assert Game(slower).view().speed == 15
    slower.metadata = {"play_fps": 10}
    assert Game(slower).speeds == {False: 60, True: 10}
    arcade.metadata = {"render_fps": 240}
    for _ in range(9):
        tap(game := Game(arcade), pygame.K_PLUS)
    assert (game.view().speed, game.fastest) == (240, 240)
    arcade.metadata = {}
    assert Game(arcade).view().speed == 30


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
@pytest.mark.parametrize(
    ("rewards", "sign", "colour"),
    [
        ((np.float32(0.5), 11.5), "return +12", panel.GOOD),
        ((1, -2), f"return {panel.MINUS}1", panel.BAD),
        ((1, -1), "return 0", panel.TEXT),
    ],
)
def test_a_game_without_outcomes_shows_the_return(rewards, sign, colour, ends, monkeypatch):
    game = Game(Arcade(rewards, ends), agent_with(18))
    game.step()
    assert game.view().sign == ""
    game.step()
    assert game.view().sign == sign
    colours = {colour for _, colour in to_image(draw(game.view())).getcolors(1_000_000)}
    assert colours & {panel.GOOD, panel.BAD} == {colour} - {panel.TEXT}
    total = sum(rewards)
    assert game.tallies[False] == Tally("", 1, total > 0, total > 0, total > 0, total, total)
    words = words_of(game.view(), monkeypatch)
    assert words[words.index("mean return") + 1] == sign.removeprefix("return ")
    assert "streak" not in words
    game.step()
    assert game.view().sign == ""


def test_the_end_of_a_fast_game_is_shown_long_enough_to_read():
    game = Game(env := Arcade((1, 1)), agent_with(18))  # 60 steps a second
    seconds = 0
    while len(env.actions) < 3:
        game.advance(0.001)
        seconds += 0.001
    # 2 steps to the end, which is shown for half a second, and 1 step of the next episode.
    assert seconds == pytest.approx(3 / 60 + 0.5, abs=0.01)


@pytest.mark.parametrize(
    ("size", "size_in_window"),
    [
        ((210, 160), (320, 420)),
        ((256, 256), (512, 512)),
        ((400, 600), (600, 400)),
        ((84, 84), (504, 504)),
        ((720, 30), (30, 720)),
        ((1080, 1920), (720, 405)),
        ((1, 1), (480, 480)),
    ],
)
def test_pictures_are_enlarged_by_a_whole_factor_or_shrunk(size, size_in_window):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    board, view = board_in_window(pixels)
    assert board.shape[1::-1] == size_in_window == panel.board_size(view)
    factor = size_in_window[0] // size[1]
    if factor:
        assert (board == pixels.repeat(factor, axis=0).repeat(factor, axis=1)).all()
    else:  # neighbouring pixels are averaged, so the noise is smaller
        assert board.std() < 0.7 * pixels.std()


def board_in_window(pixels, scale=1):
    """-> (the part of the window that shows this picture of a game, the view)."""
    env = Arcade()
    env.render = lambda: pixels
    env.reset = lambda: (np.zeros(4), {})
    view = Game(env, agent_with(18)).view()
    natural = draw(view).get_size()
    drawn = pygame.surfarray.array3d(draw(view, [scale * side for side in natural])).swapaxes(0, 1)
    board = pygame.Rect((0, 0), panel.board_size(view))
    width = max(board.width, panel.LEAST_BOARD[0])
    board.center = pygame.Rect(panel.MARGIN, 0, width, natural[1]).center
    left, top, right, bottom = (scale * x for x in (*board.topleft, *board.bottomright))
    return drawn[top:bottom, left:right], view


def test_a_larger_window_is_drawn_anew_not_blurred():
    pixels = np.random.default_rng(0).integers(0, 256, (240, 240, 3)).astype(np.uint8)
    board, _ = board_in_window(pixels, scale=2)
    assert (board == pixels.repeat(4, axis=0).repeat(4, axis=1)).all()
    view = Game(catch_from_middle(), always(STAY)).view()
    small = draw(view)
    large = draw(view, (2 * small.get_width(), 2 * small.get_height()))
    blurred = pygame.transform.smoothscale_by(small, 2)
    panels = [pygame.surfarray.array3d(s)[-600:, :600].astype(int) for s in (large, blurred)]
    # The edges of sharp letters are steeper.
    steepest = [abs(np.diff(pixels, axis=0)).sum(axis=2) for pixels in panels]
    assert (steepest[0] > 500).sum() > 2 * (steepest[1] > 500).sum()


@pytest.mark.parametrize(
    ("room", "scale"),
    [((100, 50), 1), ((200, 100), 2), ((1000, 137), 2.625), ((99, 1000), 0.875), ((1, 1), 0.125)],
)
def test_the_scale_is_the_largest_eighth_that_fits(room, scale):
    assert canvas.fitting((100, 50), room) == scale


@pytest.mark.parametrize("scale", [0.5, 0.875, 1.375, 2, 3.5])
def test_the_picture_is_in_the_middle_of_a_window_of_any_size(scale):
    view = Game(catch_from_middle(), always(STAY)).view()
    width, height = draw(view).get_size()
    exact = draw(view, (int(scale * width), int(scale * height)))
    wide = draw(view, (int(scale * width) + 40, int(scale * height) + 20))
    assert wide.get_size() == (int(scale * width) + 40, int(scale * height) + 20)
    pixels = [pygame.surfarray.array3d(surface) for surface in (wide, exact)]
    assert (pixels[0][20:-20, 10:-10] == pixels[1]).all()
    assert (pixels[0][:20] == panel.BACK).all()
    assert draw(view, (7, 3)).get_size() == (7, 3)  # even the smallest window


COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 4)).astype(np.uint8)


@pytest.mark.parametrize(
    ("rendered", "shown"),
    [
        (COLOURS[..., :3], COLOURS[..., :3]),
        (np.ascontiguousarray(COLOURS[..., :3]), COLOURS[..., :3]),
        (COLOURS, COLOURS[..., :3]),
        (COLOURS[..., 0], COLOURS[..., [0, 0, 0]]),
        (COLOURS[..., :1], COLOURS[..., [0, 0, 0]]),
        (COLOURS[::-1, ::2], COLOURS[::-1, ::2, :3]),
        (np.asfortranarray(COLOURS), COLOURS[..., :3]),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_game_may_draw_grey_or_colour_with_or_without_alpha(rendered, shown, listed):
    env = Arcade()
    env.reset = lambda: (np.zeros(4), {})
    env.render = lambda: [rendered[:2], rendered] if listed else rendered
    board = Game(env).view(newest=True).board
    assert (pygame.surfarray.array3d(board).swapaxes(0, 1) == shown).all()


@pytest.mark.parametrize(
    ("rendered", "got"),
    [
        (None, "None"),
        ([], "[]"),
        ([None], "None"),
        ("board", "'board'"),
        (np.zeros((4, 4), bool), "bool (4, 4)"),
        (np.zeros((4, 4, 3)), "float64 (4, 4, 3)"),
        (np.zeros(4, np.uint8), "uint8 (4,)"),
        (np.zeros((4, 4, 2), np.uint8), "uint8 (4, 4, 2)"),
        (np.zeros((3, 4, 4, 3), np.uint8), "uint8 (3, 4, 4, 3)"),
        (np.zeros((0, 4, 3), np.uint8), "uint8 (0, 4, 3)"),
        (np.uint8(7), "np.uint8(7)"),
    ],
)
def test_other_pictures_are_refused_in_one_line(rendered, got):
    env = Arcade()
    env.reset = lambda: (np.zeros(4), {})
    env.render = lambda: rendered
    expected = f"render: expected a picture (height, width, 3) of uint8, got {got}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        Game(env).view()


class Television(Arcade):
    """Draws four pictures a step, each brighter than the last, of 10 x 40 wide pixels."""

    metadata = {"render_fps": 15, "pixel_aspect": 2}  # noqa: RUF012

    def reset(self, **arguments):
        return np.zeros((40, 10, 3, 1), np.uint8), {"lives": 3}

    def step(self, action):
        return np.zeros((40, 10, 3, 1), np.uint8), 0.0, False, False, {"lives": 2}

    def render(self):
        return [np.full((40, 10, 3), level, np.uint8) for level in (50, 100, 150, 200)]


def test_several_pictures_a_step_are_shown_one_after_the_other():
    game = Game(Television(), agent_with(18))
    game.step()

    def level(view):
        return view.board.get_at((5, 5)).r

    levels = []
    for _ in range(8):  # two steps at sixty pictures a second
        levels.append(level(game.view()))
        game.advance(1 / 60)
    assert levels == 2 * [50, 100, 150, 200]
    assert level(game.view(newest=True)) == 200  # an animation has one picture a step


def test_wide_pixels_and_lives_are_shown():
    game = Game(Television(), agent_with(18))
    width, height = panel.board_size(game.view())
    assert width / height == 10 * 2 / 40
    assert ("lives", 3) in panel.tally_rows(game.view())
    game.step()
    assert ("lives", 2) in panel.tally_rows(game.view())
    assert "lives" not in dict(panel.tally_rows(Game(Arcade(), agent_with(18)).view()))


class Stacked(gymnasium.ObservationWrapper):
    """The game with the given observation in every step."""

    def __init__(self, env, observation):
        super().__init__(env)
        self.fixed_observation = observation
        dtype = observation.dtype
        self.observation_space = gymnasium.spaces.Box(0, 255, observation.shape, dtype)

    def observation(self, observation):
        return self.fixed_observation


def strip(env, *frames):
    """-> the colour at the centre of each shown frame."""
    seen = Game(Stacked(env, np.stack(frames, axis=-1)), agent_with(18)).view().seen
    return [tuple(frame.get_at((40, 50)))[:3] for frame in seen]


def flat(colour, size=(84, 84)):
    return np.full((*size, len(colour)), colour, np.uint8).squeeze()


def test_frames_are_shown_in_grey_or_in_colour():
    greys = [(0,), (64,), (192,), (255,)]
    assert strip(Arcade(), *map(flat, greys)) == [grey * 3 for grey in greys]
    colours = [(200, 100, 50), (10, 20, 30), (140, 206, 255)]
    assert strip(Arcade(), *map(flat, colours)) == colours
    # Three grey frames are not drawn as one frame in colour.
    assert strip(Arcade(), *map(flat, greys[1:])) == [grey * 3 for grey in greys[1:]]


@pytest.mark.parametrize(
    "observation",
    [
        np.zeros(4, np.float32),
        np.zeros((4, 1), np.float32),
        np.zeros((8, 4), np.uint8),
        np.zeros((84, 84, 1), np.uint8),
        np.zeros((84, 84, 3, 1), np.uint8),
        np.zeros((84, 84, 4), np.float32),
        np.zeros((10, 10, 6, 2), np.uint8),  # planes of features, which have no colours
    ],
)
def test_vectors_and_single_frames_are_not_shown(observation):
    assert Game(Stacked(Arcade(), observation), agent_with(18)).view().seen == ()


def test_many_frames_fit_into_the_window(monkeypatch):
    game = Game(Stacked(Arcade(), np.zeros((84, 84, 16), np.uint8)), agent_with(18))
    draw_without_overlaps(game.view(), monkeypatch)


@pytest.mark.parametrize("n", [2, 5, 6, 7, 9, 12, 17, 18])
@pytest.mark.parametrize("names", ["meanings", "long", "numbers"])
def test_the_panel_has_room_for_any_number_of_actions(n, names, monkeypatch):
    class Few(Arcade):
        action_space = gymnasium.spaces.Discrete(n)

        def get_action_meanings(self):
            names_by_kind = {
                "meanings": MEANINGS[::-1],
                "long": ["accelerate with all wheels"] * n,
                "numbers": [str(i) for i in range(n)],
            }
            return names_by_kind[names][:n]

        def get_keys_to_action(self):
            return {(chr(ord("a") + i),): i for i in range(min(n, 9))}

    q_values = np.array([(-1e30, 99.99, -12.5)[i % 3] for i in range(n)])
    game = Game(Few(), lambda observation: q_values)
    surface = draw_without_overlaps(crowded(game), monkeypatch)
    assert surface.get_height() <= 536 or n > 5
    draw_without_overlaps(crowded(game), monkeypatch, (1366, 768))


def test_the_names_of_the_arcade_are_not_squeezed(monkeypatch):
    words = words_of(Game(Arcade(), agent_with(18)).view(), monkeypatch)
    assert {meaning.lower() for meaning in MEANINGS} <= set(words)
    sheet = canvas.Canvas(None, 1)
    assert max(sheet.width(name.lower(), panel.NORMAL) for name in MEANINGS) <= panel.MOST_NAME


def test_words_that_are_too_wide_are_squeezed_not_cut():
    def ink(most):
        sheet = canvas.Canvas(pygame.Surface((400, 40), depth=24), 1.5)
        sheet.write("accelerate with all wheels", panel.TEXT, 22, most, midleft=(0, 13))
        return np.flatnonzero(pygame.surfarray.array3d(sheet.surface).any(axis=(1, 2)))

    free, squeezed = ink(1000), ink(100)
    assert free[-1] > 1.5 * 150
    assert 1.5 * 98 < squeezed[-1] < 1.5 * 100
    assert ink(free[-1] / 1.5 + 3)[-1] == free[-1]


def test_pong_in_the_window():
    ale_py = pytest.importorskip("ale_py")
    gymnasium.register_envs(ale_py)
    env = gymnasium.make("ALE/Pong-v5", render_mode="rgb_array", repeat_action_probability=0.0)
    env.reset(seed=0)
    game = Game(env, agent_with(6))
    assert game.view().names == ("noop", "fire", "right", "left", "rightfire", "leftfire")
    assert game.view().keys[:2] == (("arrows", "move"), ("space", "fire"))
    assert panel.board_size(game.view()) == (320, 420)
    tap(game, pygame.K_m)
    assert game.hand() == 0
    for keys, action in (("d", 2), ("a", 3), ("d ", 4), ("a ", 5), (" ", 1)):
        for key in keys:
            game.press(ord(key))
        assert game.hand() == action
        for key in keys:
            game.release(ord(key))
        game.step()
    full = gymnasium.make("ALE/Pong-v5", render_mode="rgb_array", full_action_space=True)
    assert Game(full).view().names == tuple(meaning.lower() for meaning in MEANINGS)
    for key, action in Arcade().get_keys_to_action().items():
        assert full.unwrapped.get_keys_to_action()[key] == action


def test_down_is_not_left_in_enduro():
    """It has down but no up, so the keys left and right have nothing else to do."""
    pytest.importorskip("ale_py")
    env = any_game.task("ALE/Enduro-v5").make()
    meanings = env.get_action_meanings()
    game_keys = {"".join(k): meanings[action] for k, action in env.get_keys_to_action().items()}
    assert game_keys["s"] == "DOWN"
    assert (game_keys["a"], game_keys["d"], game_keys[" "]) == ("LEFT", "RIGHT", "FIRE")
    down = [sorted(k) for k, meaning in game_keys.items() if meaning.startswith("DOWN")]
    assert all("s" in pressed for pressed in down)
    assert all(pressed.count("s") == 1 for pressed in down)


def test_the_window_imports_no_learner_and_no_game():
    code = (
        "import sys, games.window.window;"
        "assert not {'dqn_symbolic', 'games.catch', 'pytensor'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_screenshot_has_one_key_for_all_games(script, tmp_path):
    env = Arcade()
    env.metadata = {"render_fps": 120}
    script([[down(pygame.K_s)], [], [down(pygame.K_F12)], [QUIT]])
    show(env, title="ALE/Some game-v5", screenshots=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ale-some-game-v5-0001.png"]
    assert env.names_of_actions()[0] == "DOWN"
    assert set(script.speeds) == {120}  # frames a second: they limit the speed of the game


@pytest.mark.parametrize(
    ("make", "name"), [(Arcade, "arcade-0001.png"), (cart_pole, "cartpole-0001.png")]
)
def test_a_screenshot_has_the_name_of_the_game(make, name, script, tmp_path):
    script([[down(pygame.K_F12)], [QUIT]])
    show(make(), screenshots=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert set(script.speeds) == {60}


@pytest.mark.parametrize("make", [cart_pole, frozen_lake])
def test_show_takes_any_game(make, script):
    views = script([[]] * 30 + [[down(pygame.K_p)], [QUIT]])
    n = int(make().action_space.n)
    show(make(), agent_with(n), title="a game")
    assert views[-1].sign in ("paused", "") or views[-1].verdict
    assert len({view.board for view in views}) > 3


# -- the picture -----------------------------------------------------------------------------------


def bars(q_values, marked=None, reach=None):
    """-> for each action (colour, first pixel, last pixel) of its bar, counted from the middle."""
    view = Game(catch_from_middle(), lambda observation: q_values).view()._replace(marked=marked)
    view = view if reach is None else view._replace(reach=reach)
    surface = draw(view)
    edge = surface.get_width() - panel.MARGIN - panel.PANEL_WIDTH
    left, right = edge + panel.BAR_LEFT, edge + panel.BAR_RIGHT
    middle = (left + right) // 2
    drawn_bars = []
    for action in range(3):
        y = panel.MARGIN + panel.BARS_TOP + action * panel.BAR_PITCH + 2
        row = [tuple(surface.get_at((x, y)))[:3] for x in range(left - 4, right + 4)]
        filled = [x for x, c in enumerate(row) if c in (panel.AGENT, panel.BAR, panel.TEXT)]
        colour = row[filled[0]] if filled else None
        ends = [left - 4 + x - middle for x in (filled[0], filled[-1])] if filled else [0, 0]
        drawn_bars.append((colour, *ends))
    return drawn_bars


HALF = (panel.BAR_RIGHT - panel.BAR_LEFT) / 2  # the track, on either side of the mean


@pytest.mark.parametrize("level", [0.0, 0.3, -12.0])
def test_a_bar_is_as_long_as_its_action_is_above_or_below_the_mean(level):
    left, stay, right = bars((level - 0.02, level + 0.005, level + 0.015), reach=0.01)
    assert left[1:] == pytest.approx((-HALF, -1), abs=2)
    assert stay[1:] == pytest.approx((1, 0.25 * HALF - 1), abs=1)
    assert right[1:] == pytest.approx((1, 0.75 * HALF - 1), abs=1)


def test_the_axis_and_the_mean_are_written_beside_the_bars(monkeypatch):
    game = Game(catch_from_middle(), lambda observation: (0.28, 0.3, 0.32))
    words = words_of(game.view(), monkeypatch)
    assert words[words.index("Q-values") + 1] == "mean +0.3000"
    assert {f"{panel.MINUS}0.05", "mean", "+0.05", "+0.2800", "+0.3000", "+0.3200"} <= set(words)


def test_the_axis_is_steady_and_follows_what_is_usual():
    differences = iter([0.02, 0.03, 0.01, 0.02, 0.9, 0.02, 0.02, 0.01, 0.9, 0.03])
    env = catch_from_middle(rows=100)
    game = Game(env, lambda x: (0.0, next(differences, 5.0), 0.0))
    ends = []
    for _ in range(10):
        ends.append(panel.round_number(2 * game.view().reach))
        game.step()
    assert ends == [0.05] * 10  # two thirds of .02 are usual; the .9 do not count
    for _ in range(32):  # four seconds later
        game.step()
    assert panel.round_number(2 * game.view().reach) == 10


def test_a_bar_that_is_longer_than_the_axis_ends_in_a_light_tip():
    view = Game(catch_from_middle(), lambda x: (-1.0, 0.0, 1.0)).view()
    tips = []
    for reach in (0.5, 0.2):  # the axis ends at 1, at .5
        sheet = pygame.surfarray.array3d(draw(view._replace(reach=reach)))
        y = panel.MARGIN + panel.BARS_TOP + 2 + panel.BAR_PITCH * np.arange(3)
        edge = sheet.shape[0] - panel.MARGIN - panel.PANEL_WIDTH
        track = sheet[edge + panel.BAR_LEFT - 3 : edge + panel.BAR_RIGHT + 3][:, y]
        tips.append((track == panel.TEXT).all(axis=2).sum(axis=0).tolist())
    assert tips == [[0, 0, 0], [4, 0, 4]]


@pytest.mark.parametrize(
    ("least", "number"),
    [(0.0, 1e-6), (0.011, 0.02), (0.02, 0.02), (0.3, 0.5), (0.51, 1), (1000, 1000), (6e37, 1e38)],
)
def test_the_axis_ends_at_a_round_number(least, number):
    assert panel.round_number(least) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize(
    ("q", "end", "text"),
    [
        (0.30412, 0.05, "+0.3041"),
        (0.5, 1, "+0.50"),
        (12.0, 20, "+12.0"),
        (-12.3456, 0.05, "-12.346"),
        (1234.5, 0.01, "+1234.5"),
        (-9999.7, 0.01, "-10000"),
        (1e30, 1, "+1e+30"),
        (float("nan"), 1, "+nan"),
        (float("-inf"), 1, "-inf"),
    ],
)
def test_q_values_have_the_digits_in_which_they_differ(q, end, text):
    assert panel.q_value(q, end) == text.replace("-", panel.MINUS)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1e30])
def test_a_diverged_agent_can_be_watched(odd):
    half = (panel.BAR_RIGHT - panel.BAR_LEFT) // 2
    for _, first, last in bars((odd, 0.5, 1.0)):
        assert -half - 3 <= first <= last <= half + 3


def test_the_bar_of_the_greedy_action_is_highlighted():
    for action in (LEFT, STAY, RIGHT):
        q_values = np.full(3, 0.5)
        q_values[action] = 0.9
        marked = Game(catch_from_middle(), lambda observation, q=q_values: q).view().marked
        highlighted = [colour == panel.AGENT for colour, _, _ in bars(q_values, marked)]
        assert highlighted == [other == action for other in (LEFT, STAY, RIGHT)]


def test_the_picture_contains_the_board_in_its_colours():
    env = Recorded(4, 4, 1, starts=[State(0, 2, 0, 1)])
    surface = draw(Game(env, always(STAY)).view())
    cells = {(0, 2): PALETTE[255], (3, 1): PALETTE[192], (1, 1): PALETTE[0]}
    for (row, column), colour in cells.items():
        position = (panel.MARGIN + 120 * column + 50, panel.MARGIN + 120 * row + 50)
        assert tuple(surface.get_at(position))[:3] == colour


def words_of(view, monkeypatch):
    """-> every text in the picture, from top to bottom."""
    texts = []
    monkeypatch.setattr(Canvas, "write", lambda canvas, text, *_, **anchor: texts.append(text))
    draw(view)
    return texts


def test_the_panel_shows_who_plays_the_score_and_the_keys(monkeypatch):
    game = Game(catch_from_middle(), lambda observation: (-0.25, 0.5, 12.0))
    tally = Tally("caught", episodes=8, won=6, streak=3, best_streak=4, score=4.0, best=1.0)
    words = words_of(game.view()._replace(tally=tally), monkeypatch)
    assert words[:2] == ["agent plays", "8 steps/s"]
    assert [words[words.index(name) + 1] for name in ("left", "stay", "right")] == [
        f"{panel.MINUS}0.2",
        "+0.5",
        "+12.0",
    ]
    numbers = {
        "mean return": "+0.5",
        "best return": "+1",
        "episodes": "8",
        "caught": "75%",
        "streak": "3",
        "best streak": "4",
    }
    assert {name: words[words.index(name) + 1] for name in numbers} == numbers
    assert {"M", "H", "P", "F12", "Esc", "take over"} <= set(words)
    tap(game, pygame.K_m)
    assert {"you play", "5 steps/s", "give back"} <= set(words_of(game.view(), monkeypatch))


def test_without_an_agent_the_panel_shows_no_q_values(monkeypatch):
    words = set(words_of(Game(catch_from_middle()).view(), monkeypatch))
    assert {
        "you play",
        "arrows",
        "press an arrow key to start",
        "caught",
        "streak",
        "best streak",
    } <= words
    assert not {"Q-values", "left", "M", "H"} & words


def test_drawing_does_not_change_the_board():
    view = Game(catch_from_middle(), always(STAY)).view()
    before = pygame.image.tobytes(view.board, "RGB")
    first, second = draw(view), draw(view)
    assert pygame.image.tobytes(first, "RGB") == pygame.image.tobytes(second, "RGB")
    assert pygame.image.tobytes(view.board, "RGB") == before


@pytest.mark.parametrize("sign", ["", "press an arrow key to start", "paused"])
@pytest.mark.parametrize("q_values", [None, (-1e30, 99.99, float("-inf"))])
@pytest.mark.parametrize(
    ("rows", "columns"), [(2, 1), (2, 84), (84, 1), (10, 5), (10, 10), (84, 84), (100, 90)]
)
def test_texts_stay_in_the_picture_and_do_not_overlap(rows, columns, q_values, sign, monkeypatch):
    catch = Catch(rows, columns, 1, render_mode="rgb_array")
    game = Game(catch, None if q_values is None else lambda observation: q_values)
    surface = draw_without_overlaps(crowded(game, sign), monkeypatch)
    assert surface.get_height() == panel.LEAST_BOARD[1] + 2 * panel.MARGIN
    for scale in (0.75, 1.125, 1.625, 3):
        size = [scale * side for side in surface.get_size()]
        draw_without_overlaps(crowded(game, sign), monkeypatch, size)


def crowded(game, sign=""):
    """-> the game's view with the longest texts that it can have."""
    tally = Tally(game.view().tally.win, 123456, 123456, 123456, 123456, -123456.0, -1e6)
    return game.view()._replace(
        sign=sign,
        by_hand=True,
        hint=game.agent is not None,
        marked=None if game.agent is None else len(game.names) - 1,
        speed=60.0,
        episode_return=-1.0,
        tally=tally,
        message="not saved: No space left on device",
    )


def draw_without_overlaps(view, monkeypatch, size=None):
    """-> the picture. Fails if texts leave it or overlap texts, a bar or the edge of a key."""
    texts, boxes, draw_rect = [], [], Canvas.rect

    def rect(sheet, colour, rect, *edge, **corners):
        if colour == panel.TRACK:
            boxes.append(sheet.pixels(rect))
        return draw_rect(sheet, colour, rect, *edge, **corners)

    def write(sheet, text, colour, height, most=np.inf, **anchor):
        width, height = canvas.text(text, colour, height * sheet.scale).get_size()
        rect = pygame.Rect(0, 0, min(width, most * sheet.scale), height)
        for side, (x, y) in anchor.items():
            setattr(rect, side, (round(x * sheet.scale), round(y * sheet.scale)))
        assert sheet.surface.get_rect().contains(rect), text
        assert rect.inflate(0, 3).collidelist(texts) == -1, text
        if text:
            texts.append(rect)

    monkeypatch.setattr(Canvas, "write", write)
    monkeypatch.setattr(Canvas, "rect", rect)
    surface = draw(view, size)
    bars = 0 if view.q_values is None else len(view.q_values)
    assert len(boxes) == bars + len(view.keys)
    assert len(texts) >= 14 + 2 * bars
    for number, box in enumerate(boxes):
        assert box.collidelist(boxes[number + 1 :]) == -1
        inside = [text for text in texts if box.colliderect(text)]
        assert len(inside) == (number >= bars)  # a key contains its name
        assert all(box.contains(text) for text in inside)
    return surface


# -- the recording ---------------------------------------------------------------------------------


def record(env, q_values, path, *how):
    """As `watch --gif` does."""
    write_whole(path, lambda file: window.record(env, q_values, file, *how))


def in_gif(view):
    """-> the picture of a view as an animation has it: without the keys."""
    return to_image(draw(view._replace(keys=())))


def test_the_recording_is_an_animation_of_every_step(tmp_path):
    pygame.display.quit()
    path = tmp_path / "catch.gif"
    env = Catch(6, 5, 1, render_mode="rgb_array")
    env.reset(seed=0)
    record(env, always(STAY), path, 5)  # an episode takes 1.6 seconds
    assert not pygame.display.get_init()
    env.reset(seed=0)
    game = Game(env, always(STAY))
    with Image.open(path) as gif:
        assert gif.n_frames == 18
        assert gif.size == in_gif(game.view()).size
        durations = []
        for frame in ImageSequence.Iterator(gif):
            drawn = np.asarray(in_gif(game.view()), int)
            difference = abs(np.asarray(frame.convert("RGB"), int) - drawn)
            assert difference.max() < 24  # at the edges of letters
            for colour in (panel.BACK, panel.TRACK, panel.TEXT, panel.AGENT, PALETTE[0]):
                in_colour = (drawn == colour).all(axis=2)
                assert difference[in_colour].max(initial=0) == 0
            durations.append(frame.info["duration"])
            game.step()
    assert durations == ([120] * 5 + [1000]) * 3
    assert list(tmp_path.iterdir()) == [path]


def test_an_animation_has_no_key_list(monkeypatch, tmp_path):
    words = []
    write = Canvas.write
    monkeypatch.setattr(Canvas, "write", lambda *a, **k: (words.append(a[1]), write(*a, **k)))
    record(catch_from_middle(), always(STAY), tmp_path / "catch.gif", 1)
    assert {"agent plays", "streak"} <= set(words)
    assert not {"arrows", "M", "Esc", "leave"} & set(words)


@pytest.mark.slow
def test_a_recording_is_small(tmp_path):
    path = tmp_path / "catch.gif"
    random = np.random.default_rng(0)
    catch = Catch(render_mode="rgb_array")
    record(catch, lambda observation: random.uniform(-1, 1, 3), path, 10)
    assert path.stat().st_size < 500_000


@pytest.mark.parametrize("failing", ["write", "replace", "Ctrl-C"])
def test_a_recording_appears_whole_or_not_at_all(failing, tmp_path, monkeypatch):
    path = tmp_path / "catch.gif"
    path.write_bytes(b"an earlier recording")
    no_space = OSError(errno.ENOSPC, "No space left on device")

    def write(picture, file, *kind, **options):
        file.write(b"half a picture")
        file.flush()
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt if failing == "Ctrl-C" else no_space

    def replace(source, target):
        with Image.open(source) as gif:
            assert gif.n_frames == 9
        no_space.filename, no_space.filename2 = str(source), str(target)
        raise no_space

    if failing == "replace":
        monkeypatch.setattr(window.os, "replace", replace)
    else:
        monkeypatch.setattr(Image.Image, "save", write)
    with pytest.raises(KeyboardInterrupt if failing == "Ctrl-C" else OSError) as raised:
        record(catch_from_middle(), always(STAY), path, 1)
    if failing != "Ctrl-C":
        assert "No space" in str(raised.value)
        assert (raised.value.filename, raised.value.filename2) == (str(path), None)
    assert path.read_bytes() == b"an earlier recording"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_recording_that_cannot_be_written_names_its_own_path(folder, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / folder / "catch.gif"
    with pytest.raises((FileNotFoundError, NotADirectoryError)) as raised:
        record(catch_from_middle(), always(STAY), path)
    assert raised.value.filename == str(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("quiet", [True, False])
def test_a_terminal_sees_the_progress_of_a_recording(
    terminal, quiet, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    record(catch_from_middle(), always(STAY), tmp_path / "catch.gif", 1, quiet)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("0%" in err and "left" in err) == bool(err) == (terminal and not quiet)


def recorded(env, tmp_path, monkeypatch, seconds):
    """-> (the drawn views, their milliseconds in the GIF)."""
    views, draw = [], window.draw

    def recording_draw(view, size=None):
        views.append(view)
        return draw(view, size)

    monkeypatch.setattr(window, "draw", recording_draw)
    n = env.action_space.n
    record(env, agent_with(n), tmp_path / "game.gif", seconds)
    with Image.open(tmp_path / "game.gif") as gif:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert len(durations) == len(views)
    return views, durations


SLOW = [pytest.param(speed, marks=pytest.mark.slow) for speed in (1, 5, 15, 25, 30, 45, 50, 100)]


@pytest.mark.parametrize("speed", [60, *SLOW])
def test_a_recording_keeps_the_games_speed_and_draws_at_most_25_frames_a_second(
    speed, tmp_path, monkeypatch
):
    env = Arcade((1.0,) * 41)
    env.metadata = {"render_fps": speed}
    views, durations = recorded(env, tmp_path, monkeypatch, 41 / speed + 1)
    assert durations[-1] == window.GIF_END
    tolerance = {"abs": 5} if speed > 25 else {"rel": 0.05}
    assert sum(durations[:-1]) == pytest.approx(41_000 / speed, **tolerance)
    assert min(durations[:-2]) >= 1000 / window.GIF_SPEED - 10
    assert np.mean(durations[:-2]) >= 1000 / window.GIF_SPEED - 1
    every = int(np.ceil(speed / 25))
    returns = [view.episode_return for view in views]
    assert returns == [*range(0, 41, every), 41]  # the end is always recorded


@pytest.mark.parametrize(
    ("steps", "lasts"),
    [
        pytest.param(300, 2_000, marks=pytest.mark.slow),  # an episode of five seconds is cut
        (36, 1_600),  # .6 seconds, and one for its end: in the last quarter
        (24, 2_800),  # .4 and one: too early, so a second episode follows
        (54, 1_900),
    ],
)
def test_a_recording_ends_with_an_episode_in_its_last_quarter(steps, lasts, tmp_path, monkeypatch):
    env = Arcade((0.0,) * steps)  # 60 steps a second
    _, durations = recorded(env, tmp_path, monkeypatch, 2)
    assert sum(durations) == pytest.approx(lasts, abs=40)


def test_a_recording_shows_what_was_drawn(tmp_path):
    env = cart_pole()
    env.reset(seed=0)
    record(env, agent_with(2), tmp_path / "pole.gif", 2)
    env.reset(seed=0)
    views = [view for view, _ in window.scenes(Game(env, agent_with(2)), 2)]
    with Image.open(tmp_path / "pole.gif") as gif:
        assert gif.info["loop"] == 0
        for frame, view in zip(ImageSequence.Iterator(gif), views, strict=True):
            drawn = np.asarray(in_gif(view), int)
            difference = abs(np.asarray(frame.convert("RGB"), int) - drawn)
            assert (difference > 16).mean() < 1e-4


# -- the commands play and watch -------------------------------------------------------------------


class Blind(gymnasium.Env):
    """A game that cannot draw itself."""

    observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, **arguments):
        return np.zeros(4, np.float32), {}


class Undrawn(Blind):
    """It takes a render mode, but draws nothing."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def render(self):
        return None


gymnasium.register("Blind-v0", Blind)
gymnasium.register("Undrawn-v0", Undrawn)


@pytest.fixture
def command(monkeypatch):
    """command("watch", game) -> its exit status. Windows are not opened, but noted in `opened`."""

    def run(name, game, screen=True, **options):
        task = any_game.task(game)
        player = task, SimpleNamespace(history=1), lambda x: np.zeros((1, 3), np.float32)
        monkeypatch.setattr(screen_module, "has_screen", lambda: screen)
        monkeypatch.setattr(watching, "player_of", lambda folder: player)
        if name == "play":
            return playing.play(SimpleNamespace(make_task=lambda given: task), **options)
        return watching.watch(None, **{"folder": Path("runs/one"), **options})

    def show(env, q_values=None, title=None):
        run.opened.append(title)
        return Tally("caught")

    run.opened = []
    monkeypatch.setattr(window, "show", show)
    return run


@pytest.mark.parametrize(
    ("name", "game", "options", "title"),
    [
        ("play", "games:Catch-v0", {}, "Catch"),
        ("play", "CartPole-v1", {}, "CartPole"),
        ("watch", "games:Catch-v0", {}, "Catch - runs/one"),
        ("watch", "games:Catch-v0", {"folder": None, "agent": "pong"}, "Catch - pong"),
    ],
)
def test_a_window_is_announced_and_named_after_game_and_run(
    name, game, options, title, command, capsys
):
    assert command(name, game, **options) == 0
    assert command.opened == [title]
    compiling = "compiling forward\n" * (name == "watch")
    said = f"{compiling}window: Esc closes it\n0 of 0 caught, best streak 0\n"
    assert capsys.readouterr().out == said


def test_a_quiet_watch_prints_nothing(command, capsys):
    assert command("watch", "CartPole-v1", quiet=True) == 0
    assert command("watch", "CartPole-v1", quiet=True, screen=False) == 0
    assert len(command.opened) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "game", "screen", "line"),
    [
        ("play", "CartPole-v1", False, "this machine has no screen"),
        (
            "watch",
            "CartPole-v1",
            False,
            "this machine has no screen: --gif FILE writes an animation",
        ),
        ("play", "Blind-v0", True, "Blind-v0 does not draw itself: "),
        ("watch", "Blind-v0", True, "Blind-v0 does not draw itself: "),
        ("watch", "Blind-v0", False, "Blind-v0 does not draw itself: "),
        ("play", "Undrawn-v0", True, "Undrawn-v0: render: expected a picture"),
    ],
)
def test_where_no_window_can_be_one_line_says_why(name, game, screen, line, command, capsys):
    assert command(name, game, screen) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"no window: {line}")
    assert out.count("\n") == 1
    assert err == ""
    assert command.opened == []
    assert ("--gif" in out) == (name == "watch" and game == "CartPole-v1")


@pytest.mark.parametrize("game", ["Blind-v0", "Undrawn-v0"])
def test_there_is_no_animation_of_a_game_that_cannot_draw_itself(game, command, tmp_path):
    with pytest.raises(BadInput, match=r"does not draw itself|render: expected a picture"):
        command("watch", game, gif=tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_watch_writes_an_animation_of_so_many_seconds(seconds, command, tmp_path, capsys):
    path, options = tmp_path / "a.gif", {} if seconds is None else {"gif_seconds": seconds}
    assert command("watch", "games:Catch-v0", False, gif=path, **options) == 0
    assert capsys.readouterr().out == f"compiling forward\nwritten: {path}\n"
    with Image.open(path) as gif:
        lasts = sum(frame.info["duration"] for frame in ImageSequence.Iterator(gif)) / 1000
    assert 0.75 * (seconds or 20) <= lasts <= (seconds or 20) + 1


def test_a_display_starts_without_a_complaint():
    """The library of Wayland prints an error if XDG_RUNTIME_DIR is missing."""
    code = "import games.window.screen, pygame; pygame.display.init()"
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SDL_VIDEODRIVER")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert process.stderr == ""


def test_a_display_that_does_not_answer_is_no_screen(monkeypatch):
    """pygame would then draw into nothing."""
    for name in ("SDL_VIDEODRIVER", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":9876")
    assert not screen_module.has_screen()
    pygame.display.quit()


def test_a_person_plays_the_game_as_it_is_made_by_hand(monkeypatch):
    game, rows = replace(any_game.task("games:Catch-v0"), by_hand={"rows": 5}), []
    monkeypatch.setattr(screen_module, "has_screen", lambda: True)
    monkeypatch.setattr(window, "show", lambda env, title: rows.append(env.unwrapped.rows))
    assert playing.play(SimpleNamespace(make_task=lambda given: game)) == 0
    assert rows == [5]
