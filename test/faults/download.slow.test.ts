/**
 * Downloads that are killed at random moments go on where they were and end with the right file, also over a
 * server that breaks off.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from 'lookbehind/extend';
import { assertSurvivesKills, SEED, scale, startScript, type Victim } from './support';

const PIECE = 64 * 1024;
const PIECES = 40;
/** Milliseconds between two pieces. */
const PACE = 10;

test('downloads', async (t) => {
  const random = new Random(SEED, 'download');
  const content = Buffer.alloc(PIECE * PIECES);
  for (let i = 0; i < content.length; i += 4) content.writeInt32LE(random.seed(), i);
  const sha256 = createHash('sha256').update(content).digest('hex');
  let ranges = 0;
  const server = createServer((request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const breaksAt =
      request.url === '/breaking' ? start + PIECE * (1 + random.int(PIECES)) : Number.POSITIVE_INFINITY;
    if (start > 0) {
      ranges++;
      response.writeHead(206, { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` });
    } else response.writeHead(200, { 'content-length': content.length });
    let at = start;
    const timer = setInterval(() => {
      response.write(content.subarray(at, at + PIECE));
      at += PIECE;
      if (at >= content.length) response.end();
      else if (at >= breaksAt) response.destroy();
      else return;
      clearInterval(timer);
    }, PACE);
    response.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const download = (path: string): Victim => ({
    start: (folder) =>
      startScript(
        `const { obtain } = require('./lib/dist/data/download');
        const [folder, url, bytes, sha256] = process.argv.slice(1);
        obtain({ path: folder + '/file', urls: [url], bytes: Number(bytes), sha256 }, { onProgress: () => process.stdout.write('.') });`,
        [
          folder,
          `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
          String(content.length),
          sha256,
        ],
      ),
    outcome: (folder) => readFileSync(join(folder, 'file')).equals(content),
  });
  await assertSurvivesKills(t, [download('/steady'), download('/breaking')], scale(6));
  t.diagnostic(`${ranges} requests went on where another stopped`);
});
