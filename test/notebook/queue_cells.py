"""Sends cells to a real tslab kernel, several at once, as "run all" does, and reports what the kernel publishes.

Reads a JSON list of lists of codes from standard input: those of a list are sent together, when all before have ended. Writes for each
list one of {"cell", "type", "content"}, one per message, in order.
"""

import json
import subprocess
import sys
import time

from jupyter_client.manager import start_new_kernel


def run_all(client, codes):
    cells = [client.execute(code, stop_on_error=False) for code in codes]
    report, idle = [], 0
    while idle < len(cells):
        message = client.get_iopub_msg(timeout=60)
        parent = message["parent_header"].get("msg_id")
        if parent in cells:
            report.append({"cell": cells.index(parent), "type": message["msg_type"], "content": message["content"]})
            idle += message["content"].get("execution_state") == "idle"
    if any(message["content"].get("name") == "stderr" for message in report):
        time.sleep(0.4)  # After an error tslab refuses cells for 0.2 s.
    return report


def main():
    manager, client = start_new_kernel(kernel_name="tslab", cwd=sys.argv[1], stdout=subprocess.DEVNULL)
    try:
        json.dump([run_all(client, codes) for codes in json.load(sys.stdin)], sys.stdout)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


main()
