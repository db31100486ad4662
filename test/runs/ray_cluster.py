"""A Ray cluster of several nodes on this machine, for ray.long.test.ts.

    ray_cluster.py NODES        a head without processors, and NODES nodes with one processor each; the first says that it has a GPU

It writes {"address": ...} when the cluster is up. "kill I" on its standard input ends node I as a power cut does, with all processes on
it, and answers with the names of these; the end of its standard input ends the cluster.
"""

import json
import os
import signal
import sys

import psutil
from ray._private import ray_constants
from ray.cluster_utils import Cluster


def say(message):
    print(json.dumps(message), flush=True)


def kill(cluster, node):
    raylet = node.all_processes[ray_constants.PROCESS_TYPE_RAYLET][0].process.pid
    victims = psutil.Process(raylet).children(recursive=True)
    names = [process.name() for process in victims]
    for process in [psutil.Process(raylet), *victims]:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    cluster.remove_node(node, allow_graceful=False)
    return names


def main():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1, num_gpus=int(i == 0)) for i in range(int(sys.argv[1]))]
    say({"address": cluster.address})
    for line in sys.stdin:
        command, index = line.split()
        assert command == "kill", line
        say({"killed": kill(cluster, nodes[int(index)])})
    cluster.shutdown()


if __name__ == "__main__":
    main()
