"""A game of one's own, with its mistakes, from the command line and in the library."""

import json
import os
import shlex
import subprocess
import sys
import textwrap
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, SimpleNamespace

import gymnasium
import numpy as np
import pygame
import pytest
from gymnasium.spaces import Box, Discrete

from dqn_symbolic import Settings, evaluation, load, training
from dqn_symbolic.__main__ import main
from dqn_symbolic.commands.training import again
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.guard.errors import GameError
from dqn_symbolic.guard.game import Guarded
from tests.plain import load as load_file
from tests.plain import plain
from tests.test_agent import bits
from tests.test_determinism import differences, outcome

pytestmark = pytest.mark.usefixtures("uncompiled")

SMALL = [
    *("--quiet", "--no-window", "--hidden", "8", "--warm-up", "40", "--batch-size", "4"),
    *("--memory-size", "90", "--evaluate-every", "60", "--evaluation-episodes", "3"),
    *("--checkpoint-every", "1000", "--sync-every", "20"),
]


class Walk(gymnasium.Env):
    """A walk of 7 steps; each episode has its own noise. The class counts and fails as it is told.

    fails: {(method, how many calls of it before): an error, or a function that changes the result}
    """

    observation_space, action_space = Box(-np.inf, np.inf, (2,), np.float32), Discrete(2)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012
    calls, fails, made, closed, most = {}, {}, 0, 0, 0

    def __init__(self, length=7, render_mode=None):
        self.length, self.render_mode = length, render_mode
        Walk.made += 1
        Walk.most = max(Walk.most, Walk.made - Walk.closed)

    def failing(self, method, result):
        number = Walk.calls[method] = Walk.calls.get(method, -1) + 1
        failure = Walk.fails.get((method, number))
        if isinstance(failure, BaseException):
            raise failure.with_traceback(None)
        return failure(result) if failure else result

    def observation(self):
        return np.array([self.age, self.np_random.normal()], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age = 0
        return self.failing("reset", (self.observation(), {}))

    def step(self, action):
        self.age += 1
        over = self.age == self.length
        return self.failing("step", (self.observation(), float(action), over, False, {}))

    def render(self):
        return self.failing("render", np.zeros((20, 30, 3), np.uint8))

    def close(self):
        Walk.closed += 1
        self.failing("close", None)


@pytest.fixture(autouse=True)
def fails():
    """A fresh Walk-v0. -> its `fails`"""
    gymnasium.register("Walk-v0", entry_point=Walk, max_episode_steps=5_000)
    Walk.calls, Walk.fails, Walk.made, Walk.closed, Walk.most = {}, {}, 0, 0, 0
    yield Walk.fails
    del gymnasium.registry["Walk-v0"]


def train(out, steps=200, *more):
    arguments = ["--game", "Walk-v0", "--steps", str(steps), "--out", str(out)]
    return main(["train", *arguments, *SMALL, *more])


def resume(out, steps=200, *more):
    return main(["train", "--resume", str(out), "--steps", str(steps), "--quiet", *more])


@cache
def whole():
    """-> the outcome of a run whose game does not fail: the same for every test."""
    with TemporaryDirectory() as out:
        assert train(out) == 0
        return outcome(Path(out))[0]


def last_line(capfd):
    err = capfd.readouterr().err
    return err.splitlines()[-1], "\n".join(err.splitlines()[:-1])


# -- a game that fails in mid-run ------------------------------------------------------------------

BROKEN = ConnectionResetError(104, "Connection reset by peer")
FOUR_VALUES = lambda result: result[:4]  # noqa: E731


@pytest.mark.parametrize(
    ("method", "number", "failure", "said", "steps"),
    [
        ("step", 30, BROKEN, "step raised ConnectionResetError: [Errno 104] Connection", 30),
        ("step", 670, KeyError("x"), "step raised KeyError: 'x'", 128),
        ("step", 610, FOUR_VALUES, "step: expected (observation, reward, terminated,", 89),
        ("step", 75, MemoryError("no"), "step raised MemoryError: no", 60),  # in random play
        ("step", 575, MemoryError("no"), "step raised MemoryError: no", 60),  # in an evaluation
        ("step", 780, BROKEN, "step raised ConnectionResetError: [Errno 104]", 200),  # in the last
        ("reset", 4, BROKEN, "reset raised ConnectionResetError: [Errno 104] Connection", 28),
    ],
)
def test_it_stops_with_everything_saved_and_resumes_with_the_same_bits(
    method, number, failure, said, steps, fails, tmp_path, capfd
):
    expected = whole()
    Walk.calls, part = {}, tmp_path / "part"
    fails[method, number] = failure
    assert train(part) == 2
    line, before = last_line(capfd)
    assert line.startswith(f"dqn_symbolic: stopped after {steps} agent steps: Walk-v0: {said}")
    assert line.endswith(f"python -m dqn_symbolic train --resume {part}")
    raised = isinstance(failure, BaseException)
    assert ("raise failure.with" in before) == before.startswith("Traceback") == raised
    assert "guard" not in before
    data, _ = load_file(part / "checkpoint.npz", "checkpoint")
    assert data["agent"]["counters"]["steps"] == steps
    assert json.loads((part / "summary.json").read_text())["env_steps"] == steps
    fails.clear()
    assert resume(part) == 0
    assert capfd.readouterr().out == ""  # the game came back to where it was
    assert differences(expected, outcome(part)[0]) == []


def test_a_first_mistake_leaves_no_folder(fails, tmp_path, capfd):
    fails["reset", 0] = RuntimeError("no board")
    assert train(tmp_path / "run") == 2
    line, before = last_line(capfd)
    assert line == "dqn_symbolic: Walk-v0: reset raised RuntimeError: no board"
    assert before.startswith("Traceback")
    assert not (tmp_path / "run").exists()


def test_a_mistake_while_it_resumes_changes_nothing(fails, tmp_path, capfd):
    assert train(tmp_path, 100) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    Walk.calls = {}
    fails["step", 0] = BROKEN
    assert resume(tmp_path) == 2
    assert last_line(capfd)[0].startswith("dqn_symbolic: Walk-v0: step raised ConnectionReset")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


class Forgetful(Walk):
    """Its rewards depend on the number of its episodes."""

    episodes = 0

    def reset(self, *, seed=None, options=None):
        self.episodes += 1
        return super().reset(seed=seed)

    def step(self, action):
        observation, _, *rest = super().step(action)
        return observation, float(self.episodes), *rest


def test_a_game_whose_rewards_do_not_come_back_is_noticed(tmp_path):
    del gymnasium.registry["Walk-v0"]
    gymnasium.register("Walk-v0", entry_point=Forgetful)
    assert train(tmp_path, 100) == 0
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the game did not come back")
        assert resume(tmp_path, 110, "--no-window") == 0  # quietly
    with pytest.warns(RuntimeWarning, match="the game did not come back to where it was"):
        assert main(["train", "--resume", str(tmp_path), "--steps", "120", "--no-window"]) == 0


def test_the_library_raises_a_game_error(fails):
    settings = Settings(hidden=(4,), warm_up=10, batch_size=4, steps=60, evaluate_every=30)
    agent = plain(gymnasium.make("Walk-v0", disable_env_checker=True), settings)
    fails["step", 20] = BROKEN
    with pytest.raises(GameError, match=r"^Walk-v0: step raised ConnectionResetError") as caught:
        list(training(agent))
    assert caught.value.__cause__ is BROKEN
    fails.clear()
    fails["reset", Walk.calls["reset"] + 2] = KeyError("board")
    with pytest.raises(GameError, match=r"^Walk-v0: reset raised KeyError"):
        evaluation.returns(agent, [gymnasium.make("Walk-v0")], evaluation.seeds(3))


def test_the_library_goes_on_after_a_reset_that_failed(fails):
    settings = Settings(hidden=(4,), warm_up=10, batch_size=4)
    whole, part = (
        plain(gymnasium.make("Walk-v0", disable_env_checker=True), settings) for _ in range(2)
    )
    for _ in range(30):
        whole.step()
    fails["reset", Walk.calls["reset"] + 1] = BROKEN
    with pytest.raises(GameError, match="reset raised ConnectionResetError"):
        [part.step() for _ in range(30)]
    assert part.steps == 7
    for _ in range(23):
        part.step()
    assert bits(part) == bits(whole)


MISTAKES = [
    ("step", 20, "Walk-v0: step raised ConnectionResetError: [Errno 104] Connection reset"),
    ("reset", 2, "Walk-v0: reset raised ConnectionResetError"),
    ("render", 3, "Walk-v0: render raised ConnectionResetError"),
]


@pytest.mark.parametrize(
    ("command", "method", "number", "said"),
    [
        *(("evaluate", *mistake) for mistake in MISTAKES[:2]),
        *((command, *mistake) for command in ("watch", "play") for mistake in MISTAKES),
    ],
)
def test_the_other_commands_say_it_and_close_the_game(
    command, method, number, said, fails, tmp_path, monkeypatch, capfd
):
    assert train(tmp_path, 20) == 0
    Walk.calls, Walk.made, Walk.closed = {}, 0, 0
    fails[method, number] = BROKEN
    arguments = {"evaluate": [str(tmp_path)], "play": ["--game", "Walk-v0"]}
    gif = [str(tmp_path), "--gif", str(tmp_path / "a.gif"), "--gif-seconds", "20"]
    if command == "play":
        monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
        monkeypatch.setattr("games.window.screen.has_screen", lambda: True)
        key = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_1)
        monkeypatch.setattr("pygame.event.get", lambda: [key])
    assert main([command, *arguments.get(command, gif)]) == 2
    line, before = last_line(capfd)
    assert line.startswith(f"dqn_symbolic: {said}")
    assert before.startswith("Traceback")
    assert not (tmp_path / "a.gif").exists()
    assert Walk.made == Walk.closed > 1


