"""Executes the runs of a sweep on a Ray cluster, for RayEngine (rayEngine.ts), which starts this program.

    ray_driver.py

The first line of standard input is JSON with the options, see RayEngine: values of environment variables must not show in the list of
processes, as arguments do. It then reads requests from standard input and writes replies to standard output, one JSON object per line:

    {"kind": "run", "id": 1, "task": ...}                  a run, as the project's Node worker takes it
    {"kind": "abort", "id": 1}                             stop it at its next step, and save

    {"kind": "ready", "nodes": 3, "cpus": 12, "gpus": 2, "fits": 12}
    {"kind": "refused", "message": "..."}                  no cluster, instead of "ready"
    {"kind": "progress", "id": 1, "share": 0.5}
    {"kind": "outcome", "id": 1, "outcome": ...}           the worker's outcome, or "aborted" where the run was stopped before it began
    {"kind": "error", "id": 1, "name": ..., "message": ...}
    {"kind": "died", "id": 1, "message": "..."}            the worker, or its machine, died

When its standard input ends, it stops what runs and ends. Each run is a Ray task that starts the Node worker on the machine where Ray
places it; a worker whose task ends for any reason sees the end of its own standard input, saves, and ends.
"""

import asyncio
import json
import os
import queue
import re
import subprocess
import sys
import threading

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

# Seconds between two looks at how far the runs are, and whether they are to stop.
INTERVAL = 0.5
# Seconds that runs have to save when the sweep goes away.
PATIENCE = 20
# TensorFlow's greeting on standard error, as in lib/compile/greeting.ts.
GREETING = re.compile(r"WARNING: All log messages before absl::InitializeLog\(\)|[IW]\d{4} [\d:.]+ +\d+ [\w./]+:\d+\] ")


class Board:
    """What tasks and driver tell each other: how far each run is, and which are to stop."""

    def __init__(self):
        self.shares = {}
        self.started = set()
        self.stopping = set()

    def report(self, run, share):
        """Called by tasks. Returns whether the run is to stop."""
        self.started.add(run)
        self.shares[run] = share
        return run in self.stopping

    def take(self):
        """The shares that were reported since the last call."""
        shares, self.shares = self.shares, {}
        return shares

    def stop(self, run):
        """Returns whether the run has started, and so will see it."""
        self.stopping.add(run)
        return run in self.started


