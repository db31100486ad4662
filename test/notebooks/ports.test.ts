/**
 * A kernel whose port another program holds: it ends at once, and the headless runner goes on with a new one.
 */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

/** What is used of jsdom, which has no types of its own; Node.js 20 has no WebSocket. */
const { JSDOM } = require('jsdom') as {
  JSDOM: new (
    html: string,
    options: { url: string },
  ) => { window: { WebSocket: typeof WebSocket; close(): void } };
};
const root = join(__dirname, '..', '..');
const PYTHON = join(root, '.venv', 'bin', 'python');
const SPEC = join(root, '.venv', 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');

describe(
  'a kernel whose port is taken',
  { skip: existsSync(PYTHON) ? false : 'no .venv: run npm run setup' },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'lookbehind-ports-'));
    after(() => rmSync(folder, { recursive: true, force: true }));

    /** A kernel on these ports, which reads what Jupyter would write for it. */
    function startKernel(ports: number[], options: string[] = []): ChildProcessWithoutNullStreams {
      const [shell_port, iopub_port, control_port, stdin_port, hb_port] = ports;
      const file = join(folder, 'connection.json');
      const connection = { shell_port, iopub_port, control_port, stdin_port, hb_port };
      const security = { ip: '127.0.0.1', transport: 'tcp', key: 'k', signature_scheme: 'hmac-sha256' };
      writeFileSync(file, JSON.stringify({ ...connection, ...security }));
      const { argv } = JSON.parse(readFileSync(SPEC, 'utf8')) as { argv: string[] };
      const [node, ...args] = argv.map((arg) => arg.replace('{connection_file}', file));
      return spawn(node!, [...options, ...args], { cwd: root });
    }

    it('ends within seconds and says why', async () => {
      const servers = await Promise.all(Array.from({ length: 5 }, listen));
      const ports = servers.map(portOf);
      for (const server of servers.slice(1)) server.close();
      const kernel = startKernel(ports);
      let stderr = '';
      kernel.stderr.on('data', (data) => (stderr += data));
      const impatient = setTimeout(() => kernel.kill('SIGKILL'), 30_000);
      const [code, signal] = (await once(kernel, 'close')) as [number | null, string | null];
      clearTimeout(impatient);
      servers[0]?.close();
      assert.deepEqual([code, signal], [1, null], stderr);
      assert.match(stderr, /Address already in use/);
    });

    it('opens all its ports before it reads a request', async () => {
      const script = join(folder, 'log-sockets.cjs');
      writeFileSync(
        script,
        `const Module = require('node:module');
const load = Module._load;
Module._load = function (request, ...rest) {
  const zmq = load.call(this, request, ...rest);
  if (request === 'zeromq' && !zmq.logged) {
    zmq.logged = true;
    for (const { prototype } of [zmq.Router, zmq.Publisher, zmq.Reply]) {
      const { bind, [Symbol.asyncIterator]: read } = prototype;
      const set = (name, value) => Object.defineProperty(prototype, name, { value });
      set('bind', async function (...args) {
        await bind.apply(this, args);
        console.error('open');
      });
      set(Symbol.asyncIterator, function () {
        console.error('read');
        return read.call(this);
      });
    }
  }
  return zmq;
};`,
      );
      const servers = await Promise.all(Array.from({ length: 5 }, listen));
      const ports = servers.map(portOf);
      for (const server of servers) server.close();
      const kernel = startKernel(ports, ['--require', script]);
      let log = '';
      kernel.stderr.on('data', (data) => (log += data));
      await until(() => assert.ok(log.split('read').length > 3, log)); // shell, control and heartbeat
      kernel.kill();
      await once(kernel, 'close');
      const events = log.split('\n').filter((line) => line === 'open' || line === 'read');
      assert.deepEqual(events.slice(0, 5), Array(5).fill('open'), log);
    });

    it('is replaced by a new one where a notebook is executed', () => {
      // The runner as it is; only the ports of its first kernel are those that a listener holds.
      const runner = `
import runpy, socket, sys
from jupyter_client.manager import AsyncKernelManager
held = socket.create_server(("127.0.0.1", 0))
starts = []
pre = AsyncKernelManager._async_pre_start_kernel
async def taken(self, **options):
    if not starts:
        self.cache_ports = False
        self.shell_port = held.getsockname()[1]
        for name in ("iopub_port", "stdin_port", "hb_port", "control_port"):
            with socket.create_server(("127.0.0.1", 0)) as free:
                setattr(self, name, free.getsockname()[1])
    starts.append(1)
    return await pre(self, **options)
AsyncKernelManager._async_pre_start_kernel = taken
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
`;
      const [source, target] = [join(folder, 'a.ipynb'), join(folder, 'b.ipynb')];
      const metadata = { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } };
      const cell = {
        cell_type: 'code',
        id: 'c',
        metadata: {},
        outputs: [],
        execution_count: null,
        source: "console.log('done');",
      };
      writeFileSync(source, JSON.stringify({ cells: [cell], metadata, nbformat: 4, nbformat_minor: 5 }));
      const script = join(root, 'scripts', 'notebooks', 'execute.py');
      const { status, stdout, stderr } = spawnSync(
        PYTHON,
        ['-W', 'ignore', '-c', runner, script, source, target],
        {
          encoding: 'utf8',
          timeout: 60_000,
        },
      );
      assert.equal(status, 0, stdout + stderr);
      assert.match(stdout, /trying again/);
      assert.match(readFileSync(target, 'utf8'), /done/);
    });

    it('is replaced by a new one in JupyterLab', async () => {
      // JupyterLab as npm start runs it; only the first port that it finds free is one that a listener holds.
      const taken = `
import socket
try:
    from jupyter_client.provisioning.local_provisioner import LocalPortCache
except ImportError:
    pass
else:
    find, held = LocalPortCache.find_available_port, []
    def find_available_port(self, ip):
        if held:
            return find(self, ip)
        held.append(socket.create_server(("127.0.0.1", 0)))
        return held[0].getsockname()[1]
    LocalPortCache.find_available_port = find_available_port
`;
      writeFileSync(join(folder, 'sitecustomize.py'), taken);
      const server = await listen();
      const port = portOf(server);
      server.close();
      const options = [
        '--no-browser',
        '--allow-root',
        '--ip=127.0.0.1',
        `--port=${port}`,
        '--IdentityProvider.token=secret',
      ];
      const lab = spawn(process.execPath, [join(root, 'scripts', 'start.mjs'), ...options], {
        cwd: root,
        env: { ...process.env, PYTHONPATH: folder },
        detached: true, // so that the whole group can be ended
      });
      let log = '';
      for (const stream of [lab.stdout, lab.stderr]) stream.on('data', (data) => (log += data));
      try {
        const ask = async (path: string, init: RequestInit = {}) => {
          const response = await fetch(`http://127.0.0.1:${port}/api/${path}`, {
            ...init,
            headers: { Authorization: 'token secret' },
          });
          return (await response.json()) as { id: string };
        };
        await until(() => {
          if (lab.exitCode !== null) return Promise.resolve();
          return ask('status');
        });
        assert.equal(lab.exitCode, null, log);
        const style = await fetch(`http://127.0.0.1:${port}/custom/custom.css?token=secret`);
        assert.match(await style.text(), /jp-RenderedPlotly/); // makes figures dark
        const { id } = await ask('kernels', { method: 'POST', body: JSON.stringify({ name: 'tslab' }) });
        const { window } = new JSDOM('', { url: `http://127.0.0.1:${port}` });
        const socket = new window.WebSocket(
          `ws://127.0.0.1:${port}/api/kernels/${id}/channels?session_id=s&token=secret`,
        );
        const states: string[] = [];
        socket.addEventListener('message', ({ data }) => {
          if (typeof data === 'string') states.push(JSON.parse(data).content?.execution_state);
        });
        await until(() => assert.ok(states.includes('idle'), `states of the kernel: ${states}`));
        window.close();
        assert.match(log, /Address already in use/);
        assert.match(log, /trying again on other ports/);
      } finally {
        if (lab.exitCode === null) process.kill(-(lab.pid as number), 'SIGKILL');
      }
    });
  },
);

/** A listener on a port that was free. */
async function listen(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Waits until `action` succeeds, for two minutes at most. */
async function until(action: () => unknown): Promise<void> {
  for (const start = Date.now(); ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    try {
      await action();
      return;
    } catch (error) {
      if (Date.now() - start > 120_000) throw error;
    }
  }
}
