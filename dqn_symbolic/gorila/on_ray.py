"""Gorila on Ray: each parameter server and each bundle is a process, on this machine or another.

The plain classes do the work. This file, the only one with Ray, sends their calls to processes, and
starts again what dies: a bundle from its own file, a server from the driver's last checkpoint.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil
from tempfile import TemporaryDirectory
from typing import NamedTuple

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayError, RayTaskError

from dqn_symbolic.environments.any_game import NAMED, imported, task
from dqn_symbolic.gorila.bundle import Bundle
from dqn_symbolic.gorila.parameter_server import ParameterServer
from dqn_symbolic.gorila.scheduler import Evaluator, Scheduler
from dqn_symbolic.guard.errors import BadInput, GameError, one_line
from dqn_symbolic.training import evaluated, training

PATIENCE = 25  # seconds for an answer, before a cluster or a server counts as dead
START = 60  # seconds for the bundles, or for a server, to start
LONGEST_BURST = 50  # agent steps of one call
# A call is made once at most: a gradient that is sent again could be applied twice.
ONCE = {"max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
# A server has died, Ray has ended it for want of memory, or its node has died with its answer.
GONE = RayActorError, ray.exceptions.OutOfMemoryError, ObjectLostError


class Remote(NamedTuple):
    """A `ParameterServer` in its process. Each call returns at once; `ray.get` waits for it."""

    actor: ray.actor.ActorHandle
    names: list

    def push(self, gradients, version):
        return self.actor.push.remote({name: gradients[name] for name in self.names}, version)

    def __getattr__(self, name):  # every other method
        return getattr(self.actor, name).remote


class Call(NamedTuple):
    """What a bundle or the evaluator was asked for."""

    then: Callable  # then(answer, call), if all goes well
    bundle: int | None = None
    steps: int = 0  # agent steps of a burst
    row: dict | None = None  # of an evaluation: all but the scores


def found(game, options, modules):
    """-> the Task, in another process."""
    for module, folder in modules:
        imported(module, folder)
    return task(game, **options)


class BundleProcess:
    def start(self, game, settings, gorila, folder, steps):
        self.bundle = Bundle(game().make(), settings, gorila)
        return self.bundle.load(folder, steps) if steps else ""

    def connect(self, servers, back=False):
        self.bundle.learner.connect(servers, ray.get)
        if back:  # they have gone back to older parameters
            self.bundle.learner.pull()

    def burst(self, steps):
        """-> (a report, whether a server has died, the game's mistake). Both end it early."""
        since, died, mistake = time.perf_counter(), False, None
        try:
            for _ in range(steps):
                self.bundle.step()
        except GONE:
            died = True
        except GameError as error:
            mistake = error
        return {**self.bundle.report(), "seconds": time.perf_counter() - since}, died, mistake

    def save(self, folder):
        """-> what is wrong with the folder, or None."""
        try:
            self.bundle.save(folder)
        except OSError as error:
            return str(error)

    def close(self):
        self.bundle.agent.env.close()


class OnRay(Scheduler):
    """The driver: a `Scheduler` whose servers and bundles are processes. The order is not fixed.

    No bundle waits for an evaluation or a checkpoint. They are of the parameters and the counts at
    one moment; what the bundles have begun is not in the counts.
    """

    gather = staticmethod(ray.get)

    def __init__(self, task, settings, gorila, say=lambda line: None, stop=()):
        super().__init__(task, settings, gorila, say)
        self.game = partial(found, task.game, task.kwargs, NAMED)
        self.stop = stop  # as soon as it is not empty, nothing that starts is waited for
        self.evaluator = self.new_evaluator()
        self.saved = None  # the state that each server would come back to; None: the first
        self.calls = {}  # {call: Call}: those that are not answered yet
        self.scored = []  # rows whose scores have come
        self.resting = False  # no bundle gets agent steps any more
        self.deaths = Counter()  # of each process, since it last did its work

    def advice(self):
        """-> a line if there are more bundles than cores, else None."""
        bundles, cores = self.gorila.bundles, int(ray.cluster_resources().get("CPU", 0))
        return f"{bundles} bundles share {cores} processor cores" if bundles > cores else None

    def new_server(self, part):
        make = ray.remote(ParameterServer).options(num_cpus=0, **ONCE).remote
        return Remote(super().new_server(part, make), list(part))

    def new_evaluator(self, process=Evaluator):
        # Ray itself starts it again, and repeats the evaluations.
        often = ONCE | {"max_restarts": -1, "max_task_retries": 3}
        return ray.remote(process).options(num_cpus=0, **often).remote()

    def new_bundle(self, i):
        """If there are not enough cores, the bundles share them."""
        cores = int(self.advice() is None)
        actor = ray.remote(BundleProcess).options(num_cpus=cores, **ONCE).remote()
        state = self.folder_of(i), self.taken[i]
        call = actor.start.remote(self.game, self.settings_of(i), self.gorila, *state)
        self.calls[call] = Call(self.started, i)
        actor.connect.remote(self.servers)
        return actor

    def start_servers(self):
        super().start_servers()
        waiting = [server.pull() for server in self.servers]
        while waiting and not self.stop:
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=1)

    def start_bundles(self):
        self.ask("get_state")  # waits for the state that they have been given
        super().start_bundles()
        late = time.monotonic() + START
        while self.calls and not self.stop and time.monotonic() < late:  # the others join later
            self.wait()

    def rows(self, clock, pause):
        """Trains, and yields rows as `training` does, but each as soon as its scores are there.

        clock(is_training) -> seconds of training until now; pause: as for `training`. In a row,
        `updates` is the version of the parameters, which are `weights`.
        """

        def snapshot():
            updates, weights = self.snapshot()
            return {"updates": updates, "seconds": clock(True), "weights": weights}

        def evaluate(row):
            call = self.evaluator.score.remote(self.game, self.settings, row["weights"])
            self.calls[call] = Call(lambda scores, _: self.scored.append(row | scores), row=row)

        last, at = self.settings.steps, None  # at: agent steps of the last evaluation
        while self.steps < last and not self.stop:
            for row in training(self, snapshot, lambda: pause() or self.scored):
                if at != row["env_steps"]:  # else the bundles have passed two at a time
                    at = row["env_steps"]
                    evaluate(row)
            yield from self.scored
            self.scored.clear()
        if at != last and not self.stop:
            evaluate(evaluated(self, snapshot))
        while any(call.row for call in self.calls.values()) and not self.stop:
            clock(False)
            self.wait()
            yield from self.scored
            self.scored.clear()

    def step(self):
        """Gives agent steps to the bundles that are idle, and waits until some are taken."""
        calls = self.calls.values()
        left = self.settings.steps - self.steps - sum(call.steps for call in calls)
        for i in set(range(len(self.bundles))) - {c.bundle for c in calls if c.then != self.kept}:
            if left:
                # Smaller and smaller, so that all bundles end at about the same time.
                asked = min(LONGEST_BURST, ceil(left / (2 * len(self.bundles))))
                self.calls[self.bundles[i].burst.remote(asked)] = Call(self.stepped, i, asked)
                left -= asked
        self.wait()

    def wait(self):
        for call in ray.wait(list(self.calls), timeout=1)[0]:
            self.finish(call)

    def rest(self):
        """Waits for the bundles. A state that is saved from here on has everything in it."""
        self.resting = True
        if any(call.row for call in self.calls.values()):  # nobody needs these scores any more
            ray.kill(self.evaluator)
            self.evaluator = None
            self.calls = {call: known for call, known in self.calls.items() if not known.row}
        self.settle(lambda call: call.steps)

    def settle(self, waits):
        """Waits until there is no call for which waits(call) is true."""
        while any(waits(call) for call in self.calls.values()):
            with suppress(GameError):
                self.wait()

    def save_bundles(self):
        """Each writes its file after its present burst, while the others go on."""
        for i, bundle in enumerate(self.bundles):
            saving = self.waits_for(self.kept, i) and not self.resting
            if (folder := self.folder_of(i)) and not (saving or self.waits_for(self.started, i)):
                self.calls[bundle.save.remote(folder)] = Call(self.kept, i)
        if self.resting:
            self.settle(lambda call: call.then == self.kept)

    def waits_for(self, then, i):
        return any(call[:2] == (then, i) for call in self.calls.values())

    def finish(self, call):
        known = self.calls.pop(call)
        try:
            answer = ray.get(call)
        except RayTaskError as error:  # an error in our code: every bundle would have it
            raise error.cause from error
        except RayError as error:
            if (i := known.bundle) is None:
                self.died("the evaluator", error, most=0)  # Ray has tried it often enough
            self.died(f"bundle {i + 1}", error)
            ray.kill(self.bundles[i])
            self.calls = {c: other for c, other in self.calls.items() if other.bundle != i}
            self.lives[i] += 1
            self.bundles[i] = self.new_bundle(i)
        else:
            known.then(answer, known)

    def started(self, back, call):
        if back:
            self.say(f"bundle {call.bundle + 1} {back}")

    def kept(self, problem, call):
        if problem:
            self.say(f"bundle {call.bundle + 1} cannot keep its memory: {problem}")

    def stepped(self, answer, call):
        (report, server_died, mistake), i = answer, call.bundle
        if server_died:
            self.restart_dead_servers()
        else:  # they are well
            for who in (f"bundle {i + 1}", *(f"server {n + 1}" for n in range(len(self.servers)))):
                self.deaths[who] = 0
        self.note(i, report)
        if mistake:
            raise mistake

    def ask(self, method):
        """-> the answer of each server; dead servers are started again first."""
        try:
            answers = super().ask(method)
        except GONE:
            self.restart_dead_servers()
            return self.ask(method)
        if method == "get_state":
            self.saved = answers
        return answers

    def close(self):
        ready = [b for i, b in enumerate(self.bundles) if not self.waits_for(self.started, i)]
        if calls := [actor.close.remote() for actor in [*ready, self.evaluator] if actor]:
            ray.wait(calls, num_returns=len(calls), timeout=PATIENCE)

    def died(self, who, error, back="", most=3):  # back: how it begins again; most: in a row
        self.deaths[who] += 1
        if self.deaths[who] > most or not ray.cluster_resources():
            cause = one_line(str(error).strip().rpartition("\n")[2])
            raise GameError(f"{who} cannot be started again: {cause}", "")  # as from a broken game
        self.say(f"{who} has died: it begins again{back}")

    def restart_dead_servers(self, patience=PATIENCE):
        """Starts the dead servers again, from their last saved state, and tells the bundles."""
        for i, server in enumerate(self.servers):
            try:
                ray.get(server.actor.__ray_ready__.remote(), timeout=patience)
            except RayError as error:
                version = self.saved[i][0]["version"] if self.saved else 0
                self.died(f"server {i + 1}", error, f" at version {version}")
                ray.kill(server.actor)
                self.servers[i] = self.new_server(self.parts[i])
                if self.saved:
                    self.servers[i].set_state(*self.saved[i])
                return self.restart_dead_servers(START)
        for bundle in self.bundles:
            bundle.connect.remote(self.servers, True)


