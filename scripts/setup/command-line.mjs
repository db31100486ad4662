/** Options of the project's commands. */
import { parseArgs } from 'node:util';

/**
 * Reads the command line, or shows how it is meant: on --help, and where it makes no sense.
 * @template {import('node:util').ParseArgsConfig['options']} O
 * @param {string} usage
 * @param {O} options as for `parseArgs`
 * @param {{ allowPositionals?: boolean }} [others] whether it takes words that are no options
 */
export function readCommandLine(usage, options, { allowPositionals = false } = {}) {
  try {
    const parsed = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals });
    if (!(/** @type {{ help?: boolean }} */ (parsed.values).help)) return parsed;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${usage}`);
    process.exit(2);
  }
}
