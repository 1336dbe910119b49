"""Atari as the Nature agent plays it: frames, randomness, lives, scores and equal bits.

These tests need the extra `.[atari]`. All of them are marked slow.
"""

import csv
import hashlib
import inspect
import json
from itertools import pairwise

import gymnasium
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ale_py")

import run_catch
from dqn_symbolic import load as load_agent
from dqn_symbolic import optimisers
from dqn_symbolic.__main__ import DOOR, main
from dqn_symbolic.agent import Agent
from dqn_symbolic.commands import evaluating
from dqn_symbolic.commands.training import new
from dqn_symbolic.environments import atari
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.atari import Atari, paper_scores
from dqn_symbolic.experiments import games, pong
from dqn_symbolic.experiments.pong import CHANGES
from dqn_symbolic.experiments.runner import rows_of
from dqn_symbolic.guard.files import alone
from dqn_symbolic.runs.loading import Unreadable, read_settings
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from dqn_symbolic.training import training
from tests.plain import load, plain
from tests.test_agent import bits, saved_state

pytestmark = pytest.mark.slow

PONG, BREAKOUT = "ALE/Pong-v5", "ALE/Breakout-v5"


def played(env, seed, steps=200, action_seed=3):
    """-> (frames, rewards, infos) of random play, until the game ends or after `steps`."""
    rng = np.random.default_rng(action_seed)
    frame, info = env.reset(seed=seed)
    frames, rewards, infos, over = [frame], [], [info], False
    while len(rewards) < steps and not over:
        frame, reward, terminated, truncated, info = env.step(int(rng.integers(env.action_space.n)))
        frames.append(frame)
        rewards.append(reward)
        infos.append(info)
        over = terminated or truncated
    return np.array(frames), rewards, infos


# -- frames and rewards ---------------------------------------------------------------------------


def test_the_screens_of_a_step_are_drawn():
    for mode, screens in (("rgb_array", 1), ("rgb_array_list", 4)):
        env = Atari(PONG, render_mode=mode)
        env.reset(seed=0)
        env.step(0)
        assert len(np.reshape(env.render(), (-1, 210, 160, 3))) == screens
        assert isinstance(env.render(), list) == (mode == "rgb_array_list")
        assert env.metadata["render_fps"] == 60 / 4


def area_means(size, parts):
    """-> (parts, size): row i averages the i-th of `parts` equal parts of `size` pixels."""
    edges = np.linspace(0, size, parts + 1)
    weights = np.zeros((parts, size))
    for i, (begin, end) in enumerate(pairwise(edges)):
        for j in range(size):
            weights[i, j] = max(0, min(end, j + 1) - max(begin, j))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("game", "size"), [(PONG, 84), ("ALE/SpaceInvaders-v5", 84), (BREAKOUT, 42), (PONG, 63)]
)
def test_a_frame_is_the_maximum_of_two_screens_in_grey(game, size):
    """Computed in float64 from the screens of a raw emulator that plays the same actions."""
    env = Atari(game, frame_size=size)
    frame, _ = env.reset(seed=5)
    raw = gymnasium.make(game, frameskip=1, repeat_action_probability=0.0, obs_type="rgb").unwrapped
    raw.reset(seed=0)
    screens = [raw.step(0)[0] for _ in range(env.frames)]
    row_means, column_means = area_means(210, size), area_means(160, size)

    def expected(screen):
        return row_means @ (screen @ [0.299, 0.587, 0.114]) @ column_means.T

    assert abs(frame - expected(screens[-1])).max() <= 1  # both sides round
    rng = np.random.default_rng(1)
    for _ in range(150):
        action = int(rng.integers(env.action_space.n))
        frame, reward, *_ = env.step(action)
        steps = [raw.step(action) for _ in range(4)]
        assert reward == sum(step[1] for step in steps)
        brightest = np.maximum(steps[2][0], steps[3][0])
        assert abs(frame - expected(brightest)).max() <= 1
    assert frame.dtype == np.uint8
    assert env.observation_space.contains(frame)


def test_the_environment_does_not_clip_rewards():
    _, rewards, _ = played(Atari("ALE/SpaceInvaders-v5"), seed=1)
    assert max(rewards) >= 5  # an invader scores 5 to 30 points


# -- randomness ------------------------------------------------------------------------------------


