/**
 * Loaded into each notebook kernel: ends it where the program that started it is gone.
 *
 * Jupyter ends its kernels when it ends. Where it is killed, a tslab kernel would go on for ever, unseen, and hold the runs that it works on;
 * Python's kernels watch their parent in the same way. The work is interrupted first, as by the stop button, so that it can save.
 */
const LOOK_EVERY_MS = 1000;
const PATIENCE_MS = 5000;

const parent = process.ppid;
const timer = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(timer);
  process.emit('SIGINT');
  setTimeout(() => process.exit(), PATIENCE_MS);
}, LOOK_EVERY_MS);
timer.unref();
