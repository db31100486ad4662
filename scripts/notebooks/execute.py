"""Executes a notebook in its kernel, shows what happens while it happens, and writes it with its outputs.

    python execute.py SOURCE TARGET [--quiet] [--tables]

The notebook runs in the folder of SOURCE; TARGET is written whole or not at all, also after an error or an interrupt (then with
the outputs up to there). What is written is clean: no timings, no volatile metadata, one stream output per cell, the same cell ids.
Exit status: 0; 1 where a cell failed or wrote to standard error; 130 after an interrupt.
"""

import argparse
import os
import signal
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


class LiveClient(NotebookClient):
    """Prints the output of the kernel as it comes."""

    quiet = False

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream" and not self.quiet:
            sys.stdout.write("".join(f"    {line}\n" for line in msg["content"]["text"].rstrip("\n").split("\n")))
            sys.stdout.flush()
        return super().process_message(msg, cell, cell_index)


def first_line(cell):
    return next((line for line in cell.source.split("\n") if line.strip()), "")[:90]


def execute(client, notebook, quiet):
    code = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    with client.setup_kernel():
        for n, (index, cell) in enumerate(code, 1):
            if not quiet:
                print(f"  cell {n} of {len(code)}: {first_line(cell)}", flush=True)
            start = time.monotonic()
            client.execute_cell(cell, index, execution_count=n)
            if not quiet and time.monotonic() - start > 5:
                print(f"    {time.monotonic() - start:.0f} s", flush=True)


def clean(notebook):
    """Leaves what belongs to the notebook: sources and outputs."""
    notebook.metadata = {
        key: value for key, value in notebook.metadata.items() if key in ("kernelspec", "language_info", "lookbehind")
    }
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if "metadata" in output:
                output.metadata = {}


def write(notebook, target):
    temporary = f"{target}.{os.getpid()}.tmp"
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    nbformat.write(notebook, temporary)
    os.replace(temporary, target)


def tables(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/markdown" in data and "text/plain" in data:
                yield data["text/plain"]


def complaints(notebook):
    """What the kernel wrote to standard error, by cell: a cell that went well writes nothing there."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("output_type") == "stream" and output.get("name") == "stderr" and output.text.strip():
                yield first_line(cell), output.text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--tables", action="store_true", help="print the notebook's tables at the end")
    options = parser.parse_args()

    notebook = nbformat.read(options.source, as_version=4)
    client = LiveClient(
        notebook,
        kernel_name="tslab",
        timeout=None,
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(options.source))}},
    )
    client.quiet = options.quiet
    # A terminal's Ctrl-C reaches the kernel too, which then stops its work and keeps what it has.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    status = 0
    try:
        execute(client, notebook, options.quiet)
    except KeyboardInterrupt:
        print("Interrupted: finished runs are kept, and the next call goes on from there.", file=sys.stderr)
        status = 130
    except CellExecutionError as error:
        print(f"A cell of {os.path.basename(options.source)} failed:\n{error}", file=sys.stderr)
        status = 1
    except DeadKernelError:
        print("The kernel died. Is the memory full? Finished runs are kept; try again.", file=sys.stderr)
        status = 1
    clean(notebook)
    write(notebook, options.target)
    if status == 0:
        for line, text in complaints(notebook):
            print(f'The cell "{line}" wrote to standard error:\n{text}', file=sys.stderr)
            status = 1
    if options.tables:
        for text in tables(notebook):
            print(f"\n{text}")
    return status


if __name__ == "__main__":
    sys.exit(main())
