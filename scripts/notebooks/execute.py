"""Executes a notebook in its kernel, shows what happens while it happens, and writes it with its outputs.

    python execute.py SOURCE TARGET [--quiet] [--tables] [--sizes JSON]

The notebook runs in the folder of SOURCE. TARGET is written in one step, also after an error or an interrupt: it then has the outputs
up to there. What is written is clean: no timings, no volatile metadata, one stream output per cell, the same cell ids.

Sizes make a rehearsal of the profile `paper`: what a cell declares by such a name gets that value in a cell below it; the others are
given to the library in LB_PAPER_SIZES.

Ctrl-C interrupts the current cell, as JupyterLab's stop button does, so that it can save its work; a second one ends at once.
Before the first cell it ends at once too, and nothing is written.
Exit status: 0; 1 where a cell failed or wrote to standard error; 130 after an interrupt.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import sys
import time

signal.signal(signal.SIGINT, lambda *_: sys.exit(130))  # ends quietly where the notebook has not begun; the imports take a second
# The kernel of this environment, whatever is registered elsewhere under its name.
os.environ["JUPYTER_PATH"] = os.pathsep.join(
    filter(None, [os.path.join(sys.prefix, "share", "jupyter"), os.environ.get("JUPYTER_PATH")])
)

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: E402

SECONDS_BETWEEN_PROGRESS_LINES = 10  # where the output is a file or a pipe; a terminal shows every change
SECONDS_TO_STOP = 15  # that an interrupted cell has to save its work
# On a machine that is busy with other work nbclient's own 60 and 4 seconds are too few: the second loses
# outputs, with a warning only.
SECONDS_TO_START = 300
STARTS = 3  # of a kernel that dies before its first cell
SECONDS_FOR_OUTPUTS = 60  # that may come in after a cell's reply
ERASE_LINE = "\r\033[2K"


class Terminal:
    """Prints lines, and below them, on a terminal, one line that changes."""

    def __init__(self, quiet):
        self.quiet = quiet
        self.at_line_start = True
        self.has_progress = False
        self.last_progress = time.monotonic()

    def write(self, text):
        if self.quiet or not text:
            return
        self.end_progress()
        sys.stdout.write(text)
        sys.stdout.flush()
        self.at_line_start = text.endswith("\n")

    def line(self, text):
        self.write(("" if self.at_line_start else "\n") + text + "\n")

    def progress(self, text):
        if not sys.stdout.isatty():
            if time.monotonic() - self.last_progress > SECONDS_BETWEEN_PROGRESS_LINES:
                self.line(text)
                self.last_progress = time.monotonic()
        elif not self.quiet:
            before = ERASE_LINE if self.at_line_start else "\n"
            sys.stdout.write(before + text[: shutil.get_terminal_size().columns - 1])
            sys.stdout.flush()
            self.at_line_start = self.has_progress = True

    def end_progress(self):
        if self.has_progress:
            sys.stdout.write(ERASE_LINE)
            self.has_progress = False


class LiveClient(NotebookClient):
    """Shows which cell runs and what it prints, and interrupts it on Ctrl-C."""

    def __init__(self, notebook, terminal, **options):
        super().__init__(notebook, **options)
        self.terminal = terminal
        self.code_cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
        self.current = 0
        self.interrupted = False
        self.ending = None  # the shutting down of a kernel that does not heed an interrupt
        self.patience = None

    async def async_start_new_kernel(self, **options):
        self.terminal.line("starting the kernel")
        # In place of nbclient's own handler, after which the kernel would be said to have died.
        execution = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.on_early_interrupt, execution)
        await super().async_start_new_kernel(**options)

    async def async_start_new_kernel_client(self):
        """With a new kernel where one dies at its start, as it does when another program took one of its ports."""
        for attempt in range(1, STARTS + 1):
            try:
                return await super().async_start_new_kernel_client()
            except RuntimeError as error:
                # nbclient has shut the kernel down. One that lives but does not answer is no case for a new
                # one.
                if attempt == STARTS or "died" not in str(error):
                    raise
                self.terminal.line("the kernel ended at its start; trying again")
                self.km = self.create_kernel_manager()  # chooses new ports
                await self.async_start_new_kernel()

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell_index not in self.code_cells:
            return await super().async_execute_cell(cell, cell_index, **options)
        # In place of nbclient's own handler, which ends the kernel at once.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.on_interrupt)
        self.current = self.code_cells.index(cell_index) + 1
        self.terminal.line(f"cell {self.current} of {len(self.code_cells)}: {title_of(self.nb.cells, cell_index)}")
        start = time.monotonic()
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        finally:
            for output in cell.outputs:  # the last state of a progress bar stays; figures and tables are for the notebook
                if output.output_type == "display_data" and (text := single_line(output.data)):
                    self.terminal.line(f"  {text}")
            self.terminal.line(f"  {time.monotonic() - start:.1f} s")

    def process_message(self, msg, cell, cell_index):
        content = msg["content"]
        if msg["msg_type"] == "stream":
            if not (self.interrupted and content["name"] == "stderr"):  # the trace of the interrupt itself
                self.terminal.write(content["text"])
        elif msg["msg_type"] in ("display_data", "update_display_data") and (text := single_line(content["data"])):
            self.terminal.progress(f"  {text}")
        return super().process_message(msg, cell, cell_index)

    def end_kernel(self):
        self.ending = self.ending or asyncio.ensure_future(self.km.shutdown_kernel())

    async def _async_cleanup_kernel(self):
        if self.patience:
            self.patience.cancel()
        if self.ending:
            await self.ending  # nbclient would shut it down a second time, beside the first
        await super()._async_cleanup_kernel()

    def on_early_interrupt(self, execution):
        self.interrupted = True
        self.shutdown_kernel = "immediate"  # nbclient ends it; it has nothing to save
        execution.cancel()

    def on_interrupt(self):
        loop = asyncio.get_running_loop()
        if self.interrupted:
            self.end_kernel()
            return
        self.interrupted = True
        self.terminal.line("Interrupting the cell; Ctrl-C again ends it at once.")
        loop.create_task(self.km.interrupt_kernel())
        self.patience = loop.call_later(SECONDS_TO_STOP, self.end_kernel)


def title_of(cells, index):
    """The heading above a cell and its own first line."""
    headings = [re.match(r"#+ +(.+)", cell.source) for cell in cells[:index] if cell.cell_type == "markdown"]
    above = [heading[1].strip() for heading in headings if heading][-1:]
    return " | ".join([*above, cells[index].source.strip().splitlines()[0]])[:110]


def single_line(data):
    """Text of a progress bar or note; nothing for figures and tables."""
    text = data.get("text/plain", "").strip()
    is_figure = any(kind.startswith("image/") or "plotly" in kind for kind in data)
    return "" if is_figure or "\n" in text else text


def rehearse(notebook, sizes):
    """Puts sizes in place of what cells declare by these names; what none declares is for the library."""
    left, cells = dict(sizes), []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        declared = re.findall(r"^const (\w+)(: [^=\n]+)? =", cell.source, re.MULTILINE)
        lines = [f"const {name}{kind} = {json.dumps(left.pop(name))};" for name, kind in declared if name in left]
        if lines:
            cells.append(nbformat.v4.new_code_cell("\n".join(["// Sizes of a rehearsal, in place of those above.", *lines])))
    notebook.cells = cells
    os.environ["LB_PAPER_SIZES"] = json.dumps(left)


def clean(notebook):
    """Leaves what belongs to the notebook, so that a commit shows changed sources and results only."""
    notebook.metadata = {key: notebook.metadata[key] for key in ("kernelspec", "language_info") if key in notebook.metadata}
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}


def write(notebook, target):
    temporary = f"{target}.{os.getpid()}.tmp"
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    nbformat.write(notebook, temporary)
    os.replace(temporary, target)


def outputs_of(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def tables(notebook):
    bundles = [output.get("data", {}) for output in outputs_of(notebook)]
    return [data["text/plain"] for data in bundles if "<table" in data.get("text/html", "") and "text/plain" in data]


def complaints(notebook):
    """What was written to standard error: a notebook that went well writes nothing there."""
    return [output.text for output in outputs_of(notebook) if output.get("name") == "stderr" and output.text.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--tables", action="store_true", help="print the notebook's tables at the end")
    parser.add_argument("--sizes", type=json.loads, metavar="JSON", help="sizes by name, for a rehearsal")
    options = parser.parse_args()

    notebook = nbformat.read(options.source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if options.sizes is not None:
        rehearse(notebook, options.sizes)
    terminal = Terminal(options.quiet)
    client = LiveClient(
        notebook,
        terminal,
        kernel_name="tslab",
        timeout=None,
        startup_timeout=SECONDS_TO_START,
        iopub_timeout=SECONDS_FOR_OUTPUTS,
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(options.source))}},
    )
    problem = ""
    try:
        client.execute()
    except asyncio.CancelledError:
        if not client.interrupted:
            raise
        terminal.end_progress()
        print("Interrupted before the first cell.", file=sys.stderr)
        return 130
    except (CellExecutionError, DeadKernelError, KeyboardInterrupt, RuntimeError) as error:
        problem = "The kernel ended. Is the memory full?" if isinstance(error, DeadKernelError) else str(error)
    terminal.end_progress()
    clean(notebook)
    write(notebook, options.target)

    where = f"cell {client.current} of {len(client.code_cells)} of {os.path.basename(options.source)}"
    if client.interrupted:
        print(f"Interrupted in {where}. Finished runs are kept: the next call goes on from there.", file=sys.stderr)
        return 130
    if problem:
        print(f"Failed in {where}:\n{problem}", file=sys.stderr)
        return 1
    if options.tables:
        for table in tables(notebook):
            print(f"\n{table}")
    for text in complaints(notebook):
        print(f"{os.path.basename(options.source)} wrote to standard error:\n{text}", file=sys.stderr)
    return 1 if complaints(notebook) else 0


if __name__ == "__main__":
    sys.exit(main())
