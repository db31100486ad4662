/**
 * Loaded into each notebook kernel: ends it where it cannot open the ports that Jupyter chose for it.
 *
 * Jupyter looks for free ports before the kernel starts, so that another program may take one in between. tslab logs that and stays alive,
 * deaf; Jupyter waits for it. A kernel that ends is started anew, on other ports: by execute.py, and by lookbehind_kernels.py in JupyterLab.
 */
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');

if (isMainThread) endWithoutPorts();

function endWithoutPorts() {
  const jupyter = path.join(path.dirname(path.dirname(process.argv[1])), 'dist', 'jupyter.js');
  const { ZmqServer } = require(jupyter);
  const { init } = ZmqServer.prototype;

  ZmqServer.prototype.init = async function () {
    try {
      await init.call(this);
    } catch (error) {
      console.error(`The kernel cannot open its ports (${error.message}). It ends, to be started anew on other ports.`);
      process.exit(1);
    }
  };
}
