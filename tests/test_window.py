"""The window: keys and seconds go in, actions and pictures come out. No screen, and no waiting."""

import numpy as np
import pygame
import pytest
from PIL import Image, ImageSequence

from dqn_symbolic.experience.frames import History
from games.catch import LEFT, PALETTE, RIGHT, STAY, WINDOW_PIXELS, Catch, State
from games.window import control, panel, window
from games.window.control import Game, Tally
from games.window.panel import draw
from games.window.window import record, show

STEP = 0.25  # seconds: more than one game step by hand or by the agent, less than two


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


class Recorded(Catch):
    """Catch that remembers the actions, and starts its episodes in the given states."""

    def __init__(self, *size, starts=(), **settings):
        super().__init__(*size, **settings)
        self.actions, self.next_starts = [], iter(starts)

    def reset(self, **how):
        state = next(self.next_starts, None)
        return super().reset(**how, options={"state": state} if state else None)

    def step(self, action):
        self.actions.append(action)
        return super().step(action)


def middle(rows=20, **settings):
    return Recorded(rows, 9, 1, paddle_start="middle", **settings)


def always(action):
    return lambda observation: np.eye(3, dtype=np.float32)[action]


def tap(game, key):
    game.press(key)
    game.release(key)


def advance(game, steps):
    for _ in range(steps):
        game.advance(STEP)


# -- by hand --------------------------------------------------------------------------------------


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
    game = Game(env := middle())
    tap(game, key)
    advance(game, 3)
    assert env.actions == [action, STAY, STAY]
    assert env.state.paddle == 4 + action - STAY
    tap(game, key)
    advance(game, 2)
    assert env.actions[3:] == [action, STAY]


def test_a_held_key_moves_on_every_step_until_it_is_released():
    game = Game(env := middle())
    game.press(pygame.K_LEFT)
    advance(game, 3)
    game.release(pygame.K_LEFT)
    advance(game, 1)
    assert env.actions == [LEFT, LEFT, LEFT, STAY]


def test_the_last_tap_counts_and_both_directions_held_stay():
    game = Game(env := middle())
    tap(game, pygame.K_LEFT)
    tap(game, pygame.K_RIGHT)
    advance(game, 1)
    assert env.actions == [RIGHT]
    game.press(pygame.K_LEFT)
    tap(game, pygame.K_RIGHT)  # a tap against the held key, then the held key again
    advance(game, 2)
    assert env.actions[1:] == [RIGHT, LEFT]
    game.press(pygame.K_RIGHT)
    advance(game, 2)
    assert env.actions[3:] == [STAY, STAY]
    game.release(pygame.K_LEFT)
    advance(game, 1)
    assert env.actions[5:] == [RIGHT]


def test_two_keys_of_one_direction_are_one_direction():
    game = Game(env := middle())
    game.press(pygame.K_LEFT)
    game.press(pygame.K_a)
    game.release(pygame.K_LEFT)
    advance(game, 2)
    assert env.actions == [LEFT, LEFT]


def test_a_person_alone_starts_with_a_direction_key_and_the_agent_at_once():
    game = Game(env := middle())
    assert game.view().sign == "start"
    tap(game, pygame.K_p)  # no pause before the start
    advance(game, 5)
    assert env.actions == []
    tap(game, pygame.K_RIGHT)
    assert game.view().sign == ""
    advance(game, 1)
    assert env.actions == [RIGHT]

    game = Game(env := middle(), always(LEFT))
    advance(game, 1)
    assert env.actions == [LEFT]


# -- the agent, and the other keys ----------------------------------------------------------------


def test_m_hands_over_and_back_in_the_middle_of_an_episode():
    game = Game(env := middle(), always(RIGHT))
    game.press(pygame.K_LEFT)  # held, but the agent plays
    advance(game, 2)
    assert (env.actions, game.view().by_hand) == ([RIGHT, RIGHT], False)
    tap(game, pygame.K_m)
    advance(game, 3)
    assert (env.actions[2:], game.view().by_hand) == ([LEFT, LEFT, LEFT], True)
    tap(game, pygame.K_m)
    advance(game, 1)
    assert (env.actions[5:], game.view().by_hand) == ([RIGHT], False)
    assert env.state == State(6, env.state.ball_column, 0, 4 + 2 - 3 + 1)