def test_a_picture_that_cannot_be_shown_is_one_line(fails, tmp_path, capfd):
    assert train(tmp_path, 20) == 0
    Walk.calls = {}
    fails["render", 3] = lambda picture: picture[..., 0] / 255
    gif = ["--gif", str(tmp_path / "a.gif"), "--gif-seconds", "2"]
    assert main(["watch", str(tmp_path), *gif]) == 2
    line, before = last_line(capfd)
    assert line.startswith("dqn_symbolic: Walk-v0: render: expected a picture (height, width, 3)")
    assert not before


def test_pictures_of_other_sizes_are_animated(fails, tmp_path):
    assert train(tmp_path, 20) == 0
    Walk.calls = {}
    fails["render", 3] = lambda picture: np.zeros((35, 30, 3), np.uint8)
    gif = ["--gif", str(tmp_path / "a.gif"), "--gif-seconds", "2"]
    assert main(["watch", str(tmp_path), *gif]) == 0
    assert (tmp_path / "a.gif").exists()


@pytest.mark.parametrize(
    ("failure", "said"),
    [(BROKEN, " raised ConnectionReset"), (lambda picture: picture / 255, ": expected a picture")],
)
def test_a_window_that_fails_after_the_training_is_one_line(
    failure, said, fails, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr("games.window.screen.has_screen", lambda: True)
    fails["render", 0] = failure
    arguments = [a for a in SMALL if a not in ("--quiet", "--no-window")]
    run = ["--steps", "60", "--out", str(tmp_path / "run")]
    assert main(["train", "--game", "Walk-v0", *run, *arguments]) == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[-1].startswith(f"no window: Walk-v0: render{said}")
    assert err == ""
    assert Walk.made == Walk.closed


def test_a_run_ends_when_the_game_is_solved(monkeypatch, tmp_path):
    monkeypatch.setattr(gymnasium.spec("Walk-v0"), "reward_threshold", -1.0)
    assert train(tmp_path, 1_000) == 0
    result = json.loads((tmp_path / "summary.json").read_text())
    assert (result["solved"], result["env_steps"]) == (True, 120)  # two evaluations


class Weird(BaseException):
    def __str__(self):
        raise RuntimeError("no message")


@pytest.mark.parametrize("error", [Weird(), GeneratorExit(), type("Odd", (Weird, Exception), {})()])
def test_weird_errors_are_one_line_too(error, fails, tmp_path, capfd):
    fails["step", 50] = error
    assert train(tmp_path) == 2
    line, before = last_line(capfd)
    name = type(error).__name__
    assert line.startswith(
        f"dqn_symbolic: stopped after 50 agent steps: Walk-v0: step raised {name}"
    )
    assert "everything until then is saved" in line
    assert before.startswith("Traceback")
    fails.clear()
    assert resume(tmp_path, 60) == 0


@pytest.mark.parametrize("alive", [0, 1, 2])
@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), ModuleNotFoundError("x", name="x"), KeyError(1)],
)
def test_a_constructor_that_fails_is_the_games_error(alive, error, tmp_path, monkeypatch, capfd):
    """At its first instance, that of the training, or the first of the evaluation."""
    init = Walk.__init__

    def failing_init(self, **options):
        if Walk.made == alive:
            raise error.with_traceback(None)
        init(self, **options)

    monkeypatch.setattr(Walk, "__init__", failing_init)
    assert train(tmp_path / "run") == 2
    line, before = last_line(capfd)
    assert f"Walk-v0: its constructor raised {type(error).__name__}" in line
    assert before.startswith("Traceback")
    assert ("everything until then is saved" in line) == (alive == 2)
    assert (tmp_path / "run").exists() == (alive == 2)
    monkeypatch.undo()
    if alive == 2:
        assert resume(tmp_path / "run", 20) == 0


