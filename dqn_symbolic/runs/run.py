"""A training run and its files: train, evaluate, keep; until solved, or long enough, or Ctrl-C."""

import csv
import io
import json
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
from tqdm import tqdm

from dqn_symbolic.runs import checkpoints
from dqn_symbolic.agent.evaluation import returns
from dqn_symbolic.runs.files import sweep, write_whole
from dqn_symbolic.agent.agent import as_seen

COLUMNS = ("env_steps", "updates", "seconds", "epsilon", "loss", "mean_return", "catch_rate")
FILES = ("summary.json", "progress.csv", "learning_curve.png", "agent.npz", "checkpoint.npz")


class Run:
    """One training run in the folder `out`.

    training: a `Training`; evaluation_env: another environment of the same game; starts: its start
    states; game: the game's settings, kept with the files; chance, optimum: catch rates (0..1) of
    blind and of perfect play. The run is solved when two evaluations in a row reach the optimum.
    """

    def __init__(self, training, evaluation_env, starts, game, chance, optimum, out):
        self.training, self.starts = training, starts
        self.evaluation_env = as_seen(evaluation_env, training.settings)
        self.chance, self.optimum, self.out = chance, optimum, out
        self.settings = {**asdict(training.settings), "game": game}
        self.rows = []  # those of progress.csv
        self.compiled = False
        self.compile_seconds = 0.0
        self.train_seconds = 0.0  # stepping only: neither compiling, nor evaluating, nor saving

    @property
    def solved(self):
        return len(self.rows) > 1 and all(r["catch_rate"] >= self.optimum for r in self.rows[-2:])

    def compile(self, say, interrupted):
        """Compiles part by part, saying so by say(text, end=...). -> whether it got to the end."""
        for what, part in self.training.compilation():
            if interrupted:
                return False
            say(f"{what:20}", end="")
            since = time.perf_counter()
            part()
            seconds = time.perf_counter() - since
            say(f"{seconds:6.1f} s")
            self.compile_seconds += seconds
        self.compiled = True
        return True

    def train(self, interrupted, quiet=False):
        """Goes on until it is solved, or has had its agent steps, or is interrupted."""
        training, s = self.training, self.training.settings
        sweep(self.out, FILES)
        # disable=None: no bar where it would not be seen to move
        with tqdm(
            total=s.steps, initial=training.steps, unit=" steps", disable=quiet or None
        ) as bar:
            while not (self.solved or training.steps >= s.steps or interrupted):
                self.stretch(bar, interrupted)
                if training.steps % s.evaluate_every == 0:
                    self.add_row()
                    bar.set_postfix(shown(self.rows[-1]))
                if training.steps % s.checkpoint_every == 0:
                    self.save_checkpoint()

    def stretch(self, bar, interrupted):
        """Steps as far as the next evaluation or checkpoint."""
        training, s = self.training, self.training.settings
        ahead = [every - training.steps % every for every in (s.evaluate_every, s.checkpoint_every)]
        since = time.perf_counter()
        for _ in range(min(*ahead, s.steps - training.steps)):
            training.step()
            bar.update()
            if interrupted:
                break
        self.train_seconds += time.perf_counter() - since

    def evaluate(self):
        """-> (mean return, catch rate) of the greedy policy over every start state."""
        training = self.training
        found = returns(
            self.evaluation_env, self.starts, training.forward, training.evaluation_seed
        )
        return float(found.mean()), float((found > 0).mean())

    def add_row(self):
        mean_return, catch_rate = self.evaluate()
        training = self.training
        row = (
            training.steps,
            training.updates,
            round(self.train_seconds, 3),
            round(training.epsilon, 6),
            training.mean_loss(),
            mean_return,
            catch_rate,
        )
        self.rows.append(dict(zip(COLUMNS, row, strict=True)))
        self.save_progress()

    # -- the files ------------------------------------------------------------------------------

    def save_progress(self):
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        write_whole(self.out / "progress.csv", lambda f: f.write(text.getvalue().encode()))

    def save_checkpoint(self):
        about, arrays = self.training.state()
        about["run"] = {
            "rows": self.rows,
            "compile_seconds": self.compile_seconds,
            "train_seconds": self.train_seconds,
        }
        about["settings"] = self.settings
        checkpoints.save(self.out / "checkpoint.npz", "checkpoint", about, arrays)

    def restore(self, about):
        """Goes back to where `save_checkpoint` was, whose file begins with `about`.

        Raises AttributeError, LookupError, OverflowError, TypeError or ValueError for another's.
        """
        kept = about["run"]
        rows = [{name: row[name] for name in COLUMNS} for row in kept["rows"]]
        if not all(is_row(row) for row in rows):
            raise ValueError("these are not the rows of a progress.csv")
        seconds = float(kept["compile_seconds"]), float(kept["train_seconds"])
        steps, written = about["counters"]["steps"], about["memory"]["written"]
        arrays = self.training.arrays(written) if steps else {}
        # The memory is read into its place; what is left is small.
        places = {
            name: array if name.startswith("memory.") else np.empty_like(array, order="C")
            for name, array in arrays.items()
        }
        checkpoints.fill(self.out / "checkpoint.npz", places)
        self.training.restore(
            {name: about[name] for name in about if name not in ("run", "settings")}, places
        )
        self.rows = rows
        self.compile_seconds += seconds[0]
        self.train_seconds = seconds[1]

    def catch_rate(self):
        """Of the policy as it is now; None before it is compiled."""
        if self.rows and self.rows[-1]["env_steps"] == self.training.steps:
            return self.rows[-1]["catch_rate"]
        return self.evaluate()[1] if self.compiled else None

    def finish(self):
        """Writes every file; of a run that was never compiled, what there is. -> the summary."""
        from dqn_symbolic.runs.figures import learning_curve  # matplotlib takes its time, so it comes last

        training = self.training
        self.save_checkpoint()
        if self.compiled:
            self.save_progress()
            learning_curve(self.out / "learning_curve.png", self.rows, self.chance, self.optimum)
            about = {"settings": self.settings}
            checkpoints.save(self.out / "agent.npz", "agent", about, training.weights())
        summary = {
            "solved": self.solved,
            "catch_rate": self.catch_rate(),
            "starts": len(self.starts),
            "env_steps": training.steps,
            "updates": training.updates,
            "train_seconds": round(self.train_seconds, 3),
            "compile_seconds": round(self.compile_seconds, 3),
            "steps_per_second": round(training.steps / max(self.train_seconds, 1e-9), 1),
            "seed": training.settings.seed,
            "backend": training.settings.backend,
            "settings": self.settings,
        }
        text = json.dumps(summary, indent=2) + "\n"
        write_whole(self.out / "summary.json", lambda f: f.write(text.encode()))
        return summary


def is_row(row):
    """Whether these are numbers; the loss may be missing."""
    return all(
        isinstance(value, int | float) or (name == "loss" and value is None)
        for name, value in row.items()
    )


def shown(row):
    """What the progress bar says of a row."""
    loss = "-" if row["loss"] is None else f"{row['loss']:.4f}"
    return {"epsilon": f"{row['epsilon']:.2f}", "loss": loss, "caught": f"{row['catch_rate']:.0%}"}


@contextmanager
def ctrl_c():
    """Inside, Ctrl-C only adds to the list that is yielded: nothing is left half done.

    (A `threading.Event` waits for itself for ever if Ctrl-C comes again while it is being set.)
    """
    presses = []
    before = signal.signal(signal.SIGINT, lambda signum, frame: presses.append(signum))
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, before)