def test_the_agent_is_greedy_on_what_it_sees_and_is_never_asked_after_the_end():
    seen = []

    def q_values(observation):
        seen.append(observation)
        return np.array([0.1, -0.2, 0.3], np.float32)

    game = Game(env := middle(rows=3), q_values)
    while not game.over:
        game.step()
    assert env.actions == [RIGHT, RIGHT]
    assert [observation.shape for observation in seen] == [(3, 9), (3, 9)]
    assert [int(observation[:2].max(axis=1).argmax()) for observation in seen] == [0, 1]
    assert game.view().q_values == pytest.approx((0.1, -0.2, 0.3))


def test_h_shows_what_the_agent_would_do_while_a_person_plays():
    game = Game(middle(), always(RIGHT))
    assert (game.view().marked, game.view().hint) == (RIGHT, False)
    tap(game, pygame.K_m)
    assert game.view().marked is None
    without = draw(game.view())
    tap(game, pygame.K_h)
    assert (game.view().marked, game.view().hint) == (RIGHT, True)
    assert blue_below_the_board(game.view()) > 0 == blue_below(without)
    tap(game, pygame.K_h)
    assert game.view().marked is None


def blue_below_the_board(view):
    return blue_below(draw(view))


def blue_below(surface):
    """Pixels in the agent's colour in the margin under the board."""
    pixels = pygame.surfarray.array3d(surface)[:, -panel.MARGIN + 4 :]
    return int((pixels == panel.AGENT).all(axis=2).sum())


def test_the_arrow_points_from_under_the_paddle():
    for paddle in (0, 3, 8):
        env = Recorded(9, 9, 1, starts=[State(0, 4, 0, paddle)])
        game = Game(env, always(STAY))
        tap(game, pygame.K_h)
        pixels = pygame.surfarray.array3d(draw(game.view()))[:, -panel.MARGIN + 4 :]
        columns = np.nonzero((pixels == panel.AGENT).all(axis=2).any(axis=1))[0]
        cell = WINDOW_PIXELS // 9
        left = panel.MARGIN + (panel.LEAST_BOARD[1] - 9 * cell) // 2
        assert left + paddle * cell < columns.mean() < left + (paddle + 1) * cell


def test_without_an_agent_m_and_h_do_nothing():
    game = Game(middle())
    before = game.view()
    tap(game, pygame.K_m)
    tap(game, pygame.K_h)
    assert game.view() == before


@pytest.mark.parametrize("key", [pygame.K_p, pygame.K_SPACE])
def test_pause_stops_the_game_and_what_is_tapped_meanwhile(key):
    game = Game(env := middle(), always(LEFT))
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
    """How many steps the game takes in that time, at 1000 frames per second."""
    before = len(game.env.actions)
    for _ in range(round(1000 * seconds)):
        game.advance(0.001)
    return len(game.env.actions) - before


def test_the_game_steps_at_its_speed():
    game = Game(middle(rows=100), always(STAY))
    assert steps_in(game, 5) == pytest.approx(5 * control.AGENT_SPEED, abs=1)
    tap(game, pygame.K_m)
    assert steps_in(game, 5) == pytest.approx(5 * control.HAND_SPEED, abs=1)


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        (pygame.K_PLUS, pygame.K_MINUS),
        (pygame.K_EQUALS, pygame.K_MINUS),
        (pygame.K_KP_PLUS, pygame.K_KP_MINUS),
    ],
)
def test_plus_and_minus_change_the_speed_within_limits(faster, slower):
    game = Game(middle(rows=100), always(STAY))
    tap(game, faster)
    assert game.view().speed == control.AGENT_SPEED * control.FASTER
    assert steps_in(game, 4) == pytest.approx(4 * game.view().speed, abs=1)
    tap(game, slower)
    assert game.view().speed == pytest.approx(control.AGENT_SPEED)
    for key, limit in ((faster, control.FASTEST), (slower, control.SLOWEST)):
        for _ in range(50):
            tap(game, key)
        assert game.view().speed == limit
        assert steps_in(game, 24 / limit) == pytest.approx(24, abs=1)
    tap(game, pygame.K_m)  # the person keeps a speed of their own
    assert game.view().speed == control.HAND_SPEED