def test_a_game_that_exits_while_it_closes_is_noticed(fails, tmp_path, capfd):
    fails["close", 0] = fails["close", 1] = SystemExit(0)
    assert train(tmp_path / "run") == 0
    assert (tmp_path / "run/agent.npz").exists()


# -- a game is closed, and only one exists ---------------------------------------------------------


@pytest.mark.parametrize("fail", [None, "step", "reset"])
def test_games_are_closed(fail, fails, tmp_path):
    if fail:
        fails[fail, 12] = BROKEN
    assert train(tmp_path) == (2 if fail else 0)
    assert Walk.made == Walk.closed == 1 + 1 + 3  # to look at it, to learn in, to evaluate


def test_a_game_that_is_refused_is_closed_too(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(Walk, "action_space", Box(-np.inf, 1, (1,)))
    assert train(tmp_path / "run") == 2
    assert "Walk-v0: the action space: expected Discrete(n)" in last_line(capfd)[0]
    assert Walk.made == Walk.closed == 1


def test_an_error_while_a_game_closes_is_a_line(fails, tmp_path, capfd):
    fails["close", 2] = BROKEN
    game = ["--game", "Walk-v0", "--steps", "50", "--out", str(tmp_path)]
    assert main(["train", *game, *SMALL[1:]]) == 0  # not quiet
    assert "Walk-v0: close raised ConnectionResetError" in capfd.readouterr().out
    assert Walk.made == Walk.closed


def test_one_game_at_a_time(tmp_path):
    """Its evaluations interrupt the training, which goes on as if they had another game."""
    assert train(tmp_path / "many") == 0
    assert Walk.most == 4
    Walk.most = 0
    assert train(tmp_path / "one", 200, "--one-game") == 0
    assert Walk.most == 1
    files = (tmp_path / name / "checkpoint.npz" for name in ("many", "one"))
    many, one = (load_file(file, "checkpoint") for file in files)
    assert one[0]["agent"] == many[0]["agent"]
    assert one[0]["run"]["progress"].count("\n") == 4
    for name in many[1]:
        assert (many[1][name] == one[1][name]).all(), name
    Walk.most = 0
    assert main(["evaluate", str(tmp_path / "one"), "--episodes", "3", "--quiet"]) == 0
    assert resume(tmp_path / "one", 260) == 0
    assert Walk.most == 1


def test_a_mistake_of_the_game_ends_the_training_time(fails, tmp_path):
    fails["step", 30] = BROKEN
    assert train(tmp_path) == 2
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 0 < summary["steps_per_second"] < 10**7  # 30 steps in no time would be 3 * 10**10


class Outer(gymnasium.Wrapper):
    """A wrapper of the user, in the style of the old gym."""

    def reset(self, *, seed=None, options=None):
        return self.env.reset(seed=seed)[0]

    def step(self, action):
        return 3

    def render(self, mode):
        return None


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (lambda env: env.reset(seed=0), r"reset: expected \(observation, info\), got "),
        (lambda env: env.step(0), r"step: expected \(observation, reward, .*\), got 3"),
        (lambda env: env.render(), r"render: expected \(\), got \(mode\)"),
    ],
)
def test_mistakes_of_a_wrapper(method, said):
    with pytest.raises(GameError, match=said):
        method(Guarded(Outer(Walk())))


