"""The options of both doors: what --help says, hints, versions, and the options of a game."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import run_catch
from dqn_symbolic import __main__
from dqn_symbolic.commands.options import layers, parsed, plain
from dqn_symbolic.commands.training import split
from dqn_symbolic.experiments import runner
from dqn_symbolic.settings import PRESETS, Settings

ROOT = Path(__file__).parent.parent
DOORS = run_catch, __main__
COMMANDS = ["train", "gorila", "evaluate", "watch", "picture", "play", "plot", "compare"]


def options(door, arguments):
    """-> {option: value} as the command gets it."""
    door = door.DOOR
    return parsed(shlex.split(arguments), door)[1]


def refused(door, arguments, capsys):
    """-> the one line that refuses the arguments."""
    assert door.main(shlex.split(arguments)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err.partition(": ")[2].rstrip("\n")


@pytest.fixture
def shown(monkeypatch, capsys):
    """-> shown(door, arguments): what they print on a terminal of 80 columns, with status 0."""
    monkeypatch.setenv("COLUMNS", "80")

    def shown(door, arguments):
        with pytest.raises(SystemExit) as end:
            door.main(shlex.split(arguments))
        assert end.value.code == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return shown


def defaults(text):
    """The help of a command -> {option: what stands in brackets at the end of its help}."""
    entries = re.split(r"\n  (?=--)", text)[1:]
    found = [(e.split()[0].rstrip(","), re.search(r"\(([^()]*)\)\s*(\n\n|$)", e)) for e in entries]
    return {name.removeprefix("--"): match[1] for name, match in found if match}


# -- the defaults of the game ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "arguments", "preset"),
    [
        (run_catch, "train --help", "catch"),
        (run_catch, "gorila -h", "catch"),
        (run_catch, "train --pixels --help", "pixels"),
        (run_catch, "--help --pixels", None),
        (run_catch, "train --help --preset pixels", "pixels"),
        (__main__, "train --help", "catch"),
        (__main__, "train --game CartPole-v1 --help", "classic"),
        (__main__, "gorila --help --steps 3 --out a --game CartPole-v1", "classic"),
        (__main__, "train --game games:Catch-v0 --help", "catch"),
        (__main__, "train --game CartPole-v1 --preset nature --help", "nature"),
        *((__main__, f"train --preset {name} --help", name) for name in PRESETS),
    ],
)
def test_help_shows_the_defaults_of_the_game(door, arguments, preset, shown):
    text = shown(door, arguments)
    if preset is None:
        assert text == shown(door, "--help")
        return
    assert f"The defaults are those of the preset {preset}" in text
    read, settings = defaults(text), Settings(**PRESETS[preset])
    for name, value in vars(settings).items():
        text = read.get(name.replace("_", "-"))
        if isinstance(value, tuple):
            assert layers(text or "") == value, name
        else:
            assert text == (None if value is False else str(value)), name


def test_help_without_a_game_says_how_to_see_its_defaults(shown):
    hint = "--game ID --help shows a game's"
    assert hint in shown(__main__, "train --help")
    assert hint not in shown(__main__, "train --game CartPole-v1 --help")
    assert hint not in shown(run_catch, "train --help")
    for command in ("evaluate", "watch", "play"):
        assert "defaults" not in shown(__main__, f"{command} --help")


def test_help_of_atari_shows_its_defaults(shown):
    pytest.importorskip("ale_py")
    text = shown(__main__, "train --game ALE/Pong-v5 --sticky .25 --help")
    assert defaults(text)["n-step"] == "5"


def test_help_of_a_game_from_a_module(shown, tmp_path, monkeypatch):
    code = "import gymnasium; gymnasium.register('Own-v0', 'gymnasium.envs.classic_control:"
    (tmp_path / "own_games.py").write_text(f"{code}CartPoleEnv')")
    monkeypatch.syspath_prepend(tmp_path)
    text = shown(__main__, "train --game Own-v0 --import own_games --help")
    assert "the preset classic" in text
    del gymnasium.registry["Own-v0"]


def test_help_of_a_game_that_cannot_be_made_is_refused(capsys):
    message = refused(__main__, "train --game Nope-v1 --help", capsys)
    assert message.startswith("Nope-v1: Environment `Nope` doesn't exist")


@pytest.mark.parametrize("door", ["run_catch", "dqn_symbolic.__main__"])
def test_help_imports_nothing_that_takes_time(door):
    code = (
        f"import sys, {door} as door\n"
        "for command in ([], ['train'], ['gorila'], ['evaluate'], ['watch'], ['play']):\n"
        "    try: door.main([*command, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "heavy = {'numpy', 'pygame', 'pytensor', 'gymnasium', 'matplotlib', 'importlib.metadata'}\n"
        "assert not heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


# -- how the help reads ----------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns(door, command, shown):
    text = shown(door, f"{command} --help")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.startswith(f"usage: {door.DOOR.program} {command}")


def test_options_have_titles_for_people(shown):
    def titles(arguments):
        return re.findall(r"^(\S.*):$", shown(__main__, arguments), re.MULTILINE)

    run = ["the agent and its training", "the run"]
    assert titles("train --help") == ["the game", *run]
    assert titles("gorila --help") == ["the game", "Gorila", *run]
    assert titles("play --help") == ["the game"]
    assert titles("watch --help") == ["positional arguments", "options"]
    assert titles("--help") == ["options", "commands"]


def test_usage_is_short_and_names_what_has_no_dashes(shown):
    usages = [shown(run_catch, f"{name} --help").split("\n")[0].split() for name in COMMANDS]
    assert {usage[-2]: usage[-1] for usage in usages} == {
        **{"gorila": "[options]", "play": "[options]", "train": "[options]"},
        **{"[folder]": "[options]", "[experiment]": "[options]", "[runs]": "[options]"},
    }


def test_help_of_the_preset_says_which_game_takes_it(shown):
    text = " ".join(shown(__main__, "train --help").split())
    for name, game in [("catch", "Catch"), ("classic", "CartPole-v1"), ("atari", "ALE/...")]:
        assert re.search(rf"\b{name}\b[^;]* for [^;]*{game}", text), name
    assert "--filters 16x8x4,32x4x2 " in text
    assert "--hidden N,N " in text


@pytest.mark.parametrize("door", DOORS)
def test_help_of_compare_lists_the_experiments(door, shown):
    lines = [" ".join(line.split()) for line in shown(door, "compare --help").splitlines()]
    assert len(runner.ALL) == 12
    for name, experiment in runner.ALL.items():
        assert f"{name} {experiment.TITLE}" in lines


@pytest.mark.parametrize("door", DOORS)
def test_both_doors_have_all_commands(door):
    assert list(door.DOOR.commands()) == COMMANDS


@pytest.mark.parametrize("door", DOORS)
def test_version(door, shown):
    text = " ".join(shown(door, "--version").split())
    assert text.startswith("dqn_symbolic 0.1.0, PyTensor 3.")
    assert f"Python {'.'.join(map(str, sys.version_info[:3]))}" in text
    assert f"Gymnasium {gymnasium.__version__}" in text
    assert re.search(r"numba 0\.\d+.*NumPy \d", text)


# -- what is not known -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trian", "argument COMMAND: invalid choice: 'trian'"),
        ("--lerning-rate .1", "unrecognized arguments: --lerning-rate .1; did you mean "),
        ("train --optimiser adm", "argument --optimiser: invalid choice: 'adm' (choose from sgd, "),
        ("train --preset attari", "argument --preset: invalid choice: 'attari'"),
    ],
)
def test_a_word_that_is_not_known_is_refused(arguments, message, capsys):
    assert refused(__main__, arguments, capsys).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("trian", "train"),
        ("evaluat", "evaluate"),
        ("--lerning-rate .1", "--learning-rate"),
        ("train --lerning-rate=.1", "--learning-rate"),
        ("train --optimiser adm", "adam"),
        ("train --optimizer adm", "adam"),
        ("gorila --bundels 3", "--bundles"),
        ("train --no-windwo", "--no-window"),
        ("watch --agnt pong", "--agent"),
        ("watch --agent braekout", "breakout"),
        ("compare --quik", "--quick"),
        # abbreviations
        ("train --learn .1", "--learning-rate"),
        ("train --eps=.1", "--epsilon-start or --epsilon-end or --epsilon-steps"),
        ("train --ste 3 --quiet", "--steps"),
        ("trai", "train"),
    ],
)
def test_a_misspelt_word_is_refused_with_a_hint(arguments, meant, capsys):
    assert refused(__main__, arguments, capsys).endswith(f"; did you mean {meant}?")


def test_a_word_like_no_other_gets_no_hint(capsys):
    assert "did you mean" not in refused(run_catch, "xyz", capsys)
    assert "did you mean" not in refused(run_catch, "train --xyz", capsys)


def test_american_spellings_are_the_same_options(shown):
    american = "train --optimizer sgd --initializer=nature --centered"
    british = "train --optimiser sgd --initialiser=nature --centred"
    assert options(run_catch, american) == options(run_catch, british)
    expected = {"optimiser": "sgd", "initialiser": "nature", "centred": True}
    assert options(run_catch, british) == expected
    assert options(run_catch, "train --no-centered") == {"centred": False}
    text = shown(run_catch, "train --help")
    assert not re.search("optimizer|initializer|centered", text)


@pytest.mark.parametrize(
    "arguments",
    ["--out ''", "--out=", "train --resume ''", "watch ''", "watch --gif ''", "compare --out ''"],
)
def test_an_empty_path_is_refused(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(run_catch, arguments, capsys).endswith(": expected a path, got ''")
    assert list(tmp_path.iterdir()) == []


# -- options of a game -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("false", False), ("true", True), ("null", None)),
        *(("False", False), ("True", True), ("None", None)),
        *(("3", 3), ("-2", -2), (".5", 0.5), ("1e-3", 0.001), ("[1,2]", [1, 2])),
        *(("(1, 2)", [1, 2]), ("[.5, True]", [0.5, True]), ('{"a": [null]}', {"a": [None]})),
        *(('"3"', "3"), ("'3'", "3"), ("4x4", "4x4"), ("", ""), ("a=b", "a=b"), ("a b", "a b")),
        *(("nan", "nan"), ("1+2j", "1+2j"), ("{1, 2}", "{1, 2}"), ("b'x'", "b'x'"), ("[1", "[1")),
        ("[" * 10_000, "[" * 10_000),
    ],
)
def test_a_value_is_json_or_python_or_text(text, value):
    read = plain(text)
    assert (read, type(read)) == (value, type(value))
    given = options(__main__, f"train --game-option {shlex.quote(f'x={text}')}")
    assert given == {"game_option": {"x": value}}


def test_game_options_are_collected():
    given = options(__main__, "play --game-option a=1 --game X-v0 --game-option=b=two=2")
    assert given == {"game": "X-v0", "game_option": {"a": 1, "b": "two=2"}}
    assert options(__main__, "play --game X-v0") == {"game": "X-v0"}
    assert options(__main__, "watch --import a --import b")["imported"] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--game-option slippery", "argument --game-option: expected NAME=VALUE, each NAME once"),
        ("--game-option =3", "expected NAME=VALUE, each NAME once, got '=3'"),
        ("--game-option a=1 --game-option a=2", "each NAME once, got 'a=2'"),
        ("--game-option", "argument --game-option: expected one argument"),
        ("--sticky .1 --game-option sticky=.2", "--game-option: expected an option that only"),
        ("--game-option game=CartPole-v1", "the game knows, got game"),
        ("--game-option render_mode=human", "render_mode is no option of the game"),
        ("--game-option no_such=1", "no_such"),
        ("--game-option disable_env_checker=1", "disable_env_checker is no option of the game"),
    ],
)
def test_bad_game_options_are_refused(arguments, message, tmp_path, capsys):
    arguments = f"train --game FrozenLake-v1 --out {tmp_path / 'run'} {arguments}"
    assert message in refused(__main__, arguments, capsys)
    assert list(tmp_path.iterdir()) == []


def test_any_game_does_not_change_what_the_user_gave():
    given = {"game": "CartPole-v1", "game_option": {"sutton_barto_reward": True}}
    for _ in range(2):
        task = __main__.any_game(given)
        assert task.kwargs == {"sutton_barto_reward": True}
        assert task.make().unwrapped._sutton_barto_reward


@pytest.mark.parametrize(
    ("given", "filters"),
    [
        ({"preset": "catch", "network": "conv"}, PRESETS["conv"]["filters"]),
        ({"preset": "pixels", "network": "conv"}, PRESETS["pixels"]["filters"]),
        ({"preset": "conv", "network": "mlp"}, ()),
    ],
)
def test_the_network_option_decides_about_filters(given, filters):
    settings, _ = split(given)
    assert settings["filters"] == filters


def test_ctrl_c_in_a_command_is_one_line(monkeypatch, capsys):
    def show(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("games.window.screen.has_screen", lambda: True)
    monkeypatch.setattr("games.window.window.show", show)
    assert run_catch.main(["play"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "run_catch.py: interrupted"


def test_compare_has_a_folder_for_each_version(monkeypatch):
    folders = []
    monkeypatch.setattr(runner, "compare", lambda names, out, *_: folders.append(str(out)))
    for more in ([], ["--quick"]):
        assert run_catch.main(["compare", "corridor", "--quiet", *more]) == 0
    assert folders == ["runs/compare", "runs/compare-quick"]