def test_a_stall_is_not_made_up_for():
    game = Game(env := middle(), always(STAY))
    game.advance(10.0)
    game.advance(0.001)
    assert len(env.actions) == 1


# -- the end of an episode ------------------------------------------------------------------------

# On 2 x 3 cells an agent that stays catches only the ball right above the paddle.
CAUGHT, MISSED = State(0, 1, 0, 1), State(0, 2, 0, 0)
STARTS = [CAUGHT, CAUGHT, MISSED, CAUGHT]
OUTCOME = Tally(episodes=4, caught=3, streak=1, best_streak=2, score=2.0)


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
    assert game.tally.score == reward


def test_a_slow_game_does_not_dwell_on_its_final_position():
    game = Game(env := Recorded(2, 3, 1, starts=[CAUGHT]), always(STAY))
    for _ in range(50):
        tap(game, pygame.K_MINUS)
    game.step()
    for _ in range(90):
        game.advance(0.01)
    assert env.state.ball_row == 0


@pytest.mark.parametrize(
    ("start", "colour", "channel"), [(CAUGHT, panel.GOOD, 1), (MISSED, panel.BAD, 0)]
)
def test_the_end_flashes_green_or_red(start, colour, channel):
    game = Game(Recorded(2, 3, 1, starts=[start]), always(STAY))
    game.step()
    surface = draw(game.view())
    empty = surface.get_at((panel.MARGIN + 2 * 160 + 20, panel.MARGIN + 100))[:3]
    assert empty[channel] == max(empty) > 30
    colours = {drawn for _, drawn in window.to_image(game.view()).getcolors(1_000_000)}
    assert colours & {panel.GOOD, panel.BAD} == {colour}


def test_the_tally_counts_streaks():
    tally = Tally()
    for episode_return in (1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0):
        tally = tally.after(episode_return)
    assert tally == Tally(episodes=7, caught=5, streak=0, best_streak=3, score=3.0)


# -- the window -----------------------------------------------------------------------------------

QUIT = pygame.event.Event(pygame.QUIT)


def down(key):
    return pygame.event.Event(pygame.KEYDOWN, key=key)


@pytest.fixture
def script(monkeypatch):
    """script(frames): the events of each frame of the window, 50 ms apart; -> the views shown."""

    def install(frames):
        frames, views, draw = iter(frames), [], window.draw

        class Clock:
            def tick(self, frames_per_second):
                for event in next(frames):
                    pygame.event.post(event)
                return 50

        def drawn(view):
            views.append(view)
            return draw(view)

        monkeypatch.setattr(pygame.time, "Clock", Clock)
        monkeypatch.setattr(window, "draw", drawn)
        return views

    return install


@pytest.mark.parametrize("leave", [QUIT, down(pygame.K_ESCAPE)])
def test_show_runs_until_it_is_left_and_tells_the_tally(script, leave):
    # An episode of one step: 3 frames, and its final position stands for 10 frames.
    script([[]] * (3 * 13 + 3) + [[leave]])
    assert show(Recorded(2, 3, 1, starts=STARTS), always(STAY)) == OUTCOME
    assert not pygame.display.get_init()


def test_show_leaves_the_keyboard_interrupt_to_its_caller(script):
    def interrupted(observation):
        raise KeyboardInterrupt

    script([[]] * 5)
    answers = iter([always(STAY), interrupted])
    with pytest.raises(KeyboardInterrupt):
        show(middle(), lambda observation: next(answers)(observation))
    assert not pygame.display.get_init()


def test_show_hands_keys_to_the_game(script):
    key = pygame.K_RIGHT
    up = pygame.event.Event(pygame.KEYUP, key=key)
    script([[], [down(key), up], *[[]] * 8, [down(key)], *[[]] * 8, [QUIT]])
    show(env := middle())
    assert env.actions[:3] == [RIGHT, STAY, RIGHT]


