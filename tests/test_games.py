"""Any Gymnasium game with `python -m dqn_symbolic`: train, evaluate, watch, resume; bad input."""

import csv
import json
import os
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from PIL import Image

from dqn_symbolic.__main__ import main
from dqn_symbolic.commands import evaluating
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import Settings
from tests.plain import load, plain, summary, uncompiled
from tests.plain import trained as train
from tests.test_agent import bits, saved_state
from tests.test_determinism import differences, outcome

ROOT = Path(__file__).parent.parent
SMALL = [
    *("--quiet", "--no-window", "--hidden", "8", "--warm-up", "40", "--batch-size", "4"),
    *("--memory-size", "90", "--evaluate-every", "60", "--evaluation-episodes", "3"),
    *("--checkpoint-every", "70", "--sync-every", "20"),
]


# -- train, evaluate, watch ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cartpole"
    arguments = ["--game", "CartPole-v1", "--steps", "200", "--out", str(folder), *SMALL]
    with uncompiled():
        assert main(["train", *arguments]) == 0
    return folder


def test_a_run_of_another_game_has_the_same_files(trained):
    result = summary(trained)
    assert result["game"] == "CartPole-v1"
    assert result["env_steps"] == 200
    assert result["solved"] is False
    assert not {"catch_rate", "starts"} & set(result)
    with open(trained / "progress.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["env_steps"]) for row in rows] == [60, 120, 180]
    assert "catch_rate" not in rows[0]
    # a pole stands for at least 8 steps; 200 agent steps are too few to learn to balance it
    assert all(8 <= float(row["mean_return"]) < 200 for row in rows)
    with Image.open(trained / "learning_curve.png") as picture:
        assert min(picture.size) >= 400


def test_the_saved_agent_is_that_of_the_best_evaluation(trained):
    with open(trained / "progress.csv", newline="") as file:
        means = [float(row["mean_return"]) for row in csv.DictReader(file)]
    result = summary(trained)
    assert result["best_mean_return"] == max(*means, result["mean_return"])
    _, weights = load(trained / "agent.npz", "agent")
    _, arrays = load(trained / "checkpoint.npz", "checkpoint")
    best = "best" if max(means) > result["mean_return"] else "learner"
    assert all((weights[name] == arrays[f"{best}.{name}"]).all() for name in weights)


@pytest.mark.usefixtures("uncompiled")
def test_evaluate_prints_the_numbers_that_it_writes(trained, tmp_path, capsys):
    arguments = ["evaluate", str(trained), "--episodes", "7", "--seed", "5", "--out", str(tmp_path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    result = json.loads((tmp_path / "evaluation.json").read_text())
    names = ["game", "episodes", "epsilon", "mean", "standard_error", "std", "minimum", "maximum"]
    names += ["weights"]
    assert list(result) == names
    assert (result["game"], result["episodes"], result["epsilon"]) == ("CartPole-v1", 7, 0)
    assert result["minimum"] <= result["mean"] <= result["maximum"]
    # The standard deviation of a sample divides by 6, `std` by 7.
    error = result.pop("standard_error")
    assert error == pytest.approx(result["std"] * (7 / 6) ** 0.5 / 7**0.5)
    compiling, *lines = out.splitlines()
    assert compiling == "compiling forward"
    printed = dict(line.split(maxsplit=1) for line in lines)
    mean = f"{result['mean']:.4g} +- {error:.2g} (standard error, 7 episodes)"
    assert printed.pop("mean") == mean
    for name in {*result} - {"mean"}:
        value = result[name]
        assert printed[name] == (f"{value:.4g}" if isinstance(value, float) else str(value))
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    again = json.loads((tmp_path / "evaluation.json").read_text())
    assert again == {**result, "standard_error": error}  # the same seed
    (tmp_path / "file").touch()
    assert main([*arguments[:-1], str(tmp_path / "file")]) == 2  # the numbers are not lost
    del printed["written:"]
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert printed.items() <= told.items()


@pytest.mark.usefixtures("uncompiled")
def test_evaluate_takes_an_epsilon(trained, tmp_path):
    options = ["--episodes", "3", "--epsilon", "1", "--quiet", "--out", str(tmp_path)]
    assert main(["evaluate", str(trained), *options]) == 0
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert result["epsilon"] == 1
    assert main(["evaluate", str(trained), *options, "--epsilon", "0"]) == 0
    greedy = json.loads((tmp_path / "evaluation.json").read_text())
    assert main(["evaluate", str(trained), "--quiet", "--out", str(tmp_path)]) == 0
    own = json.loads((tmp_path / "evaluation.json").read_text())
    assert own["episodes"] == summary(trained)["settings"]["evaluation_episodes"]
    assert greedy["epsilon"] == 0
    assert greedy["mean"] != result["mean"]


@pytest.mark.usefixtures("uncompiled")
def test_evaluating_an_agent_of_the_project_writes_nothing_beside_it(trained, monkeypatch):
    monkeypatch.setattr(evaluating, "folder_of", lambda folder, agent: trained)
    assert main(["evaluate", "--agent", "pong", "--episodes", "1", "--quiet"]) == 0
    assert not (trained / "evaluation.json").exists()


@pytest.mark.usefixtures("uncompiled")
def test_one_episode_has_no_standard_error(trained, tmp_path, capsys):
    assert main(["evaluate", str(trained), "--episodes", "1", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert result["standard_error"] is None
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["mean", f"{result['mean']:.4g}"] in printed


@pytest.mark.usefixtures("uncompiled")
def test_evaluate_plays_the_greedy_policy_of_the_agent(trained, tmp_path):
    """Against the same episodes, played with the same weights in NumPy."""
    _, weights = load(trained / "agent.npz", "agent")
    env, totals = gymnasium.make("CartPole-v1"), []
    for seed in (5, 6, 7):
        x, _ = env.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            h = np.maximum(x @ weights["W1"] + weights["b1"], 0)
            q = h @ weights["Wout"] + weights["bout"]
            x, reward, terminated, truncated, _ = env.step(int(q.argmax()))
            total, over = total + reward, terminated or truncated
        totals.append(total)
    options = ["--episodes=3", "--seed=5", "--quiet", f"--out={tmp_path}"]
    assert main(["evaluate", str(trained), *options]) == 0
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert (result["mean"], result["maximum"]) == (np.mean(totals), max(totals))


@pytest.mark.slow
@pytest.mark.usefixtures("uncompiled")
def test_watch_writes_an_animation(trained, tmp_path):
    assert main(["watch", str(trained), "--gif", str(tmp_path / "a.gif")]) == 0
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames > 5


@pytest.mark.slow
@pytest.mark.usefixtures("uncompiled")
def test_catch_by_its_id_gives_the_same_bits_as_run_catch(tmp_path):
    import run_catch

    small = [*SMALL, "--steps", "150"]
    assert main(["train", "--game", "games:Catch-v0", "--out", str(tmp_path / "one"), *small]) == 0
    assert run_catch.main(["train", "--out", str(tmp_path / "two"), *small]) == 0
    assert differences(outcome(tmp_path / "one")[0], outcome(tmp_path / "two")[0]) == []
    assert summary(tmp_path / "one")["starts"] == 80


@pytest.mark.slow
def test_a_module_can_register_a_game(tmp_path):
    """--import names the module: to train, to evaluate and to resume."""
    code = """
        import gymnasium, numpy as np

        class Colours(gymnasium.Env):
            '''Frames in colour; the reward is 1 for the action 1.'''
            observation_space = gymnasium.spaces.Box(0, 255, (6, 5, 3), np.uint8)
            action_space = gymnasium.spaces.Discrete(2)

            def reset(self, *, seed=None, options=None):
                super().reset(seed=seed)
                self.age = 0
                return self.observation_space.sample(), {}

            def step(self, action):
                self.age += 1
                frame = self.np_random.integers(256, size=(6, 5, 3), dtype=np.uint8)
                return frame, float(action), self.age == 5, False, {}

        gymnasium.register("Colours-v0", entry_point="my_games:Colours")
        """
    (tmp_path / "my_games.py").write_text(textwrap.dedent(code))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}

    def run(*arguments):
        command = [sys.executable, "-m", "dqn_symbolic", *arguments]
        where = {"cwd": tmp_path, "env": environment}
        done = subprocess.run(command, **where, capture_output=True, text=True)
        return done.returncode, done.stderr

    learn = ["train", "--game", "Colours-v0", "--filters", "2x3x1", "--history", "2", *SMALL]
    assert run(*learn, "--steps", "130", "--out", "run", "--import", "my_games") == (0, "")
    assert run("evaluate", "run", "--import", "my_games", "--quiet") == (0, "")
    resume = ["train", "--resume", "run", "--steps", "140", "--quiet"]
    assert run(*resume, "--import", "my_games") == (0, "")
    status, error = run(*resume)
    assert (status, error.count("\n")) == (2, 1)
    assert "Colours" in error


# -- stopped and resumed, bit for bit --------------------------------------------------------------


def stopped_and_resumed(env, stop, steps, **settings):
    """-> (the agent that was not stopped, the resumed agent)."""
    small = {"hidden": (8,), "warm_up": 30, "memory_size": 80, "batch_size": 4, "history": 2}
    whole, resumed = (plain(env(), Settings(**{**small, **settings})) for _ in range(2))
    for _ in range(stop):
        whole.step()
    resumed.set_state(*saved_state(whole))
    for _ in range(steps - stop):
        whole.step()
        resumed.step()
    return whole, resumed


@pytest.mark.parametrize(
    ("game", "settings"),
    [
        ("games:Catch-v0", {"drift": True}),
        ("CartPole-v1", {}),
        ("CartPole-v1", {"max_episode_steps": 9}),  # truncated, so x_tp1 bootstraps
        ("FrozenLake-v1", {}),  # slippery: every step is random
        ("Acrobot-v1", {}),
    ],
)
def test_a_game_that_keeps_its_promise_resumes_with_the_same_bits(game, settings):
    make = task(game, **settings).make
    for stop in (1, 37, 90):
        whole, resumed = stopped_and_resumed(make, stop, 110)
        assert bits(whole) == bits(resumed)
    assert whole.updates == 81
    assert whole.episode > 1 or game == "Acrobot-v1"


class RandomFrames(gymnasium.Env):
    """Random observations; if `breaks_promise`, they do not depend on the seed of the episode."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, breaks_promise=False):
        self.breaks_promise, self.unseeded_rng = breaks_promise, np.random.default_rng()

    def observation(self):
        rng = self.unseeded_rng if self.breaks_promise else self.np_random
        return rng.normal(size=1).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age = 0
        return self.observation(), {}

    def step(self, action):
        self.age += 1
        return self.observation(), 1.0, self.age == 10, False, {}


def test_a_game_that_breaks_its_promise_is_noticed_and_starts_a_new_episode():
    whole, resumed = stopped_and_resumed(RandomFrames, 35, 60)
    assert bits(whole) == bits(resumed)
    breaking = partial(RandomFrames, breaks_promise=True)
    with pytest.warns(RuntimeWarning, match="the game did not come back to where it was"):
        whole, resumed = stopped_and_resumed(breaking, 35, 35)
    assert resumed.episode == whole.episode + 1
    assert resumed.actions == []
    resumed.step()
    x, _, _, _, x_tp1 = resumed.memory.transitions(np.arange(resumed.memory.size))
    # the first transition of the new episode has no frame of the old episode
    assert x[-1, 0, 0] == 0 != x[-1, 0, 1]
    assert x_tp1[-1, 0, 0] == x[-1, 0, 1]


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train", "--game ID is missing, such as --game CartPole-v1"),
        ("play", "--game ID is missing"),
        ("train --game Nope-v1", "Nope-v1: Environment `Nope` doesn't exist"),
        ("train --game Pendulum-v1", "gymnasium's DiscretizeAction"),
        ("train --game Blackjack-v1", "gymnasium's FlattenObservation"),
        ("train --game no_such_module:X-v0", "no_such_module"),
        ("train --game CartPole-v1 --import no_such_module", "no_such_module: no such module is"),
        ("train --game CartPole-v1 --filters 2x3x1", "filters: expected frames"),
        ("train --game CartPole-v1 --evaluation-epsilon 2", "a number from 0 to 1, got 2.0"),
        ("train --game CartPole-v1 --sticky .25", "CartPole-v1 has no option sticky; it has"),
        ("evaluate nowhere", "nowhere/agent.npz is missing"),
        ("fly", "invalid choice: 'fly'"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    if arguments == "play":
        monkeypatch.setattr("games.window.screen.has_screen", lambda: True)
    assert main(arguments.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("dqn_symbolic: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["ale_py", "cv2"])
@pytest.mark.parametrize("command", ["train --game ALE/Pong-v5", "evaluate --agent pong"])
def test_atari_without_its_extra_says_how_to_install_it(missing, command, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "dqn_symbolic.environments.atari", raising=False)
    assert main(command.split()) == 2
    _, err = capfd.readouterr()
    assert err.startswith("dqn_symbolic: ALE/Pong-v5 needs ")
    assert err.endswith('which is not installed: pip install -e ".[atari]"\n')
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_cartpole_is_learnt_by_its_preset(seed, tmp_path):
    """A mean of 475 over 100 greedy episodes, within 100,000 agent steps."""
    arguments = ["--game", "CartPole-v1", "--seed", str(seed), "--out", str(tmp_path), "--quiet"]
    assert main(["train", *arguments]) == 0
    assert summary(tmp_path)["best_mean_return"] >= 475
    assert summary(tmp_path)["env_steps"] <= 100_000


@pytest.mark.parametrize(("scores", "best"), [((1, 3, 2), 1), ((1, 3, 3), 2), ((4, 3, 2), 0)])
def test_the_latest_of_the_best_agents_is_saved(scores, best, tmp_path):
    settings = Settings(
        hidden=(4,), warm_up=10, batch_size=4, steps=30, evaluate_every=10, checkpoint_every=30
    )
    game = task("CartPole-v1")
    run, weights, remaining = Run(game, settings, tmp_path), [], list(scores)
    agent = run.begin(plain(game.make(), settings))

    def score(stop=(), quiet=True):
        weights.append(agent.weights())
        return {"mean_return": float(remaining.pop(0))}

    train(run, score)
    _, saved = load(tmp_path / "agent.npz", "agent")  # before the run ends
    assert all((saved[name] == value).all() for name, value in weights[best].items())
    summary = run.finish()
    assert (summary["best_mean_return"], summary["mean_return"]) == (max(scores), scores[-1])
    _, saved = load(tmp_path / "agent.npz", "agent")
    assert all((saved[name] == value).all() for name, value in weights[best].items())
    others = [weights[i] for i in {0, 1, 2} - {best}]
    assert any((other[name] != saved[name]).any() for other in others for name in saved)
