"""Asks a real tslab kernel what an editor asks it: what a name is, how to go on; and runs cells.

Reads a JSON list of {"ask": "inspect" | "complete" | "execute", "code", "cursor"?} from standard input. Writes a JSON list of
{"content", "seconds"}, one per question: the content of the kernel's reply, and the processor time that it took.
"""

import json
import os
import queue
import subprocess
import sys

from jupyter_client.manager import start_new_kernel


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drain(client):
    """Takes what was published: tslab waits for ever where a thousand messages are not taken."""
    try:
        while True:
            client.get_iopub_msg(timeout=0.01)
    except queue.Empty:
        pass


def main():
    manager, client = start_new_kernel(kernel_name="tslab", cwd=sys.argv[1], stdout=subprocess.DEVNULL)
    try:
        report = []
        for question in json.load(sys.stdin):
            code, cursor = question["code"], question.get("cursor")
            before = processor_seconds(manager.provisioner.pid)
            if question["ask"] == "execute":
                reply = client.execute_interactive(code, timeout=120, output_hook=lambda message: None)
            else:
                reply = getattr(client, question["ask"])(code, cursor, reply=True, timeout=120)
            drain(client)
            report.append({"content": reply["content"], "seconds": processor_seconds(manager.provisioner.pid) - before})
        json.dump(report, sys.stdout)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


main()
