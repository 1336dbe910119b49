"""A training run and its files: train, evaluate, keep; until solved, or long enough, or stopped."""

import csv
import io
import json
import time
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.learner import compilation
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.task import Task, scorer
from dqn_symbolic.experience.exploration import ADVICE
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.files import sweep, write_whole
from dqn_symbolic.runs.machine import expect_memory

FILES = ("summary.json", "progress.csv", "learning_curve.png", "agent.npz", "checkpoint.npz")


class Run:
    """One training run of a `Task` in the folder `out`.

    It is solved when two evaluations in a row reach the task's goal. agent: the single agent if it
    is None.
    """

    not_back = "the game did not come back to where it was: a new episode begins"  # when resumed

    def __init__(self, task: Task, settings: Settings, out: Path, agent=None):
        self.task, self.out = task, out
        self.memory_line = None
        if agent is None:
            env = task.make()
            self.memory_line = expect_memory(env.observation_space, settings)
            agent = Agent(env, settings)
        self.agent = agent
        all_settings = {**asdict(settings), "game": task.settings}
        self.game_and_settings = {"game": task.game, "settings": all_settings}
        self.rows = []  # those of progress.csv
        self.progress = io.StringIO()  # its text: to write all rows anew would slow down a long run
        self.best = None, {}  # of all evaluations: mean return, weights; of several the latest
        self.pieces = {}  # of the memory, that the last checkpoint needs: {number: checksums}
        self.compiled = False
        self.compile_seconds = 0.0
        self.train_seconds = 0.0  # stepping only: neither compiling, nor evaluating, nor saving

    @property
    def solved(self):
        last, goal = self.rows[-2:], self.task.goal
        return goal is not None and len(last) == 2 and all(r["mean_return"] >= goal for r in last)

    def compile(self, say, stop):
        """Compiles part by part, saying so by say(text, end=...). -> whether it got to the end."""
        for part, compile_part in self.compilation():
            if stop:
                return False
            say(f"{part:20}", end="")
            since = time.perf_counter()
            compile_part()
            seconds = time.perf_counter() - since
            say(f"{seconds:6.1f} s")
            self.compile_seconds += seconds
        self.compiled = True
        return True

    def compilation(self):
        return compilation(self.agent)

    def train(self, stop, quiet=False):
        """Trains until the run is solved, has taken all its agent steps, or `stop` is not empty."""
        agent, s = self.agent, self.agent.settings
        sweep(self.out, FILES)
        pieces.remove_others(self.out, self.pieces)
        # disable=None: tqdm shows no bar if the output is not a terminal
        hidden = quiet or None
        with tqdm(total=s.steps, initial=agent.steps, unit=" steps", disable=hidden) as bar:
            self.evaluate_if_due(bar, stop, hidden)  # a resumed run may have stopped before it
            while not (self.solved or agent.steps >= s.steps or stop):
                self.stretch(bar, stop)
                self.evaluate_if_due(bar, stop, hidden)
                if agent.steps % s.checkpoint_every == 0 and not stop:
                    self.save_checkpoint()

    def stretch(self, bar, stop):
        """Steps until the next evaluation or checkpoint is due."""
        agent, s = self.agent, self.agent.settings
        ahead = [every - agent.steps % every for every in (s.evaluate_every, s.checkpoint_every)]
        since = time.perf_counter()
        self.take(min(*ahead, s.steps - agent.steps), bar, stop)
        self.train_seconds += time.perf_counter() - since

    def take(self, steps, bar, stop):
        agent = self.agent
        for _ in range(steps):
            agent.step()
            bar.update()
            if stop:
                break

    # -- evaluation -------------------------------------------------------------------------------

    @cached_property
    def evaluate(self):
        """evaluate(stop=(), quiet=True) -> the scores of the agent as it is now, or None."""
        return scorer(self.task, self.agent)

    def evaluate_if_due(self, bar, stop, quiet):
        """Adds a row to progress.csv, unless this row exists or the evaluation is stopped."""
        agent, s = self.agent, self.agent.settings
        done = self.rows[-1]["env_steps"] if self.rows else 0
        if agent.steps % s.evaluate_every or agent.steps == done:
            return
        scores = self.evaluate(stop, quiet)
        if scores is None:
            return
        self.add_row(
            {
                "env_steps": agent.steps,
                "updates": agent.updates,
                "seconds": round(self.train_seconds, 3),
                "epsilon": round(agent.epsilon, 6),
                "loss": agent.mean_loss(),
                **scores,
            }
        )
        self.best = self.better(scores)
        self.save_progress()
        bar.set_postfix(self.bar_text())

    def add_row(self, row):
        table = csv.DictWriter(self.progress, list(row), lineterminator="\n")
        if not self.rows:
            table.writeheader()
        table.writerow(row)
        self.rows.append(row)

    def better(self, scores):
        """-> (mean return, weights): the best so far, or those of the agent as it is now."""
        best, _ = self.best
        if best is not None and scores["mean_return"] < best:
            return self.best
        return scores["mean_return"], self.agent.weights()

    def bar_text(self):
        """-> {name: text}: the newest numbers, for the progress bar."""
        row, name = self.rows[-1], self.task.score_name
        loss = "-" if row["loss"] is None else f"{row['loss']:.4f}"
        return {"epsilon": f"{row['epsilon']:.2f}", "loss": loss, name: f"{row[name]:.4g}"}

    # -- the files --------------------------------------------------------------------------------

    def save_progress(self):
        text = self.progress.getvalue()
        write_whole(self.out / "progress.csv", lambda f: f.write(text.encode()))

    def save_checkpoint(self):
        state, arrays = self.agent.get_state() if self.agent.steps else ({}, {})
        bad = not_finite(arrays)
        if bad:
            raise FloatingPointError(f"not finite any more: {bad} ({ADVICE})")
        best, weights = self.best
        run_state = {"progress": self.progress.getvalue(), "best": best}
        run_state |= {"compile_seconds": self.compile_seconds, "train_seconds": self.train_seconds}
        finished, arrays = pieces.cut(frames_written(state), arrays)
        self.pieces = pieces.save(self.out, finished, self.pieces)
        arrays = {**arrays, **{f"best.{name}": value for name, value in weights.items()}}
        named = list(self.pieces.items())
        data = {**self.game_and_settings, "run": run_state, "agent": state, "pieces": named}
        checkpoints.save(self.out / "checkpoint.npz", "checkpoint", data, arrays)
        pieces.remove_others(self.out, self.pieces)
        if weights:  # the best agent so far can be watched while the run goes on
            self.save_agent(weights)

    def save_agent(self, weights):
        checkpoints.save(self.out / "agent.npz", "agent", self.game_and_settings, weights)

    def finish(self, stopped=False):
        """Writes every file. -> the summary. (A run that was never compiled has no agent to write.)

        The scores in the summary are those of the agent as it is now. To end at once, a run that
        was stopped gives the scores of its last evaluation instead.
        """
        from dqn_symbolic.runs.figures import learning_curve  # matplotlib is slow, so it comes last

        agent, task = self.agent, self.task
        self.save_checkpoint()
        scores = self.rows[-1] if self.rows else {}
        if self.compiled:
            evaluated = self.rows and self.rows[-1]["env_steps"] == agent.steps
            if not evaluated and not stopped:
                scores = self.evaluate()
            best, weights = self.better(scores) if scores else (None, agent.weights())
            self.save_progress()
            learning_curve(self.out / "learning_curve.png", self.rows, task)
            self.save_agent(weights)
        summary = {
            "game": task.game,
            "solved": self.solved,
            **({} if task.starts is None else {"starts": len(task.starts)}),
            **{name: scores.get(name) for name in (task.score_name, "mean_return")},
            "best_mean_return": best if self.compiled else None,
            "env_steps": agent.steps,
            "updates": agent.updates,
            "train_seconds": round(self.train_seconds, 3),
            "compile_seconds": round(self.compile_seconds, 3),
            "steps_per_second": round(agent.steps / max(self.train_seconds, 1e-9), 1),
            "seed": agent.settings.seed,
            "backend": agent.settings.backend,
            **self.game_and_settings,
        }
        text = json.dumps(summary, indent=2) + "\n"
        write_whole(self.out / "summary.json", lambda f: f.write(text.encode()))
        return summary


def frames_written(state):
    """-> how many frames the memory of an agent's state has had; Gorila's state has no memory."""
    return state["memory"]["written"] if "memory" in state else 0


def not_finite(arrays):
    """-> comma-separated names of the learner's arrays with NaN or infinity in them."""
    learnt = {n.removeprefix("learner."): a for n, a in arrays.items() if n.startswith("learner.")}
    return ", ".join(name for name, array in learnt.items() if not np.isfinite(array).all())