def execute(run, task, command, environment, interval, patience, board):
    """One run, in a Node worker on the machine that this is called on. Returns the last message about it."""
    node, *arguments = command
    worker = subprocess.Popen(
        [node if os.path.exists(node) else "node", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    lines = queue.Queue()
    said = []

    def read():
        for line in worker.stdout:
            lines.put(line)
        lines.put(None)

    def listen():
        for line in worker.stderr:
            if not GREETING.match(line):
                said.append(line)
            del said[:-20]

    for target in (read, listen):
        threading.Thread(target=target, daemon=True).start()

    def send(request):
        try:
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
        except BrokenPipeError:
            pass  # its end is reported below

    share = 0
    stopping = False
    try:
        stopping = ray.get(board.report.remote(run, share))
        send({"kind": "run", "task": task})
        if stopping:
            send({"kind": "abort"})
        while True:
            try:
                line = lines.get(timeout=interval)
            except queue.Empty:
                line = ""
            if line is None:
                break
            if line.startswith('{"kind":"progress"'):
                share = json.loads(line)["share"]
                if not lines.empty():
                    continue
            elif line.startswith('{"kind":'):
                return json.loads(line)
            if ray.get(board.report.remote(run, share)) and not stopping:
                stopping = True
                send({"kind": "abort"})
        status = worker.wait()
        how = f"signal {-status}" if status < 0 else f"exit code {status}"
        words = "".join(said).strip()[-2000:]
        where = ray.util.get_node_ip_address()
        return {
            "kind": "died",
            "message": f"The worker process on {where} ended with {how}." + (f" It said: {words}" if words else ""),
        }
    finally:
        try:
            worker.stdin.close()
        except BrokenPipeError:
            pass
        try:
            worker.wait(patience)
        except subprocess.TimeoutExpired:
            worker.kill()


class Driver:
    def __init__(self, options, output):
        self.options = options
        self.output = output
        self.board = None
        self.refs = {}
        self.tasks = set()
        # What standard input brought; "" at its end.
        self.lines = queue.SimpleQueue()
        self.connected = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in sys.stdin:
            self.lines.put(line)
        self.lines.put("")
        if not self.connected:
            os._exit(1)  # Ray may wait for a cluster for ever

    def say(self, reply):
        self.output.write(json.dumps(reply) + "\n")
        self.output.flush()

    def connect(self):
        """Joins the cluster, or starts one on this machine."""
        address = self.options["address"]
        local = {"include_dashboard": False} if address == "local" else {}
        ray.init(address=address, log_to_driver=False, logging_level="error", configure_logging=False, **local)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        board = ray.remote(num_cpus=0, scheduling_strategy=here)(Board)
        self.board = board.remote()
        self.connected = True
        self.say({"kind": "ready", **self.room()})

    def room(self):
        """The cluster, and how many runs fit into it at a time."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus, gpus = self.options["cpus"], self.options["gpus"]

        def times(available, wanted):
            return int(available / wanted + 1e-9) if wanted > 0 else sys.maxsize

        def fits(node):
            gpu = node.get("GPU", 0)
            # No run has parts of two GPUs: of runs that ask for .4 each has room for two.
            by_gpu = int(gpu) * times(1, gpus) if 0 < gpus < 1 else times(gpu, gpus)
            return min(by_gpu, times(node.get("CPU", 0), cpus))

        total = {name.lower() + "s": sum(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU")}
        return {"nodes": len(nodes), **total, "fits": sum(map(fits, nodes))}

    async def run(self, run, task):
        options = self.options
        try:
            remote = ray.remote(num_cpus=options["cpus"], num_gpus=options["gpus"], max_retries=0)(execute)
            ref = remote.remote(run, task, options["command"], options["environment"], INTERVAL, PATIENCE, self.board)
            self.refs[run] = ref
            self.say({**await ref, "id": run})
        except ray.exceptions.TaskCancelledError:
            self.say({"kind": "outcome", "id": run, "outcome": {"kind": "aborted"}})
        except Exception as error:  # whatever Ray throws: the run must not be waited for
            self.say({"kind": "died", "id": run, "message": f"Ray lost the run: {str(error).strip()}"})
        finally:
            self.refs.pop(run, None)

    async def stop(self, run):
        started = await self.board.stop.remote(run)
        if not started and run in self.refs:
            ray.cancel(self.refs[run])

    async def watch(self, requests):
        """Passes on how far the runs are. Without the board nothing can go on: this driver then ends, and the sweep starts another."""
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                for run, share in (await self.board.take.remote()).items():
                    self.say({"kind": "progress", "id": run, "share": share})
        finally:
            requests.put_nowait("")

    def begin(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self):
        loop = asyncio.get_running_loop()
        requests = asyncio.Queue()

        def read():
            while line := self.lines.get():
                loop.call_soon_threadsafe(requests.put_nowait, line)
            loop.call_soon_threadsafe(requests.put_nowait, "")

        threading.Thread(target=read, daemon=True).start()
        watching = asyncio.ensure_future(self.watch(requests))
        while line := await requests.get():
            request = json.loads(line)
            if request["kind"] == "run":
                self.begin(self.run(request["id"], request["task"]))
            else:
                self.begin(self.stop(request["id"]))
        for run in list(self.refs):
            self.begin(self.stop(run))
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=PATIENCE)
        watching.cancel()


def main():
    # What Ray or a library prints must not get among the replies.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    options = sys.stdin.readline()
    if not options:
        return  # the sweep is gone
    driver = Driver(json.loads(options), output)
    try:
        driver.connect()
    except Exception as error:  # whatever Ray throws: the reader of the message decides
        driver.say({"kind": "refused", "message": f"{type(error).__name__}: {error}"})
        return
    try:
        asyncio.run(driver.serve())
    except BrokenPipeError:
        pass  # the sweep is gone
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
