import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cifar10, type DownloadProgress, fullMnist } from 'lookbehind/data';
import { AbortedError, DataError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { obtain, type RemoteFile } from '../../lib/dist/data/download';
import { tryLock } from '../../lib/dist/files/lock';

const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-download-'));
const random = new Random(0);
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, () => random.int(256)));
const sha256 = createHash('sha256').update(content).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const handlers = new Map<string, Handler>();
const requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(`${request.url} ${request.headers.range ?? 'whole'}`);
  handlers.get(request.url!.split('/')[1])!(request, response);
});
let address = '';

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(scratch, { recursive: true });
});

/** Sends the file, from where it is asked for. */
const good: Handler = (request, response) => {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start > 0)
    response.writeHead(206, { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` });
  response.end(content.subarray(start));
};

/** Sends some bytes from where it is asked, then breaks the connection. */
const breaking =
  (bytes: number): Handler =>
  (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0)
      response.writeHead(206, { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` });
    else response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(start, start + bytes));
    const part = join(scratch, 'sub', `${request.url?.split('-')[0]}.part`);
    // What has arrived and is not yet written when a connection breaks is lost: enough is to be in the file.
    const timer = setInterval(() => {
      if ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < start + 10_000) return;
      response.destroy();
    }, 5);
    response.on('close', () => clearInterval(timer));
  };

/** A file of its own for each test, served by `served`, in that order of mirrors. */
function remote(name: string, ...served: Handler[]): RemoteFile {
  requests.length = 0;
  const urls = served.map((handler, i) => {
    handlers.set(`${name}-${i}`, handler);
    return `${address}/${name}-${i}/file`;
  });
  return { path: join(scratch, 'sub', name), urls, bytes: content.length, sha256 };
}

/** This machine, as lock files name it. */
function ownHost(folder: string): string {
  const lock = tryLock(folder, 'probe');
  const [name] = readdirSync(folder).filter((file) => file.startsWith('probe'));
  const { host } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  lock?.release();
  return host;
}