def test_show_draws_what_the_window_shows_and_only_changes(script, monkeypatch):
    views = script([[]] * 5 + [[down(pygame.K_p)]] + [[]] * 20 + [[QUIT]])
    pictures = []
    flip = pygame.display.flip

    def flipped():
        pictures.append(pygame.surfarray.array3d(pygame.display.get_surface()))
        flip()

    monkeypatch.setattr(pygame.display, "flip", flipped)
    show(middle(), always(STAY))
    views = views[1:]  # the first told the window's size
    assert len(views) == len(pictures) < 8  # of 26 frames
    assert len(set(views)) == 4  # the start, two steps, the pause
    for view, pixels in zip(views, pictures):
        assert (pygame.surfarray.array3d(draw(view)) == pixels).all()


def test_a_covered_window_is_drawn_again(script):
    def drawings(events):
        views = script([[]] * 5 + [events] + [[]] * 5 + [[QUIT]])
        show(middle())  # waits for a key: nothing changes
        return len(views)

    assert drawings([pygame.event.Event(pygame.WINDOWEXPOSED)]) == drawings([]) + 1


def test_s_saves_the_picture_and_never_overwrites(script, tmp_path):
    folder = tmp_path / "new"
    save = down(pygame.K_s)
    views = script([[], [save, save], *[[]] * 60, [QUIT]])
    show(middle(), None, screenshots=folder)  # waits for a key: one and the same view
    one, two = sorted(folder.iterdir())
    assert (one.name, two.name) == ("catch-0001.png", "catch-0002.png")
    with Image.open(one) as image:
        assert image.size == draw(views[0]).get_size()
        pixels = np.asarray(image.convert("RGB")).swapaxes(0, 1)
    assert (pixels == pygame.surfarray.array3d(draw(views[0]))).all()
    messages = [view.message for view in views]
    assert list(dict.fromkeys(messages)) == ["", "saved catch-0002.png"]
    assert messages[-1] == ""

    one.write_bytes(b"mine")
    script([[save], [QUIT]])
    show(middle(), None, screenshots=folder)
    assert one.read_bytes() == b"mine"
    assert [path.name for path in sorted(folder.iterdir())][2:] == ["catch-0003.png"]


def test_a_screenshot_that_cannot_be_written_is_a_message(script, tmp_path):
    (tmp_path / "file").write_text("in the way")
    views = script([[down(pygame.K_s)], [], [QUIT]])
    show(middle(), None, screenshots=tmp_path / "file")
    assert "not saved: File exists" in [view.message for view in views]


def test_several_frames_are_shown_side_by_side_the_newest_last():
    game = Game(History(Catch(drift=True, pixels=84), 4), always(STAY))
    for _ in range(5):
        game.step()
    surface, board = draw(game.view()), draw(game.view()._replace(seen=None))
    assert surface.get_width() == board.get_width()
    top = surface.get_height() - panel.MARGIN - panel.FRAME_HEIGHT
    assert top > board.get_height()
    for i in range(4):
        left = panel.MARGIN + i * (panel.FRAME_HEIGHT + panel.GAP)
        for row, column in ((0.06, 0.06), (0.97, 0.5), (0.5, 0.97), (0.97, 0.1), (0.2, 0.3)):
            x, y = int(column * 84), int(row * 84)
            at = left + int((x + 0.5) * panel.FRAME_HEIGHT / 84)
            pixel = surface.get_at((at, top + int((y + 0.5) * panel.FRAME_HEIGHT / 84)))
            assert pixel[:3] == PALETTE[game.env.x[y, x, i]]
    balls = [np.argwhere(game.env.x[..., i] == 255).min(axis=0)[0] for i in range(4)]
    assert balls == sorted(balls)


def test_one_frame_is_the_board_itself_and_not_shown_again():
    assert Game(History(Catch(), 1), always(STAY)).view().seen is None
    assert Game(Catch()).view().seen is None


# -- the picture ----------------------------------------------------------------------------------