def test_the_seed_draws_1_to_30_no_op_frames():
    env = Atari(PONG)
    frames = []
    for seed in range(150):
        env.reset(seed=seed)
        frames.append(env.frames)
    assert (min(frames), max(frames)) == (1, 30)
    assert len(set(frames)) > 20
    env.reset(seed=7)
    assert env.frames == frames[7]


@pytest.mark.parametrize("sticky", [0.0, 0.25])
@pytest.mark.parametrize(
    # After a plain reset, the last four depend on the previous game. Q*bert does when its state is
    # restored without a reset.
    "game",
    ["Pong", "Breakout", "Qbert", "BeamRider", "IceHockey", "Tennis", "TimePilot"],
)
def test_the_same_seed_and_actions_give_the_same_episode(game, sticky):
    env = Atari(f"ALE/{game}-v5", sticky=sticky)
    first = played(env, seed=11)
    for other_seed in range(3):
        steps = 50 + 77 * other_seed
        played(env, seed=other_seed, steps=steps, action_seed=other_seed)
        again = played(env, seed=11)
        assert (again[0] == first[0]).all()
        assert again[1:] == first[1:]
    fresh = played(Atari(f"ALE/{game}-v5", sticky=sticky), seed=11)
    assert (fresh[0] == first[0]).all()
    assert fresh[1:] == first[1:]


def test_sticky_actions_repeat_with_their_probability():
    """The emulator keeps the old action in a quarter of the frames whose new action differs."""
    env = Atari(PONG, sticky=0.25, action_repeat=1)
    env.reset(seed=0)
    repeats, held = 0, env.held
    for frame in range(4_000):
        action = 2 + frame % 2
        _, _, terminated, truncated, _ = env.step(action)
        repeats += env.held == held != action
        held = env.held
        if terminated or truncated:
            env.reset(seed=1)
            held = env.held
    # The actions alternate, so after a repeat the new action is the held one. This is the case in
    # a fifth of the frames. Expected are .25 of .8 of 4,000 frames.
    assert 720 < repeats < 880  # three standard deviations
    played_with, played_without = (played(Atari(PONG, sticky=s), 4)[0] for s in (0.25, 0.0))
    assert (played_with != played_without).any()


# -- ends -----------------------------------------------------------------------------------------


def test_a_lost_life_is_reported_and_the_game_continues():
    _, _, infos = played(Atari(BREAKOUT), seed=0, steps=2_000)
    lives = [info["lives"] for info in infos]
    assert lives[0] == 5
    assert lives[-1] == 0
    assert [info["life_lost"] for info in infos[1:]] == [b < a for a, b in pairwise(lives)]
    assert sum(info["life_lost"] for info in infos) == 5


def test_an_episode_is_truncated_after_five_minutes(monkeypatch):
    assert atari.FIVE_MINUTES == 18_000
    monkeypatch.setattr(atari, "FIVE_MINUTES", 200)
    env = Atari(PONG)
    env.reset(seed=0)
    frames = env.frames
    for step in range(1, 60):
        _, _, terminated, truncated, _ = env.step(0)
        assert not terminated
        assert truncated == (frames + 4 * step >= 200)
        if truncated:
            return
    raise AssertionError("the episode was not truncated")


# -- scores ----------------------------------------------------------------------------------------


def test_the_table_of_scores_agrees_with_the_paper():
    """Mnih et al. 2015: the agent reached 75% of the human score or more in 29 of 49 games.

    Their figure 3 gives Pong 132%, Breakout 1327%, Boxing 1707% and Seaquest 26%.
    """
    scores = paper_scores()

    def normalised(s):
        return 100 * (s["dqn_2015"] - s["random"]) / (s["human"] - s["random"])

    assert len(scores) == 49
    assert sum(normalised(s) >= 75 for s in scores.values()) == 29
    shares = {"Pong": 132, "Breakout": 1327, "Boxing": 1707, "Seaquest": 26, "Enduro": 97}
    assert {game: round(normalised(scores[game])) for game in shares} == shares


def test_gymnasium_has_every_game_of_the_paper():
    for game in paper_scores():
        assert gymnasium.spec(f"ALE/{game}-v5")


def test_the_task_names_the_papers_scores():
    pong = task(PONG)
    assert pong.levels == {"random": -20.7, "human": 9.3, "dqn_2015": 18.9}
    assert pong.measures(np.array([18.0, 19.8])) == {"human_normalised": pytest.approx(132)}
    assert task("ALE/Adventure-v5").levels == {}  # not in the paper