/** What else a download left: parts and locks. */
function besides({ path }: RemoteFile): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.`));
}

function assertComplete(file: RemoteFile): void {
  assert.ok(readFileSync(file.path).equals(content));
  assert.deepEqual(besides(file), []);
}

test('a file is downloaded once, with progress', async () => {
  const file = remote('plain', good);
  const seen: DownloadProgress[] = [];
  assert.equal(await obtain(file, { onProgress: (progress) => seen.push(progress) }), file.path);
  assertComplete(file);
  assert.deepEqual(seen.at(-1), { path: file.path, received: content.length, total: content.length });
  assert.ok(seen.every(({ received }, i) => i === 0 || received >= seen[i - 1].received));
  await obtain(file);
  assert.deepEqual(requests, ['/plain-0/file whole']);
});

test('a broken connection is taken up where it broke', async () => {
  const file = remote('broken', breaking(100_000));
  await obtain(file);
  assertComplete(file);
  assert.ok(requests.length >= 3);
  for (const request of requests.slice(1)) assert.match(request, /bytes=\d{5,6}-$/);
});

test('a link in place of the part is not followed', async () => {
  const file = remote('linked', good);
  const victim = join(scratch, 'victim');
  writeFileSync(victim, 'precious');
  mkdirSync(dirname(file.path), { recursive: true });
  symlinkSync(victim, `${file.path}.part`);
  await obtain(file);
  assertComplete(file);
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
});

test('a server that cannot continue starts again', async () => {
  const file = remote('whole', (_, response) => response.end(content));
  writeFileSync(`${file.path}.part`, content.subarray(0, 1000));
  await obtain(file);
  assertComplete(file);
});

test('a complete part needs no network; one that is too long is thrown away', async () => {
  const file = remote('rest', good);
  writeFileSync(`${file.path}.part`, content);
  await obtain(file);
  assertComplete(file);
  assert.equal(requests.length, 0);
  rmSync(file.path);
  writeFileSync(`${file.path}.part`, Buffer.alloc(content.length + 1));
  await obtain(file);
  assertComplete(file);
});

test('the next mirror is asked where one refuses, is wrong, or falls silent', async () => {
  const wrong = Buffer.from(content);
  wrong[5] ^= 1;
  const file = remote(
    'mirrors',
    (_, response) => response.writeHead(404).end(),
    (_, response) => response.end(wrong),
    (_, response) => response.end(Buffer.alloc(content.length + 10)),
    () => undefined,
    good,
  );
  await obtain(file, { timeout: 100 });
  assertComplete(file);
});

test('where all addresses fail, the error says why and what to do by hand', async () => {
  const file = remote('nowhere', (_, response) => response.writeHead(503).end());
  const dead = { ...file, urls: [...file.urls, 'http://127.0.0.1:9/file'] };
  await assert.rejects(obtain(dead), (error: Error) => {
    assert.ok(error instanceof DataError);
    for (const part of [file.path, 'HTTP status 503', ...dead.urls, sha256, '300000 bytes', 'By hand']) {
      assert.ok(error.message.includes(part), `${part}: ${error.message}`);
    }
    return true;
  });
  assert.deepEqual(besides(file), []);
  await assert.rejects(obtain(file, { download: false }), /is missing. By hand: get http/);
});

test('a file of other content is refused, not replaced', async () => {
  const file = remote('damaged', good);
  const damaged = Buffer.from(content);
  damaged[7] ^= 1;
  for (const [bytes, message] of [
    [damaged, /is damaged: SHA-256 [0-9a-f]{64}, expected/],
    [content.subarray(1), /is damaged: 299999 bytes, expected 300000/],
  ] as const) {
    writeFileSync(file.path, bytes);
    await assert.rejects(
      obtain(file),
      (error: Error) => error instanceof DataError && message.test(error.message),
    );
    assert.ok(readFileSync(file.path).equals(bytes));
  }
});

test('an aborted download keeps what it has and goes on there', async () => {
  const file = remote('aborted', (_, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 120_000));
  });
  const controller = new AbortController();
  const stop = ({ received }: DownloadProgress): void => {
    if (received > 0) controller.abort();
  };
  await assert.rejects(obtain(file, { signal: controller.signal, onProgress: stop }), AbortedError);
  const kept = statSync(`${file.path}.part`).size;
  assert.ok(kept > 0 && kept <= 120_000);
  handlers.set('aborted-0', good);
  await obtain(file);
  assertComplete(file);
  assert.equal(requests[1], `/aborted-0/file bytes=${kept}-`);
});

test('of several that want a file one downloads it, and a lock left behind does not block', async () => {
  const file = remote('shared', good);
  await Promise.all([obtain(file), obtain(file), obtain(file)]);
  assertComplete(file);
  assert.equal(requests.length, 1);
  rmSync(file.path);
  // No process has a number so large.
  const holder = { pid: 4_194_305, started: '1', host: ownHost(dirname(file.path)) };
  writeFileSync(`${file.path}.lock-00000000-0000.json`, JSON.stringify(holder));
  await obtain(file);
  assertComplete(file);
});

test('without a network the loaders say which file to put where', async () => {
  process.env.LB_DATA = join(scratch, 'data');
  try {
    await assert.rejects(cifar10({ download: false }), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.ok(error.message.includes(join(scratch, 'data', 'downloads', 'cifar-10-binary.tar.gz')));
      assert.match(
        error.message,
        /get https:\/\/www\.cs\.toronto\.edu.* \(170052171 bytes, SHA-256 c4a38c50/,
      );
      return true;
    });
    await assert.rejects(
      fullMnist({ download: false }),
      /downloads\/mnist\/train-images-idx3-ubyte\.gz is missing/,
    );
  } finally {
    delete process.env.LB_DATA;
  }
});