def test_a_wrapper_without_seed_is_named_by_its_own_signature():
    class Old(gymnasium.Wrapper):
        def reset(self):
            return self.env.reset()

    said = r"reset: expected \(\*, seed=None, options=None\), got \(\)"
    with pytest.raises(GameError, match=said):
        Guarded(Old(Walk())).reset(seed=0)


# -- modules ---------------------------------------------------------------------------------------

GAME = """
    import gymnasium, numpy as np

    class Coin(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
        action_space = gymnasium.spaces.Discrete(2)

        def __init__(self, reward=1.0, name="a"):
            self.reward = reward

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(1, np.float32), {}

        def step(self, action):
            return np.zeros(1, np.float32), action * self.reward, True, False, {}

    gymnasium.register("Coin-v0", entry_point=Coin)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A folder with coin_game.py, which is the current one."""
    (tmp_path / "coin_game.py").write_text(textwrap.dedent(GAME))
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before
    sys.modules.pop("coin_game", None)
    gymnasium.registry.pop("Coin-v0", None)


RUN = ["--steps", "60", *SMALL]


@pytest.mark.parametrize(
    "how",
    [
        *(["--import", "coin_game", "--game", "Coin-v0"], ["--game", "coin_game:Coin-v0"]),
        *(["--import", "coin_game.py", "--game", "Coin-v0"], ["--game", "coin_game.py:Coin-v0"]),
        *(["--import", "./coin_game.py", "--game", "Coin-v0"], ["--game", "coin_game:Coin"]),
    ],
)
def test_a_module_of_the_current_folder(how, module, capfd, monkeypatch):
    arguments = [option for option in RUN if option != "--quiet"]
    assert main(["train", *how, "--out", "run", *arguments]) == 0
    game = json.loads(Path("run/summary.json").read_text())["game"]
    assert game in ("Coin-v0", "coin_game:Coin-v0")
    (line,) = [line for line in capfd.readouterr().out.splitlines() if "watch:" in line]
    assert line == "watch:  python -m dqn_symbolic watch run --import coin_game"
    # The line can be pasted into a shell.
    told = again(SimpleNamespace(out=Path("my run")), "python -m dqn_symbolic", "watch")
    folder = ["my run", "--import", "coin_game"]
    assert shlex.split(told) == ["python", "-m", "dqn_symbolic", "watch", *folder]
    assert main(["evaluate", "run", "--import", "coin_game.py", "--quiet"]) == 0
    (module / "elsewhere").mkdir()
    monkeypatch.chdir(module / "elsewhere")
    told = again(SimpleNamespace(out=Path("run")), "python -m dqn_symbolic", "watch")
    assert shlex.split(told)[-2:] == ["--import", f"{module}/coin_game"]


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        ("coin_gmae", "", "coin_gmae: no such module is installed, or in "),
        ("other/coin_game.py", "", "other/coin_game.py: no such module is installed, or in "),
        ("x.y", "", "x.y: no such module is installed, or in "),
        ("", "", "a module of yours: expected its name or file, got ''"),
        ("..x", "", "a module of yours: expected its name or file, got '..x'"),
        ("bad", "import nowhere", "bad: its import raised ModuleNotFoundError: No module named"),
        ("bad", "1 / 0", "bad: its import raised ZeroDivisionError: division by zero"),
        ("bad", "raise SystemExit", "bad: its import raised SystemExit"),
        ("json.py", "", "json.py: Python has another module json, "),
        ("bad.py", "def f(:", "bad.py: its import raised SyntaxError: invalid syntax (bad.py, li"),
    ],
)
def test_an_import_that_fails_says_the_truth(text, source, said, module, capfd):
    Path("bad.py").write_text(source)
    Path("json.py").write_text("")
    assert main(["train", "--import", text, "--game", "Coin-v0", "--out", "run", *RUN]) == 2
    line, before = last_line(capfd)
    assert line.startswith(f"dqn_symbolic: {said}")
    assert (source in before) if source else not before
    assert "importlib" not in before
    assert not Path("run").exists()