# -- the Nature agent ------------------------------------------------------------------------------


def test_nature_has_every_number_of_extended_data_table_1():
    s = Settings(**PRESETS["nature"])
    rmsprop = inspect.signature(optimisers.rmsprop).parameters
    assert s.batch_size == 32  # minibatch size
    assert s.memory_size == 1_000_000  # replay memory size
    assert s.history == 4  # agent history length
    assert s.sync_every == 10_000  # target network update frequency
    assert s.discount == 0.99  # discount factor
    assert atari.ACTION_REPEAT == Atari(PONG).action_repeat == 4  # action repeat
    assert s.update_every == 4  # update frequency
    assert (s.optimiser, s.learning_rate) == ("rmsprop", 0.00025)  # learning rate
    # Gradient momentum and squared gradient momentum; min squared gradient.
    assert (rmsprop["decay"].default, rmsprop["epsilon"].default) == (0.95, 0.01)
    assert s.epsilon_start == 1  # initial exploration
    assert s.epsilon_end == 0.1  # final exploration
    assert s.epsilon_steps == 1_000_000  # final exploration frame
    assert s.warm_up == 50_000  # replay start size
    assert atari.MOST_NO_OPS == 30  # no-op max
    # The text of Methods: the network, clipping, training and evaluation.
    assert s.filters == ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    assert s.hidden == (512,)
    assert (s.loss, s.clip_rewards) == ("clipped", True)
    assert s.steps == 50_000_000
    assert (s.evaluation_episodes, s.evaluation_epsilon) == (30, 0.05)
    assert 4 * s.evaluation_steps == atari.FIVE_MINUTES == 5 * 60 * 60
    assert (s.initialiser, s.centred, s.anneal_learning_rate) == ("nature", False, False)


# -- a run -----------------------------------------------------------------------------------------

SMALL = {
    **{"filters": ((4, 8, 8),), "hidden": (8,), "clip_rewards": True, "history": 4},
    **{"memory_size": 300, "warm_up": 40, "batch_size": 4, "update_every": 4, "sync_every": 10},
}


@pytest.mark.parametrize("sticky", [0.0, 0.25])
@pytest.mark.parametrize("game", ["Pong", "Breakout", "Qbert"])
def test_an_agent_resumed_in_mid_episode_has_the_same_bits(game, sticky):
    """The first agent stops after 333 steps. The second goes on with a new emulator."""

    def agent():
        return plain(task(f"ALE/{game}-v5", sticky=sticky).make(), Settings(**SMALL))

    whole, stopped, resumed = agent(), agent(), agent()
    for player, steps in ((whole, 500), (stopped, 333)):
        for _ in range(steps):
            player.step()
    assert stopped.actions  # in the middle of an episode
    resumed.set_state(*saved_state(stopped))
    for _ in range(500 - 333):
        resumed.step()
    assert bits(resumed) == bits(whole)


OPTIONS = [
    *("--quiet", "--no-window", "--filters", "4x8x8", "--hidden", "8", "--memory-size", "300"),
    *("--warm-up", "40", "--batch-size", "4"),
    *("--evaluate-every", "150", "--checkpoint-every", "70"),
    *("--evaluation-episodes", "2", "--evaluation-steps", "60"),
    "--no-anneal-learning-rate",  # an annealed rate depends on --steps
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "pong"
    arguments = ["train", "--game", PONG, "--steps", "200", "--out", str(folder), *OPTIONS]
    assert main(arguments) == 0
    return folder


def test_a_resumed_run_equals_an_uninterrupted_run(trained, tmp_path):
    folder = tmp_path / "run"
    start = ["train", "--game", PONG, "--sticky", "0", "--out", str(folder), *OPTIONS]
    assert main([*start, "--steps", "130"]) == 0
    assert main(["train", "--resume", str(folder), "--steps", "200", "--quiet", "--no-window"]) == 0
    whole, resumed = (load(path / "checkpoint.npz", "checkpoint") for path in (trained, folder))
    assert whole[0]["agent"] == resumed[0]["agent"]
    assert all((whole[1][name] == resumed[1][name]).all() for name in whole[1])


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({}, 42),
        ({"preset": "atari"}, 42),
        ({"preset": "atari", "frame_size": 63}, 63),
        ({"preset": "nature"}, 84),
        ({"preset": "nature", "frame_size": 42}, 42),
    ],
)
def test_a_preset_has_its_size_of_a_frame(given, size):
    task, settings, _ = new(DOOR, {"game": PONG, **given})
    assert task.frames.shape == (size, size)
    assert settings.beside == (given.get("preset") != "nature")


