/**
 * In place of the abandoned package `request`: nothing in this project reads tables from the network, so
 * nothing can.
 */
function request() {
  throw new Error(
    'Reading tables from URLs is switched off here: download the file, then read it from its path.',
  );
}

module.exports = Object.assign(request, { get: request, post: request, defaults: () => request });