def bars(q_values, marked=None):
    """The drawn bars: for each action (colour, first pixel, last pixel) from the zero line."""
    view = Game(middle(), lambda observation: q_values).view()._replace(marked=marked)
    surface = draw(view)
    edge = surface.get_width() - panel.MARGIN - panel.PANEL_WIDTH
    left, right = edge + panel.BAR_LEFT, edge + panel.BAR_RIGHT
    zero = (left + right) // 2
    found = []
    for action in range(3):
        y = panel.MARGIN + panel.BARS_TOP + action * panel.BAR_PITCH + 2
        row = [tuple(surface.get_at((x, y)))[:3] for x in range(left - 4, right + 4)]
        filled = [x for x, colour in enumerate(row) if colour in (panel.AGENT, panel.BAR)]
        colour = row[filled[0]] if filled else None
        ends = [left - 4 + x - zero for x in (filled[0], filled[-1])] if filled else [0, 0]
        found.append((colour, *ends))
    return found


def test_a_larger_value_has_a_longer_bar_on_its_side_of_zero():
    unit = (panel.BAR_RIGHT - panel.BAR_LEFT) / 2 / panel.ROOM
    left, stay, right = bars((-0.5, 0.25, 1.2))
    assert left[1:] == pytest.approx((-0.5 * unit, -1), abs=1)
    assert stay[1:] == pytest.approx((1, 0.25 * unit - 1), abs=1)
    assert right[1:] == pytest.approx((1, 1.2 * unit - 1), abs=1)


def test_q_values_beyond_one_widen_the_scale_and_stay_on_their_track():
    unit = (panel.BAR_RIGHT - panel.BAR_LEFT) / 2 / panel.ROOM
    left, stay, right = bars((-3.0, 2.0, 4.0))
    assert left[1] == pytest.approx(-0.75 * unit, abs=1)
    assert stay[2] == pytest.approx(0.5 * unit - 1, abs=1)
    assert right[2] == pytest.approx(unit - 1, abs=1)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1e30])
def test_a_diverged_agent_can_be_watched(odd):
    half = (panel.BAR_RIGHT - panel.BAR_LEFT) // 2
    for _, first, last in bars((odd, 0.5, 1.0)):
        assert -half - 1 <= first <= last <= half + 1


def test_the_bar_of_the_greedy_action_is_lit():
    for action in (LEFT, STAY, RIGHT):
        q_values = np.full(3, 0.5)
        q_values[action] = 0.9
        marked = Game(middle(), lambda observation, q=q_values: q).view().marked
        lit = [colour == panel.AGENT for colour, _, _ in bars(q_values, marked)]
        assert lit == [other == action for other in (LEFT, STAY, RIGHT)]


def test_the_picture_holds_the_board_in_its_colours():
    env = Recorded(4, 4, 1, starts=[State(0, 2, 0, 1)])
    surface = draw(Game(env, always(STAY)).view())
    cells = {(0, 2): PALETTE[255], (3, 1): PALETTE[192], (1, 1): PALETTE[0]}
    for (row, column), colour in cells.items():
        at = (panel.MARGIN + 120 * column + 50, panel.MARGIN + 120 * row + 50)
        assert tuple(surface.get_at(at))[:3] == colour


def written(view, monkeypatch):
    """Every word in the picture, from top to bottom."""
    found = []
    monkeypatch.setattr(panel, "write", lambda surface, words, *_, **place: found.append(words))
    draw(view)
    return found


def test_the_panel_tells_who_plays_the_score_and_the_keys(monkeypatch):
    game = Game(middle(), lambda observation: (-0.25, 0.5, 12.0))
    tally = Tally(episodes=8, caught=6, streak=3, best_streak=4, score=4.0)
    words = written(game.view()._replace(tally=tally), monkeypatch)
    assert words[:2] == ["agent plays", "8 steps/s"]
    assert [words[words.index(name) + 1] for name in ("left", "stay", "right")] == [
        f"{panel.MINUS}0.25",
        "+0.50",
        "+12.00",
    ]
    numbers = {
        "score": "4",
        "episodes": "8",
        "catch rate": "75%",
        "streak": "3",
        "best streak": "4",
    }
    assert {name: words[words.index(name) + 1] for name in numbers} == numbers
    assert {"M", "H", "P", "S", "Esc", "take over"} <= set(words)
    tap(game, pygame.K_m)
    assert {"you play", "5 steps/s", "give back"} <= set(written(game.view(), monkeypatch))