def test_the_size_of_a_frame_is_kept_with_the_files(tmp_path, capsys):
    folder = tmp_path / "run"
    start = ["train", "--game", PONG, "--frame-size", "48", "--out", str(folder), *OPTIONS]
    assert main([*start, "--steps", "70"]) == 0
    assert read_settings(folder / "agent.npz", "agent")[1] == {"frame_size": 48}
    resume = ["train", "--resume", str(folder), "--steps", "100", "--quiet", "--no-window"]
    assert main([*resume, "--frame-size", "63"]) == 2
    assert "frame_size was 48, not 63" in capsys.readouterr().err
    assert main(resume) == 0
    assert load(folder / "checkpoint.npz", "checkpoint")[1]["x"].shape == (48, 48, 4)
    assert main(["evaluate", str(folder), "--quiet", "--episodes", "1"]) == 0


def test_evaluate_writes_the_papers_scores(trained, tmp_path, capsys):
    options = ["--episodes", "2", "--out", str(tmp_path)]
    assert main(["evaluate", str(trained), *options]) == 0
    out = capsys.readouterr().out
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    assert (evaluation["random"], evaluation["human"], evaluation["dqn_2015"]) == (-20.7, 9.3, 18.9)
    expected = 100 * (evaluation["mean"] + 20.7) / (9.3 + 20.7)
    assert evaluation["human_normalised"] == pytest.approx(expected)
    assert "five minutes a game" in out
    with open(trained / "progress.csv", newline="") as file:
        assert "human_normalised" in next(csv.DictReader(file))


JOB = games.conditions(quick=True)["Pong"]
JOB |= {"game": "ALE/Asterix-v5", "agent": JOB["agent"] | {"evaluation_steps": 300}}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """-> (the folder of a job of the 49 games, its row)"""
    folder = tmp_path_factory.mktemp("games") / "Asterix-3"
    (row,) = games.measure(JOB, 3, folder)
    return folder, row


def test_a_job_of_the_49_games_leaves_an_agent_and_a_row_to_check_it(job, tmp_path, capsys):
    folder, row = job
    assert sorted(path.name for path in folder.iterdir()) == [
        *("agent.npz", "learning_curve.png", "progress.csv", "summary.json"),
    ]
    with np.load(folder / "agent.npz") as file:
        arrays = [file[name] for name in file.files if file[name].dtype == np.float32]
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    assert len(arrays) == 6
    assert row["standard_error"] > 0
    assert row["weights"] == digest
    assert json.loads(row["settings"])["seed"] == 3
    assert main(["evaluate", str(folder), "--episodes", "2", "--out", str(tmp_path)]) == 0
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    names = ("mean", "standard_error", "human_normalised", "weights")
    expected = [row["score"], *(row[name] for name in names[1:])]
    assert [evaluation[name] for name in names] == expected
    assert list(games.measure(JOB, 3, folder)) == [row]


@pytest.mark.parametrize("last", [160, 250])  # without a checkpoint, and with the one of 200
def test_a_job_of_the_49_games_goes_on_after_a_kill(last, job, tmp_path, monkeypatch):
    def cut(agent, score, pause):
        yield from training(agent, score, lambda: pause() or agent.steps >= last)
        assert (tmp_path / "run" / "progress.csv").exists()
        raise KeyboardInterrupt

    condition = {**JOB, "agent": JOB["agent"] | {"checkpoint_every": 200}}
    monkeypatch.setattr(games, "training", cut)
    with pytest.raises(KeyboardInterrupt):
        list(games.measure(condition, 3, tmp_path / "run"))
    monkeypatch.setattr(games, "training", training)
    (row,) = games.measure(condition, 3, tmp_path / "run")
    assert learnt(row) == learnt(job[1])


def learnt(row):
    return [row[name] for name in ("score", "scores", "values", "weights", "updates")]