def test_reading_a_file_imports_no_module(module, capfd):
    assert main(["train", "--game", "coin_game:Coin-v0", "--out", "run", *RUN]) == 0
    agent = Path("run/agent.npz")
    content = agent.read_bytes(), Path("run/checkpoint.npz").read_bytes()
    del sys.modules["coin_game"], gymnasium.registry["Coin-v0"]
    said = "its module is not imported: python -m dqn_symbolic has --import coin_game"
    for command in ("evaluate run", "watch run --gif a.gif", "train --resume run"):
        capfd.readouterr()
        assert main(command.split()) == 2
        line, before = last_line(capfd)
        assert line.endswith(f"coin_game:Coin-v0: {said}")
        assert not before
        assert "coin_game" not in sys.modules
    with pytest.raises(Exception, match=said):
        load("run")
    assert (agent.read_bytes(), Path("run/checkpoint.npz").read_bytes()) == content
    more = ["--import", "coin_game", "--steps", "70", "--quiet"]
    assert main(["train", "--resume", "run", *more]) == 0


@pytest.mark.slow
def test_the_console_script_sees_the_current_folder(module):
    script = Path(sys.executable).with_name("dqn-symbolic")
    command = [script, "train", "--game", "coin_game:Coin-v0", "--out", "run", *RUN]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["games", "games.py"])
