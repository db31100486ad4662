/**
 * The one place that knows the Jupyter kernel (tslab): sends MIME bundles to the cell's output and overwrites
 * them in place.
 *
 * tslab's public API sends one MIME type per output. A figure needs several (interactive, picture, text), so
 * this file uses the function below that API. It is looked up among the modules that are already loaded: the
 * kernel's own copy of tslab is the right one, and outside a kernel nothing is loaded at all.
 */
import { randomBytes } from 'node:crypto';

/** Contents of one output by MIME type: objects for JSON types, base64 for pictures, else text. */
export type MimeBundle = Record<string, unknown>;

/** An output of a cell that can be overwritten. */
export interface Output {
  /** Shows the bundle, in place of the one shown before. Outside a kernel: does nothing. */
  update(bundle: MimeBundle): void;
}

type WriteDisplayData = (
  content: { data: MimeBundle; metadata: object; transient: { display_id: string } },
  update: boolean,
) => void;

/** True where the code runs in a cell of a notebook. */
export function inKernel(): boolean {
  return kernelWriter() !== undefined;
}

/** A new output of the current cell, empty until its first update. */
export function newOutput(): Output {
  const id = randomBytes(8).toString('hex');
  let shown = false;
  return {
    update(bundle) {
      const write = kernelWriter();
      write?.({ data: bundle, metadata: {}, transient: { display_id: id } }, shown);
      shown ||= write !== undefined;
    },
  };
}

/** Shows a bundle once. Returns false outside a kernel, where nothing is shown. */
export function displayBundle(bundle: MimeBundle): boolean {
  newOutput().update(bundle);
  return inKernel();
}

/** The kernel's function that writes an output, or undefined outside a running kernel. */
function kernelWriter(): WriteDisplayData | undefined {
  for (const [path, module] of Object.entries(require.cache)) {
    if (!path.replace(/\\/g, '/').endsWith('/tslab/dist/jupyter.js')) continue;
    const write = (module?.exports as { lastWriteDisplayData?: WriteDisplayData | null })
      .lastWriteDisplayData;
    if (typeof write === 'function') return write;
  }
  return undefined;
}
