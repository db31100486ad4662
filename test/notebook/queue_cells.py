"""Sends cells to a real tslab kernel all at once, as "run all" does, and reports what the kernel publishes.

Reads a JSON list of codes from standard input. Writes a JSON list of {"cell", "type", "content"}, one per message, in order.
"""

import json
import subprocess
import sys

from jupyter_client.manager import start_new_kernel


def main():
    manager, client = start_new_kernel(kernel_name="tslab", cwd=sys.argv[1], stdout=subprocess.DEVNULL)
    try:
        cells = [client.execute(code, stop_on_error=False) for code in json.load(sys.stdin)]
        report, idle = [], 0
        while idle < len(cells):
            message = client.get_iopub_msg(timeout=60)
            parent = message["parent_header"].get("msg_id")
            if parent in cells:
                report.append({"cell": cells.index(parent), "type": message["msg_type"], "content": message["content"]})
                idle += message["content"].get("execution_state") == "idle"
        json.dump(report, sys.stdout)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


main()
