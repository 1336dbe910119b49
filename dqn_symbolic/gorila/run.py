"""A run of Gorila and its files: those of the single agent's run, and a line for each bundle."""

from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from dqn_symbolic.environments.task import Task
from dqn_symbolic.gorila.scheduler import Scheduler
from dqn_symbolic.runs.run import Run


class GorilaRun(Run):
    """A `Run` of a `Scheduler`, or of Gorila on Ray.

    A checkpoint has the servers and the counts. When a run is resumed, each bundle begins a new
    life: its game, its memory and its random streams are new, its epsilon goes on.
    """

    not_back = "each bundle begins again, with an empty memory"

    def __init__(self, task: Task, agent: Scheduler, out: Path):
        super().__init__(task, agent.settings, out, agent)
        self.game_and_settings["gorila"] = asdict(agent.gorila)

    def compilation(self):
        return self.agent.compilation()

    def compile(self, say, stop):
        def beside_bar(line):
            with tqdm.external_write_mode():
                say(line)

        self.agent.say = beside_bar
        ready = super().compile(say, stop)
        advice = ready and self.agent.advice()
        if advice:
            say(advice)
        return ready

    def take(self, steps, bar, stop):
        for taken in self.agent.burst(steps, stop):
            bar.update(taken)

    def evaluate_if_due(self, bar, stop, quiet):
        rows = len(self.rows)
        super().evaluate_if_due(bar, stop, quiet)
        if len(self.rows) > rows:
            for line in self.agent.lines():
                self.agent.say(line)