def test_a_job_of_the_49_games_begins_anew_if_its_settings_have_changed(job, tmp_path, monkeypatch):
    def killed(agent, score, pause):
        yield from training(agent, score, lambda: pause() or agent.steps >= 250)
        raise KeyboardInterrupt

    other = {**JOB, "agent": JOB["agent"] | {"learning_rate": 0.1, "checkpoint_every": 200}}
    monkeypatch.setattr(games, "training", killed)
    with pytest.raises(KeyboardInterrupt):
        list(games.measure(other, 3, tmp_path / "run"))
    monkeypatch.setattr(games, "training", training)
    smaller = {**JOB, "options": {"frame_size": 40}}
    for _ in range(2):  # after a kill, and after its end
        (row,) = games.measure(smaller, 3, tmp_path / "run")
        assert json.loads(row["settings"])["game"]["frame_size"] == 40
        (row,) = games.measure(JOB, 3, tmp_path / "run")
        assert learnt(row) == learnt(job[1])
        (changed,) = games.measure(other, 3, tmp_path / "run")
        assert changed["weights"] != row["weights"]


def test_a_job_of_the_49_games_is_done_by_one_process(tmp_path):
    """Its folder may have no checkpoint yet, but it is not removed."""
    (tmp_path / "progress.csv").touch()
    with alone(tmp_path), pytest.raises(BlockingIOError, match="another run is at work there"):
        list(games.measure(JOB, 3, tmp_path))
    assert (tmp_path / "progress.csv").exists()


def test_evaluate_says_whether_the_weights_are_those_of_a_row(job, tmp_path, capsys, monkeypatch):
    folder, row = job
    monkeypatch.setattr(evaluating, "ROWS", tmp_path / "games.csv")
    for weights, expected in ((row["weights"], "those"), ("0" * 64, "not those")):
        (tmp_path / "games.csv").write_text(f"game,weights\n{row['game']},{weights}\n")
        assert main(["evaluate", str(folder), "--episodes", "1", "--out", str(tmp_path)]) == 0
        assert f"weights: {expected} of {tmp_path / 'games.csv'}\n" in capsys.readouterr().out


def test_the_table_of_the_games_counts_them():
    """Random play, three standard errors above it, just as much as 75% of human, and more."""
    scores = [(10.0, 1.0, 0.0), (13.1, 1.0, 3.1), (85.0, 2.0, 75.0), (90.0, 2.0, 80.0)]
    known = {"random": 10.0, "human": 110.0, "dqn_2015": 60.0, "train_seconds": 600.0}
    known["env_steps"] = 300
    names = "score", "standard_error", "human_normalised"
    rows = [{"condition": "A", **known, **dict(zip(names, values))} for values in scores]
    *lines, above, as_human = games.table(rows)
    assert lines[2] == ["A", "13.1 ± 1.0", "3", "50", "10.0", "10"]
    assert above[0] == "above random play by three standard errors: 3 of 4"
    assert as_human[0] == "above 75% of human: 1 of 4"
    assert len(games.draw(rows).axes[0].patches) == 8


def test_the_picture_names_its_own_agent_steps():
    row = {"condition": "Pong", "human_normalised": 1.0, "env_steps": 300}
    figure = games.draw([row | {"random": -20.7, "human": 9.3, "dqn_2015": 18.9}])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "ours: 300" in labels
    widths = [bars[0].get_width() for bars in figure.axes[0].containers]
    assert widths == pytest.approx([132, 1])  # the Nature agent's, ours


def test_the_ablation_of_pong_sees_the_presets_frames(monkeypatch):
    seen = []
    monkeypatch.setattr(
        pong.learning, "rows", lambda condition, seed, game, worst: seen.append(game) or ()
    )
    assert list(pong.measure({}, 0)) == []
    assert seen[0].frames.shape == (ATARI_FRAME_SIZE, ATARI_FRAME_SIZE)


def test_the_picture_says_what_is_beyond_its_ends():
    known = {"condition": "VideoPinball", "random": 16_257.0, "human": 17_298.0, "env_steps": 300}
    figure = games.draw([known | {"dqn_2015": 42_684.0, "human_normalised": -1_319.4}])
    texts = {text.get_text().strip(): text.get_position()[0] for text in figure.axes[0].texts}
    assert texts == {"2,539%": 600, "-1,319%": -50}


def saved(env, tmp_path):
    """-> the file of an agent of this game."""
    Agent(env, Settings(hidden=(2,), memory_size=10)).save(tmp_path / "agent.npz")
    return tmp_path / "agent.npz"


