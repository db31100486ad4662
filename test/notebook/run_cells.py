"""Runs cells in a real tslab kernel and reports what a notebook would store.

Reads a JSON list of {"code", "interruptAt"?} from standard input; a cell is interrupted when its output contains the text `interruptAt`.
Writes a JSON list of {"outputs", "error", "seconds", "messages"}, one per cell; `messages` are the types of all output messages in order.
"""

import asyncio
import json
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


class Recorder(NotebookClient):
    """Counts messages, and interrupts the running cell when the awaited text appears."""

    messages: list = []
    interrupt_at = None

    def process_message(self, msg, cell, cell_index):
        kind = msg["msg_type"]
        if kind in ("stream", "display_data", "update_display_data"):
            self.messages.append(kind)
        if self.interrupt_at and self.interrupt_at in json.dumps(msg["content"]):
            self.interrupt_at = None
            asyncio.ensure_future(self.km.interrupt_kernel())
        return super().process_message(msg, cell, cell_index)


def main():
    steps = json.load(sys.stdin)
    cells = [nbformat.v4.new_code_cell(step["code"]) for step in steps]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = Recorder(
        notebook,
        kernel_name="tslab",
        timeout=60,
        coalesce_streams=True,
        resources={"metadata": {"path": sys.argv[1]}},
    )
    report = []
    with client.setup_kernel():
        for index, (step, cell) in enumerate(zip(steps, cells)):
            client.messages = []
            client.interrupt_at = step.get("interruptAt")
            error = None
            start = time.time()
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as failure:
                error = str(failure)
                time.sleep(0.4)  # After an error tslab refuses cells for 0.2 s.
            report.append(
                {"outputs": cell.outputs, "error": error, "seconds": time.time() - start, "messages": client.messages}
            )
    json.dump(report, sys.stdout)


main()