def test_a_folder_or_file_games_of_the_user_is_named(name, module, monkeypatch, capfd):
    """It lies in the current folder, so Python finds it instead of ours."""
    theirs = ModuleType("games")
    if name == "games":
        theirs.__path__ = [str(module / name)]
    else:
        theirs.__file__ = str(module / name)
    for known in [*sys.modules]:
        if known.startswith(("games.", "dqn_symbolic.commands.training")):
            monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, "games", theirs)
    finders = [finder for finder in sys.meta_path if "Editable" not in str(finder)]
    monkeypatch.setattr(sys, "meta_path", finders)
    assert main(["train", "--game", "CartPole-v1"]) == 2
    assert (
        last_line(capfd)[0] == f"dqn_symbolic: {module}/{name} hides our package games: rename it"
    )


# -- ids and options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("game", "said"),
    [
        ("Pong", "Pong: did you mean ALE/Pong-v5?"),
        ("Pong-v5", "Pong-v5: did you mean ALE/Pong-v5?"),
        ("PongNoFrameskip-v4", "PongNoFrameskip-v4: did you mean ALE/Pong-v5?"),
        ("SpaceInvadersDeterministic-v0", "did you mean ALE/SpaceInvaders-v5?"),
        ("Pong-ram-v0", "did you mean ALE/Pong-v5?"),
        ("ale/pong-v5", "did you mean ALE/Pong-v5?"),
        ("a b", "a b: Malformed environment ID"),
    ],
)
def test_other_names_of_atari_games_are_answered(game, said, tmp_path, capfd):
    assert main(["train", "--game", game, "--out", str(tmp_path / "run")]) == 2
    line, before = last_line(capfd)
    assert said in line
    assert not before


