"""gorila: a run as `train` makes it, by several agents on Ray."""

from dataclasses import asdict, fields

from tqdm import tqdm

from dqn_symbolic.commands.training import asked, ended
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.guard.errors import BadInput, one_line
from dqn_symbolic.runs.loading import fitting
from dqn_symbolic.runs.machine import expect_room
from dqn_symbolic.settings import expect


def gorila(door, address=None, **given):
    """Learns a game, writes the files of `train`, and plays if there is a screen. -> exit status"""
    on_ray = with_ray(address)
    own = {f.name: given.pop(f.name) for f in fields(GorilaSettings) if f.name in given}
    try:
        where = f" --address {address}" if address else ""
        with asked(door, given, "gorila", own, where) as (task, settings, run):
            with fitting(run.out):
                shared = GorilaSettings(**(run.data["gorila"] if run.data else own))
            expect("one_game", not settings.one_game, "False for gorila", True)
            expect("beside", not given.get("beside"), "False for gorila", True)
            expect("threads", settings.threads == 1, "1 for gorila", settings.threads)
            run.game_and_settings["gorila"] = asdict(shared)  # its files keep them
            if not address:
                expect_room(run, memories=shared.bundles)
            say_beside_bar = tqdm.external_write_mode()(run.say)
            run.say("connecting to Ray   " if address else "starting Ray        ", end="")
            on_ray.connect(run.stack, address)  # before there is a folder: a failure leaves none
            run.took()
            driver = on_ray.OnRay(task, settings, shared, say_beside_bar, run.stop)
            run.stack.callback(driver.close)
            driver.folder_of = lambda i: run.out.absolute() / "bundles" / f"{run.mark}-{i + 1}"
            servers = "starting the servers", driver.start_servers
            bundles = "starting the bundles", driver.start_bundles
            run.begin(driver, [servers] if run.data and run.data["agent"] else [servers, bundles])
            if run.compiled and driver.advice():
                run.say(driver.advice())
            try:
                for _ in run.kept(driver.rows(run.clock, run.pause)):
                    for line in driver.lines():
                        driver.say(line)
                    if task.solved(run.rows):
                        break
            finally:
                driver.rest()
        return ended(door, run, **given)
    except on_ray.RayError as error:
        raise BadInput(f"Ray: {one_line(error)}") from error


def with_ray(address):
    """-> `on_ray`. Raises BadInput if Ray is not installed, or if no cluster answers there."""
    try:
        from dqn_symbolic.gorila import on_ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise BadInput('Ray is not installed: pip install -e ".[ray]"') from error
    if address:
        on_ray.expect_cluster(address)
    return on_ray