# -- jobs ------------------------------------------------------------------------------------------


def in_cluster(todo, work, _, stop, tick):
    """As `in_processes`, on every core of the cluster. The jobs of a lost node run elsewhere."""
    remote = ray.remote(lambda job: work(job))  # Ray takes no partial
    remote = remote.options(scheduling_strategy="SPREAD", max_retries=3)
    waiting = {remote.remote(job): job for job in todo}
    try:
        while waiting and not stop:
            for call in ray.wait(list(waiting), timeout=0.2)[0]:
                yield waiting.pop(call), ray.get(call)
            tick()
    except RayTaskError as error:
        raise error.cause from error
    except RayError as error:
        problem = f"a process died, again and again: {one_line(error):.500}"
        raise BadInput(f"{problem}; repeat the command to continue from there") from error
    finally:
        for call in waiting:
            ray.cancel(call, force=True)


# -- the cluster ----------------------------------------------------------------------------------


def connect(stack, address=None, **options):
    """Connects this process to Ray at HOST:PORT, or starts one for it. The stack ends it."""
    if ray.is_initialized():
        return
    if address is None:
        os.environ.pop("RAY_AUTH_MODE", None)  # Ray's default is a token
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # it listens on 127.0.0.1 only
        parent = ray._common.utils.get_default_system_temp_dir()
        folder = TemporaryDirectory(prefix="ray-", dir=parent, ignore_cleanup_errors=True)
        options |= {"_temp_dir": stack.enter_context(folder), "object_store_memory": 2**28}
        options |= {"_system_config": {"worker_niceness": 0}, "include_dashboard": False}
    stack.callback(ray.shutdown, wait_for_processes=True)
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # there is no option for it
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    one_thread = {"env_vars": {"OMP_NUM_THREADS": "1"}}  # as in __main__
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address or "local", runtime_env=one_thread, **quiet, **options)
    except Exception as error:
        raise BadInput(f"no Ray: {one_line(error)}") from error
    signal.signal(signal.SIGTERM, before)  # Ray would exit at once