def test_a_person_alone_sees_no_agent(monkeypatch):
    words = set(written(Game(middle()).view(), monkeypatch))
    assert {"you play", "arrows", "press an arrow key", "score", "streak", "best streak"} <= words
    assert not {"Q-values", "left", "M", "H"} & words


def test_drawing_changes_nothing_it_draws():
    view = Game(middle(), always(STAY)).view()
    before = pygame.image.tobytes(view.board, "RGB")
    one, two = draw(view), draw(view)
    assert pygame.image.tobytes(one, "RGB") == pygame.image.tobytes(two, "RGB")
    assert pygame.image.tobytes(view.board, "RGB") == before


@pytest.mark.parametrize("sign", ["", "start", "paused", "caught", "missed"])
@pytest.mark.parametrize("q_values", [None, (-1e30, 99.99, float("-inf"))])
@pytest.mark.parametrize(
    ("rows", "columns"), [(2, 1), (2, 84), (84, 1), (10, 5), (10, 10), (84, 84), (100, 90)]
)
def test_no_text_leaves_the_picture_or_meets_another(rows, columns, q_values, sign, monkeypatch):
    places = []

    def write(surface, words, colour, height, **place):
        rect = panel.text(words, colour, height).get_rect(**place)
        assert surface.get_rect().contains(rect), words
        assert rect.collidelist(places) == -1, words
        if words:
            places.append(rect)

    game = Game(Catch(rows, columns, 1), None if q_values is None else lambda observation: q_values)
    view = game.view()._replace(
        sign=sign,
        by_hand=True,
        hint=q_values is not None,
        marked=None if q_values is None else RIGHT,
        speed=60.0,
        episode_return=-1.0,
        tally=Tally(123456, 123456, 123456, 123456, -123456.0),
        message="not saved: No space left on device",
    )
    monkeypatch.setattr(panel, "write", write)
    surface = draw(view)
    assert len(places) > 20
    assert surface.get_height() >= panel.LEAST_BOARD[1]


# -- the recording --------------------------------------------------------------------------------


def test_the_recording_is_an_animation_of_every_step(tmp_path):
    pygame.display.quit()
    path = tmp_path / "catch.gif"
    env = Catch(6, 5, 1)
    env.reset(seed=0)
    assert record(env, always(STAY), path, episodes=3) == 3 * 6
    assert not pygame.display.get_init()
    env.reset(seed=0)
    game = Game(env, always(STAY))
    with Image.open(path) as gif:
        assert gif.n_frames == 18
        assert gif.size == draw(game.view()).get_size()
        durations = []
        for frame in ImageSequence.Iterator(gif):
            drawn = np.asarray(window.to_image(game.view()), int)
            difference = abs(np.asarray(frame.convert("RGB"), int) - drawn)
            assert (difference.max(axis=2) > 8).mean() < 0.01  # the letters' edges
            for colour in (panel.BACK, panel.TRACK, panel.TEXT, panel.AGENT, PALETTE[0]):
                flat = (drawn == colour).all(axis=2)
                assert difference[flat].max(initial=0) <= 4  # no noise of dithering
            durations.append(frame.info["duration"])
            game.step()
    assert durations == ([window.GIF_STEP] * 5 + [window.GIF_END]) * 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_is_small(tmp_path):
    path = tmp_path / "catch.gif"
    random = np.random.default_rng(0)
    record(Catch(), lambda observation: random.uniform(-1, 1, 3), path)
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("failing", ["save", "replace"])
def test_a_recording_appears_whole_or_not_at_all(failing, tmp_path, monkeypatch):
    path = tmp_path / "catch.gif"
    path.write_bytes(b"an earlier one")

    def save(image, path, **how):
        path.write_bytes(b"half a pict")
        raise OSError("No space left on device")

    def replace(source, target):
        with Image.open(source) as gif:
            assert gif.n_frames == 20
        raise OSError("No space left on device")

    if failing == "save":
        monkeypatch.setattr(Image.Image, "save", save)
    else:
        monkeypatch.setattr(window.os, "replace", replace)
    with pytest.raises(OSError, match="No space"):
        record(middle(), always(STAY), path, episodes=1)
    assert path.read_bytes() == b"an earlier one"
    assert list(tmp_path.iterdir()) == [path]
