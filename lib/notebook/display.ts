/**
 * The one place that knows the Jupyter kernel (tslab): sends MIME bundles to the cell's output and overwrites them in place.
 *
 * tslab's public API sends one MIME type per output. A figure needs several (interactive, picture, text), so this file uses the function
 * below that API, and falls back to the API where it is not found. Both are looked up among the modules that are already loaded:
 * the kernel's own copy of tslab is the right one, and outside a kernel nothing is loaded at all.
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
type PublicDisplay = { raw(mimeType: string, content: unknown): void };

/** True where the code runs in a cell of a notebook. */
export function inKernel(): boolean {
  return kernelWriter() !== undefined;
}

/** A new output of the current cell, empty until its first update. */
export function newOutput(): Output {
  const id = randomBytes(8).toString('hex');
  let shown = false;
  let single: PublicDisplay | undefined;
  return {
    update(bundle) {
      const write = kernelWriter();
      if (write) {
        write({ data: bundle, metadata: {}, transient: { display_id: id } }, shown);
        shown = true;
        return;
      }
      single ??= publicDisplay();
      if (single) {
        const [mimeType, content] = richest(bundle);
        single.raw(mimeType, content);
      }
    },
  };
}

/** Shows a bundle once. Returns false outside a kernel, where nothing is shown. */
export function displayBundle(bundle: MimeBundle): boolean {
  if (!inKernel() && publicDisplay() === undefined) return false;
  newOutput().update(bundle);
  return true;
}

/** The kernel's function that writes an output, or undefined outside a running kernel. */
function kernelWriter(): WriteDisplayData | undefined {
  for (const exported of loaded('/tslab/dist/jupyter.js')) {
    const write = (exported as { lastWriteDisplayData?: WriteDisplayData | null }).lastWriteDisplayData;
    if (typeof write === 'function') return write;
  }
  return undefined;
}

/** tslab's public display, where a kernel without the function above runs: it overwrites itself, one MIME type at a time. */
function publicDisplay(): PublicDisplay | undefined {
  for (const exported of loaded('/tslab/dist/public.js')) {
    const { newDisplay } = exported as { newDisplay?: () => PublicDisplay };
    if (typeof newDisplay === 'function' && kernelRuns()) return newDisplay();
  }
  return undefined;
}

/** tslab's modules may also be loaded by a tool; a kernel was started with a connection file. */
function kernelRuns(): boolean {
  return process.argv.some((argument) => argument.startsWith('--config-path'));
}

function loaded(pathEnd: string): unknown[] {
  return Object.entries(require.cache)
    .filter(([path]) => path.replace(/\\/g, '/').endsWith(pathEnd))
    .map(([, module]) => module?.exports);
}

/** The one MIME type to send where only one can be: a picture before what not every reader draws, text last. */
function richest(bundle: MimeBundle): [string, unknown] {
  const order = ['image/png', 'application/vnd.plotly.v1+json', 'text/html', 'text/markdown', 'text/plain'];
  const mimeType = order.find((one) => one in bundle) ?? Object.keys(bundle)[0] ?? 'text/plain';
  return [mimeType, bundle[mimeType] ?? ''];
}