@pytest.mark.parametrize(
    ("game", "full"), [("CartPole", "CartPole-v1"), ("Catch", "games:Catch-v0")]
)
def test_an_id_without_its_version_gets_it(game, full):
    assert task(game).game == full


def test_options_of_the_game(tmp_path, capfd):
    """They are kept with the files, and belong to the run."""
    run = ["--out", str(tmp_path / "run"), "--steps", "60", *SMALL]
    game = ["--game", "FrozenLake-v1", "--game-option"]
    assert main(["train", *game, "is_slippery=false", "--game-option", "map_name=8x8", *run]) == 0
    kept = json.loads((tmp_path / "run/summary.json").read_text())["settings"]["game"]
    assert kept == {"is_slippery": False, "map_name": "8x8"}
    assert load(tmp_path / "run").env.unwrapped.observation_space.n == 64
    more = ["--resume", str(tmp_path / "run"), "--steps", "70", "--quiet"]
    for options, status in (
        (["--game-option", "is_slippery=true"], 2),
        ([*game, "map_name=4x4"], 2),
        (["--game-option", "is_slippery=false"], 0),
    ):
        assert main(["train", *more, *options]) == status
    assert "keeps a run's settings: is_slippery was False, not True" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("is_slipery=1", "FrozenLake-v1 has no option is_slipery; it has desc, map_name, is_sl"),
        ("render_mode=human", "FrozenLake-v1: render_mode is no option of the game"),
        ("desc=7", "FrozenLake-v1: "),
        ("map_name=8x9", "FrozenLake-v1: its constructor raised KeyError: '8x9'"),
        ("id=X", "FrozenLake-v1: id is no option of the game"),
        ("success_rate=x", "FrozenLake-v1: "),
    ],
)
def test_wrong_options_of_a_game_are_one_line(option, said, tmp_path, capfd):
    run = ["--out", str(tmp_path / "run"), *SMALL]
    assert main(["train", "--game", "FrozenLake-v1", "--game-option", option, *run]) == 2
    line, before = last_line(capfd)
    assert line.startswith(f"dqn_symbolic: {said}")
    assert not before


def test_a_wrong_option_of_ones_own_class_is_one_line(tmp_path, capfd):
    """Its entry point is a class, not a text."""
    out = ["--out", str(tmp_path / "run")]
    assert main(["train", "--game", "Walk-v0", "--game-option", "lenght=3", *out, *SMALL]) == 2
    said = "dqn_symbolic: Walk-v0 has no option lenght; it has length"
    assert last_line(capfd) == (said, "")


def test_further_options_are_not_named_as_one(tmp_path, monkeypatch, capfd):
    class Further(Walk):
        def __init__(self, slope=0, **options):
            super().__init__(**options)

    monkeypatch.setattr(gymnasium.spec("Walk-v0"), "entry_point", Further)
    out = ["--out", str(tmp_path / "run")]
    assert main(["train", "--game", "Walk-v0", "--game-option", "lenght=3", *out, *SMALL]) == 2
    said = "dqn_symbolic: Walk-v0 has no option lenght; it has slope"
    assert last_line(capfd) == (said, "")


def test_a_terminal_that_knows_ascii_only(tmp_path):
    command = [sys.executable, "-c", "from dqn_symbolic.commands.front import say; say('r\u00fcn')"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "'r\\xfcn'\n")