def expect_cluster(address):
    """Raises BadInput if none answers in time, or if it refuses: `ray.init` would exit later."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise BadInput(f"address: expected HOST:PORT, got {address!r}")
    actor = "ray.remote(type('A', (), {})).options(num_cpus=0).remote().__ray_ready__.remote()"
    code = f"import ray, sys; ray.init(sys.argv[1]); ray.get(ray.wait([{actor}], timeout=5)[0])"
    brief = {"RAY_NUM_REDIS_GET_RETRIES": "2", "RAY_gcs_server_request_timeout_seconds": "10"}
    how = {"env": os.environ | brief, "timeout": PATIENCE, "capture_output": True, "check": True}
    problems = {  # what Ray writes: what it means
        b"No node info": "this machine has not joined the Ray cluster at",
        b"Version mismatch": "the versions of Ray and Python are not those of the Ray cluster at",
        b"(not 'token')": "expected RAY_AUTH_MODE=token for the Ray cluster at",
        b"InvalidAuthToken": "the token is not that of the Ray cluster at",
        b"AuthenticationError": "found no token for the Ray cluster at",
        b"ActorDiedError": "no process starts, perhaps for want of a token, in the Ray cluster at",
        b"": "no Ray cluster answers at",
    }
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        subprocess.run([sys.executable, "-c", code, address], **how)
    except (OSError, OverflowError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        problem = next(ours for rays, ours in problems.items() if rays in said)
        raise BadInput(f"{problem} {address}") from error