def test_a_loaded_agent_has_the_same_game(tmp_path):
    path = saved(task(PONG, action_repeat=2, frame_size=9, sticky=0.25).make(), tmp_path)
    env = load_agent(path).env.unwrapped
    assert (env.action_repeat, env.size, env.sticky) == (2, (9, 9), 0.25)


def test_the_game_of_ale_itself_is_given_to_load(tmp_path):
    path = saved(gymnasium.make(PONG), tmp_path)
    with pytest.raises(Unreadable, match="its game has no Gymnasium id: give it to load"):
        load_agent(path)


def test_the_ablation_is_drawn_without_ale(monkeypatch):
    monkeypatch.setattr(pong, "task", None)
    row = {"seed": 0, "agent_steps": 9, "score": -21.0}
    figure = pong.draw([row | {"condition": name} for name in CHANGES])
    (text,) = [t.get_text() for t in figure.legends[0].get_texts() if "human" in t.get_text()]
    assert text == "human (9.3)"


def test_bad_input_is_refused_in_one_line(capsys):
    for arguments, expected in (
        (["--game", "ALE/Pang-v5"], "Pang"),
        (["--game", PONG, "--sticky", "1.5"], "sticky: expected a number from 0 to 1, got 1.5"),
        (["--game", PONG, "--sticky", "1"], "sticky: expected a probability below 1, got 1.0"),
        (["--game", PONG, "--frame-size", "0"], "frame_size: expected at least 1, got 0"),
        (["--game", PONG, "--frame-size", "161"], "frame_size: expected 1 to 160 pixels, got 161"),
        (["--game", PONG, "--game-option", "action_repeat=4.0"], "expected 1 to 60, got 4.0"),
        (["--game", PONG, "--game-option", "full_action_space=no"], "True or False, got 'no'"),
        (["--game", "CartPole-v1", "--sticky", ".25"], "sticky"),
    ):
        assert main(["train", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert expected in line


def test_the_quick_ablation_of_pong_runs(tmp_path, capfd):
    assert run_catch.main(["compare", "pong", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert not capfd.readouterr().err
    rows, _ = rows_of(tmp_path, "pong", quick=True)
    assert [row["condition"] for row in rows[::2]] == list(CHANGES)
    assert [row["agent_steps"] for row in rows] == 4 * [150, 300]
    with Image.open(tmp_path / "pong.png") as picture:
        assert min(picture.size) >= 400
    assert "Replay and target network on Pong" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("name", "score"),
    [
        *(("pong", 12), ("breakout", 8), ("space_invaders", 250), ("crazy_climber", 40_000)),
        *(("enduro", 150), ("road_runner", 6_000)),
    ],
)
def test_the_included_agents_play_well(name, score, tmp_path, capsys):
    options = ["--episodes", "2", "--out", str(tmp_path), "--quiet"]
    assert main(["evaluate", "--agent", name, *options]) == 0
    assert json.loads((tmp_path / "evaluation.json").read_text())["mean"] > score
    assert main(["evaluate", str(tmp_path), "--agent", name]) == 2
    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "actions"),
    [({"mode": 4}, 4), ({"difficulty": 1}, 4), ({"full_action_space": True}, 18)],
)
def test_the_switches_of_the_console(options, actions):
    """They change the game, which still repeats itself after each reset."""

    def frames(**given):
        game = task("ALE/Breakout-v5", **given)
        env = game.make()
        episodes = []
        for _ in range(2):
            shown = [env.reset(seed=3)[0]]
            shown += [env.step(action)[0] for action in [1, 2, 2, 3, 0, 1, 2, 3] * 5]
            episodes.append(np.array(shown))
        env.close()
        assert (episodes[0] == episodes[1]).all()
        return game.actions, episodes[0]

    assert frames(**options)[0] == actions
    assert (frames(**options)[1] != frames()[1]).any()


@pytest.mark.parametrize("option", ["mode=77", "difficulty=9", "mode=x", "obs_type=ram"])
def test_wrong_options_of_atari_are_one_line(option, capsys):
    assert main(["train", "--game", "ALE/Pong-v5", "--game-option", option]) == 2
    err = capsys.readouterr().err
    assert err.startswith("dqn_symbolic: ALE/Pong-v5")
    assert err.count("\n") == 1


def test_by_hand_every_frame_takes_a_key():
    pong = task(PONG)
    assert (pong.by_hand, pong.render_mode) == ({"action_repeat": 1}, "rgb_array_list")
