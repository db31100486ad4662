/** The options --sizes and --size, of `npm run reproduce` and of `npm run notebooks`. */
import { OptionError } from '../core/errors';
import { readRegularText } from '../files/regularFile';

/**
 * The sizes that a command was given: those of a JSON file, and over them single ones as `NAME=VALUE`. What
 * they are called is not checked.
 *
 * @throws OptionError
 */
export function readSizes(path: string | undefined, single: readonly string[] = []): Record<string, unknown> {
  // Without a prototype: `__proto__` is then an unknown name like others.
  const sizes: Record<string, unknown> = Object.create(null);
  if (path !== undefined) {
    try {
      Object.assign(sizes, JSON.parse(readRegularText(path)));
    } catch (error) {
      throw new OptionError('--sizes', path, 'a readable JSON file', (error as Error).message);
    }
  }
  for (const one of single) {
    const [, name, text] = /^(\w+)=(.+)$/s.exec(one) ?? [];
    if (name === undefined) throw new OptionError('--size', one, 'of the form NAME=VALUE');
    sizes[name] = parsed(text);
  }
  return sizes;
}

/** `2` is a number, `[2,5]` a list, `cifar10` a text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
