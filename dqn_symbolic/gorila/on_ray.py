"""Gorila on Ray: each parameter server and each bundle is a process, on this machine or another.

The plain classes do the work. This file, the only one with Ray, sends their calls to processes, and
starts again what dies: a bundle with an empty memory, a server from the driver's last checkpoint.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from math import ceil
from tempfile import TemporaryDirectory
from typing import NamedTuple

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayError, RayTaskError

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.modules import NAMED, imported
from dqn_symbolic.gorila.bundle import Bundle
from dqn_symbolic.gorila.parameter_server import ParameterServer
from dqn_symbolic.gorila.scheduler import Scheduler
from dqn_symbolic.guard.errors import GameError, one_line
from dqn_symbolic.runs.errors import BadInput

PATIENCE = 25  # seconds for an answer, before a cluster or a server counts as dead
START = 60  # seconds for the bundles, or for a server, to start
LONGEST_BURST = 50  # agent steps of one call
# A call is made once at most: a gradient that is sent again could be applied twice.
ONCE = {"max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
GONE = RayActorError, ObjectLostError  # a server has died, or its node with its answer
OWN = ExitStack()  # closed, it ends what `connect` has started


class Remote(NamedTuple):
    """A `ParameterServer` in its process. Each call returns at once; `ray.get` waits for it."""

    actor: ray.actor.ActorHandle
    names: list

    def push(self, gradients, version):
        return self.actor.push.remote({name: gradients[name] for name in self.names}, version)

    def __getattr__(self, name):  # every other method
        return getattr(self.actor, name).remote


class BundleProcess:
    def start(self, game, options, modules, settings, gorila, steps_before):
        for module, folder in modules:
            imported(module, folder)
        self.bundle = Bundle(task(game, **options).make(), settings, gorila, steps_before).compile()

    def connect(self, servers):
        self.bundle.learner.connect(servers, ray.get)

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

    def close(self):
        self.bundle.agent.env.close()


class OnRay(Scheduler):
    """The driver: a `Scheduler` whose servers and bundles are processes. The order is not fixed.

    At an evaluation or a checkpoint no bundle works: counts, parameters, states belong together.
    """

    gather = staticmethod(ray.get)

    def __init__(self, task, settings, gorila, say=lambda line: None, stop=()):
        super().__init__(task, settings, gorila, say)
        self.stop = stop  # as soon as it is not empty, nothing that starts is waited for
        self.saved = None  # the state that each server would come back to; None: the first
        self.bundles = []
        self.busy = {}  # {call: (bundle, agent steps asked for; 0: it starts)}
        self.deaths = 0  # since the last burst without one

    def advice(self):
        """-> a line if there are more bundles than cores, else None."""
        bundles, cores = self.gorila.bundles, int(ray.cluster_resources().get("CPU", 0))
        return f"{bundles} bundles share {cores} processor cores" if bundles > cores else None

    def new_server(self, part):
        make = ray.remote(ParameterServer).options(num_cpus=0, **ONCE).remote
        return Remote(super().new_server(part, make), list(part))

    def new_bundle(self, i):
        """If there are not enough cores, the bundles share them."""
        cores = int(self.advice() is None)
        actor = ray.remote(BundleProcess).options(num_cpus=cores, **ONCE).remote()
        game, settings = (self.task.game, self.task.kwargs, NAMED), self.settings_of(i)
        self.busy[actor.start.remote(*game, settings, self.gorila, self.taken[i])] = i, 0
        actor.connect.remote(self.servers)
        return actor

    def start_servers(self):
        super().start_servers()
        waiting = [server.pull() for server in self.servers]
        while waiting and not self.stop:
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=1)

    def start_bundles(self):
        self.ask("get_state")  # waits for the state that they have been given
        for bundle in self.bundles:
            ray.kill(bundle)
        self.busy = {}
        super().start_bundles()
        late = time.monotonic() + START
        while self.busy and not self.stop and time.monotonic() < late:  # the others join later
            self.wait()

    def step(self):
        """Gives agent steps to the bundles that are idle, and waits until some are taken."""
        s, busy = self.settings, self.busy.values()
        ahead = [every - self.steps % every for every in (s.evaluate_every, s.checkpoint_every)]
        left = min(*ahead, s.steps - self.steps) - sum(asked for _, asked in busy)
        for i in set(range(len(self.bundles))) - {i for i, _ in busy}:
            if left:
                # Smaller and smaller, so that all bundles end at about the same time.
                asked = min(LONGEST_BURST, ceil(left / (2 * len(self.bundles))))
                self.busy[self.bundles[i].burst.remote(asked)] = i, asked
                left -= asked
        self.wait()

    def wait(self):
        for call in ray.wait(list(self.busy), timeout=1)[0]:
            self.finish(call)

    def get_state(self):
        # Some are at work if the run was stopped, or if a game failed.
        while any(asked for _, asked in self.busy.values()):
            with suppress(GameError):
                self.wait()
        return super().get_state()

    def finish(self, call):
        i, asked = self.busy.pop(call)
        try:
            answer = ray.get(call)
        except RayTaskError as error:  # an error in our code: every bundle would have it
            raise error.cause from error
        except RayError as error:
            self.died(f"bundle {i + 1}", error, ", with an empty memory")
            ray.kill(self.bundles[i])
            self.lives[i] += 1
            self.bundles[i] = self.new_bundle(i)
            return
        if not asked:
            return
        report, server_died, mistake = answer
        self.deaths *= server_died
        if server_died:
            self.restart_dead_servers()
        self.note(i, report)
        self.steps += report["steps"]
        self.taken[i] += report["steps"]
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
        starting = {i for i, asked in self.busy.values() if not asked}
        if calls := [b.close.remote() for i, b in enumerate(self.bundles) if i not in starting]:
            ray.wait(calls, num_returns=len(calls), timeout=PATIENCE)

    def died(self, who, error, back):  # back: how it begins again
        self.deaths += 1
        if self.deaths > 3 * len(self.taken + self.parts) or not ray.cluster_resources():
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
            bundle.connect.remote(self.servers)


# -- the cluster ----------------------------------------------------------------------------------


def connect(address=None, **options):
    """Connects this process to Ray at HOST:PORT, or starts one for it. `OWN.close` ends it."""
    if ray.is_initialized():
        return
    if address is None:
        os.environ.pop("RAY_AUTH_MODE", None)  # Ray's default is a token
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # it listens on 127.0.0.1 only
        parent = ray._common.utils.get_default_system_temp_dir()
        folder = TemporaryDirectory(prefix="ray-", dir=parent, ignore_cleanup_errors=True)
        options |= {"_temp_dir": OWN.enter_context(folder), "object_store_memory": 2**28}
        options |= {"_system_config": {"worker_niceness": 0}, "include_dashboard": False}
    OWN.callback(ray.shutdown, wait_for_processes=True)
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
    """Raises ValueError if none answers in time, or if it refuses: `ray.init` would exit later."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"address: expected HOST:PORT, got {address!r}")
    probe = [sys.executable, "-c", "import ray, sys; ray.init(sys.argv[1])", address]
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        subprocess.run(probe, timeout=PATIENCE, capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        expected = "its versions of Ray and Python, and its token if it has one (RAY_AUTH_MODE)"
        raise ValueError(f"the Ray cluster at {address} refused: expected {expected}") from error
    except (OSError, OverflowError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"no Ray cluster answers at {address}") from error
