/**
 * Loaded into each notebook kernel: keeps its type checker from watching installed and built packages.
 *
 * tslab's compiler watches every declaration and package it has read. Where these change while the kernel runs, as in a build or an
 * installation, it schedules two updates at once, which tslab does not expect ("Unexpected pending rebuildTimer"): the cell fails. The modules
 * themselves are loaded once, so that a new declaration would not be true anyway. Sources of the user's own are watched as before.
 */
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');

// The kernel's threads, such as the one that renews its locks, load this file too: they have no type checker, and no script to find it by.
if (isMainThread) keepTypesSteady();

function keepTypesSteady() {
  const typescript = require.resolve('@tslab/typescript-for-tslab', { paths: [path.dirname(path.dirname(process.argv[1]))] });
  const { sys } = require(typescript);
  const { watchFile } = sys;
  const unwatched = { close: () => {} };

  sys.watchDirectory = () => unwatched;
  sys.watchFile = (file, ...rest) =>
    /[\\/]node_modules[\\/]|\.d\.[cm]?ts$|[\\/]package\.json$/.test(file) ? unwatched : watchFile(file, ...rest);
}
