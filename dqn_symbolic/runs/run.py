"""A training run and its files: keeps what `training` yields, and can go on after any stop."""

import csv
import io
import json
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from itertools import chain, count, takewhile
from math import inf
from pathlib import Path
from secrets import token_hex

import numpy as np
from tqdm import tqdm

from dqn_symbolic.compiling.backends import advice, try_out
from dqn_symbolic.compiling.fallback import linker
from dqn_symbolic.guard.errors import BadInput, one_line
from dqn_symbolic.guard.files import alone, sweep, write_text
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.loading import mark_of, restore
from dqn_symbolic.training import evaluated

BAR = "{desc}{percentage:.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}, {n:,} of {total:,}"
FILES = ("summary.json", "progress.csv", "learning_curve.png", "agent.npz", "checkpoint.npz")


class Run:
    """One training run of a `Task`. In this order: begin; kept, with scored and pause; finish.

    out: its folder, or None for a new one in runs/; data: of the checkpoint that it goes on from;
    stop: a list, and as soon as it is not empty, the run ends; say(text, end=...) prints a line;
    stack: an ExitStack, which holds the lock of a new folder.
    """

    def __init__(self, task, settings, out, data=None, stop=(), say=None, quiet=True, stack=None):
        self.task, self.settings, self.out, self.data = task, settings, out, data
        self.score = None  # as by `scored`
        self.stop, self.stack = stop, stack or ExitStack()
        self.say = say or (lambda text, end=None: None)
        self.hidden = quiet or None  # None: tqdm shows no bar if the output is not a terminal
        all_settings = {**asdict(settings), "game": task.kwargs}
        self.game_and_settings = {"game": task.game, "settings": all_settings}
        self.rows = []  # those of progress.csv
        self.progress = io.StringIO()  # its text: to write all rows anew would slow down a long run
        self.best = None, {}  # of all evaluations: mean return, weights; of several the latest
        # Of its pieces, and of its bundles.
        self.mark = mark_of(out / "checkpoint.npz", data) if data else token_hex(4)
        self.pieces = {}  # of the memory, that the last checkpoint needs: {number: checksums}
        self.compiled, self.opened = False, data is not None
        if out and out.exists() and not self.opened:
            self.open_folder()  # a wrong folder is refused at once
        self.compile_seconds = 0.0
        self.train_seconds = 0.0  # stepping only: neither compiling, nor evaluating, nor saving
        self.is_training, self.since = False, time.perf_counter()
        self.memory = ""  # a line about the replay memory
        self.measured = 0, 0.0  # agent steps and training time at the first update

    def begin(self, agent, parts=None):
        """Makes the folder and compiles the agent; a resumed run gets its state back. -> the agent

        parts: [(description, call), ...], which compile it, instead of `first_calls`.
        """
        self.agent = agent
        if not self.opened:
            self.open_folder()  # only now: bad settings leave no folder behind
        if hint := advice(self.settings.backend, self.settings.threads):
            self.say(hint)
        for part, compile_part in first_calls(agent) if parts is None else parts:
            if not self.stop:
                self.say(f"{part:20}", end="")
                compile_part()
                self.took()
        if self.stop:
            return agent
        if self.data:
            saved = restore(self.out / "checkpoint.npz", self.data, self.task, agent)
            rows, self.best, self.pieces, (compiling, self.train_seconds) = saved
            for row in rows:
                self.add_row(row)
            self.compile_seconds += compiling
            if self.data["run"]["linker"] != linker():
                self.say(f"compiled by {linker()}, before by another: the bits may differ")
        sweep(self.out, FILES)
        pieces.remove_others(self.out, self.mark, self.pieces)
        self.compiled = True
        return agent

    def open_folder(self):
        """Makes the folder if it is missing, and locks it. Raises BadInput if it holds a run."""
        if self.out:
            self.out.mkdir(parents=True, exist_ok=True)
        else:
            self.out = unique_folder(self.task.game)
        self.stack.enter_context(alone(self.out))
        if taken := [name for name in (*FILES, pieces.FOLDER) if (self.out / name).exists()]:
            found = f"{self.out} already holds a run ({taken[0]})"
            raise BadInput(f"{found}: --resume it, or take another --out")
        self.opened = True

    def took(self):
        """Says the seconds since it was called last, or since the run was made."""
        seconds = time.perf_counter() - self.since
        self.say(f"{seconds:6.1f} s")
        self.since += seconds
        self.compile_seconds += seconds

    # -- while it trains --------------------------------------------------------------------------

    def scored(self, score):
        """-> score() for `training`. It ends when the run is stopped, and its time is no training.

        score(stop, quiet) -> {column of progress.csv: number}, or None if it was stopped.
        """

        def timed():
            was = self.is_training
            self.clock(is_training=False)
            scores = score(self.stop, self.hidden)
            self.clock(was)
            return scores

        self.score = timed
        return timed

    def kept(self, rows):
        """Keeps the rows of `training` and the best weights, and yields the rows."""
        agent, s = self.agent, self.settings
        done = self.rows[-1]["env_steps"] if self.rows else 0
        if self.stop or not self.compiled or self.task.solved(self.rows) or done >= s.steps:
            return
        if self.score and agent.steps % s.evaluate_every == 0 and agent.steps != done:
            rows = chain([evaluated(agent, self.score)], rows)  # it was stopped before it
        memories = self.game_and_settings.get("gorila", {}).get("bundles", 1)
        self.forecast_at = max(agent.steps, memories * s.warm_up)
        self.passed = agent.steps // s.checkpoint_every  # checkpoints until now
        bar = {"total": s.steps, "initial": agent.steps, "unit": "", "disable": self.hidden}
        bar |= {"bar_format": BAR, "dynamic_ncols": True, "smoothing": 0.05}
        with tqdm(**bar) as self.bar:
            self.show_score()
            self.clock(is_training=True)
            for row in takewhile(bool, rows):  # None: stopped in the first evaluation
                self.clock(is_training=False)
                self.best = self.better(row)
                first = {name: row.pop(name) for name in ("env_steps", "updates")}
                first["seconds"] = round(row.pop("seconds", self.train_seconds), 3)
                row = {**first, **row, "epsilon": round(row["epsilon"], 6)}
                self.add_row(row)
                self.save_progress()
                self.show_score()
                yield row
                self.clock(is_training=True)
            self.clock(is_training=False)
            self.bar.update(agent.steps - self.bar.n)

    def clock(self, is_training):
        """From now on, the time is training or not. -> seconds of training until now"""
        now = time.perf_counter()
        self.train_seconds += self.is_training * (now - self.since)
        self.is_training, self.since = is_training, now
        return self.train_seconds

    def pause(self):
        """`training` calls this after each step. -> whether the run ends here."""
        self.bar.update(self.agent.steps - self.bar.n)
        if self.stop:
            return True
        if self.agent.steps >= self.forecast_at:
            self.forecast()
        passed = self.agent.steps // self.settings.checkpoint_every
        if passed > self.passed:  # several agents may pass by the step itself
            self.passed = passed
            self.clock(is_training=False)
            self.save_checkpoint()
            self.clock(is_training=True)
        return False

    def show_score(self):
        for row in self.rows[-1:]:
            name = self.task.score_name
            self.bar.set_description_str(f"{name.replace('_', ' ')} {row[name]:,.4g}: ")

    def forecast(self):
        """Called at the first update, and a hundred updates later, when the speed is known."""
        s, steps, (first, since) = self.settings, self.agent.steps, self.measured
        self.clock(is_training=True)
        self.measured = steps, self.train_seconds
        self.forecast_at = inf if first else steps + 100 * s.update_every
        speed = (steps - first) / max(self.train_seconds - since, 1e-9)
        left = timedelta(seconds=min(round((s.steps - steps) / speed), 10**9))
        if first and left > timedelta(minutes=1):
            speed_here = f"{left} without evaluations, at {speed:,.1f} steps a second"
            with tqdm.external_write_mode():
                self.say(f"forecast: {speed_here}; {self.memory}")

    def add_row(self, row):
        table = csv.DictWriter(self.progress, list((self.rows or [row])[0]), lineterminator="\n")
        if not self.rows:
            table.writeheader()
        table.writerow(row)
        self.rows.append(row)

    def better(self, scores):
        """-> (mean return, weights): the best so far, or those of the agent as it was scored."""
        best, _ = self.best
        weights = scores.pop("weights", None)  # if it has learnt meanwhile
        if best is not None and scores["mean_return"] < best:
            return self.best
        return scores["mean_return"], weights or self.agent.weights()

    # -- the files --------------------------------------------------------------------------------

    def save_progress(self):
        write_text(self.out / "progress.csv", self.progress.getvalue())

    def save_checkpoint(self, at_end=False, ended=False):
        best, weights = self.best
        run_state = {"mark": self.mark, "progress": self.progress.getvalue(), "best": best}
        run_state |= {"compile_seconds": self.compile_seconds, "train_seconds": self.train_seconds}
        run_state |= {"linker": linker(), "ended": ended}
        data = {**self.game_and_settings, "run": run_state}
        others = {f"best.{name}": value for name, value in weights.items()}
        self.pieces = pieces.save_agent(self.out, self.mark, self.pieces, self.agent, data, others)
        if weights or at_end:  # the best agent so far can be watched while the run goes on
            weights = weights or self.agent.weights()
            checkpoints.save(self.out / "agent.npz", "agent", self.game_and_settings, weights)

    def finish(self, scored=True):
        """Writes every file. -> the summary, or None: a resumed run was stopped before it began.

        The scores in the summary are those of the agent as it is now. To end at once, a run that
        was stopped, or is not to be `scored`, gives the scores of its last evaluation instead.
        """
        agent, task = self.agent, self.task
        self.clock(is_training=False)  # a mistake of the game may have ended the training
        if self.data and not self.compiled:
            return None
        scores = self.rows[-1] if self.rows else {}
        due = self.compiled and self.score and scored and not self.stop
        if due and scores.get("env_steps") != agent.steps and (now := self.score()):
            scores, self.best = now, self.better(now)
        self.save_checkpoint(self.compiled, scored and not self.stop)
        if self.compiled:
            self.save_progress()
        summary = {
            "game": task.game,
            "solved": task.solved(self.rows),
            **({} if task.starts is None else {"starts": len(task.starts)}),
            **{name: scores.get(name) for name in (task.score_name, "mean_return")},
            "best_mean_return": self.best[0],
            "env_steps": agent.steps,
            "updates": agent.updates if self.compiled else 0,
            "train_seconds": round(self.train_seconds, 3),
            "compile_seconds": round(self.compile_seconds, 3),
            "steps_per_second": round(agent.steps / max(self.train_seconds, 1e-9), 1),
            "seed": self.settings.seed,
            "backend": self.settings.backend,
            **self.game_and_settings,
        }
        write_text(self.out / "summary.json", json.dumps(summary, indent=2) + "\n")
        if self.compiled:
            self.draw()
        return summary

    def draw(self):
        """Writes the learning curve. It comes last, because its errors are no errors of the run."""
        path = self.out / "learning_curve.png"
        try:
            from dqn_symbolic.runs.figures import learning_curves, save  # matplotlib is slow

            save(path, *learning_curves(self.task, {"": [(self.settings.seed, self.rows)]}))
        except Exception as error:
            if isinstance(error, OSError) and error.filename == str(path):
                raise  # a full disk
            self.say(f"no picture: {one_line(error)}")


def first_calls(agent):
    """-> [(description, call), ...]: a function's first call compiles it. The graph is there."""
    batch = agent.memory.transitions(np.zeros(agent.settings.batch_size, int))  # of zeros
    examples = {"forward": [batch[0][:1]], "learn": batch, "sync": []}

    def call(name):
        # np.asarray waits for an update that is computed meanwhile.
        function = getattr(agent, name)
        try_out(lambda *given: np.asarray(function(*given)), examples[name], agent.graph.variables)

    calls = [(f"compiling {name}", partial(call, name)) for name in examples]
    return [("building the graph", lambda: None), *calls]


def unique_folder(game):
    """Makes runs/<game>-<time>. Two runs may start in the same second: the second has -2."""
    name = game.rpartition(":")[2].rpartition("/")[2].rpartition("-v")[0].lower() or "game"
    stem = f"runs/{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in count(1):
        folder = Path(stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
