/**
 * What a bundle for a browser has in place of the files of the library that need Node: `browser` in
 * lib/package.json says which.
 *
 * Whatever is called of such a file throws an error with its name, so that only who calls it notices.
 */
import { NeedsNodeError } from './errors';

const names: ProxyHandler<object> = {
  get: (_, name) => {
    if (name === '__esModule') return true;
    if (typeof name === 'symbol') return undefined;
    return function needsNode(): never {
      throw new NeedsNodeError(
        `"${name}" of lookbehind reads or writes files, or uses the native runtime, and works in Node ` +
          'only. In a browser, give the library what is in memory ' +
          'already: samples as a Dataset, weights as arrays.',
      );
    };
  },
};

module.exports = new Proxy({}, names);
