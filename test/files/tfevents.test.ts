/** Files of events for TensorBoard: framing and checksums, and what stands in each record. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookbehindSAM } from 'lookbehind';
import { twoMoons } from 'lookbehind/data';
import { StorageError } from 'lookbehind/errors';
import { mlp } from 'lookbehind/models';
import { Trainer, tensorBoard } from 'lookbehind/train';
import { EventFile } from '../../lib/dist/files/tfevents';

/**
 * CRC-32C as its definition says: the remainder of a division of polynomials, bit by bit; masked as in
 * TFRecord.
 */
function masked(content: Buffer): number {
  let crc = 0xffffffffn;
  for (const byte of content) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

/** The contents of all records. */
function records(file: Buffer): Buffer[] {
  const found = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)));
    const content = file.subarray(at + 12, at + 12 + length);
    assert.equal(file.readUInt32LE(at + 12 + length), masked(content));
    found.push(content);
    at += length + 16;
  }
  return found;
}

type Message = Record<number, (number | Buffer)[]>;

/** The fields of a protobuf message by number. */
function decode(message: Buffer): Message {
  const fields: Message = {};
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]!;
      value += (byte % 128) * shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const wire = key % 8;
    const value =
      wire === 0
        ? varint()
        : wire === 1
          ? take(8).readDoubleLE()
          : wire === 5
            ? take(4).readFloatLE()
            : take(varint());
    fields[Math.floor(key / 8)] = [...(fields[Math.floor(key / 8)] ?? []), value];
  }
  return fields;
}

/** The message at a path of field numbers, the first of each. */
function at(message: Buffer, ...path: number[]): Message {
  return path.reduce((fields, field) => decode(fields[field]![0] as Buffer), decode(message));
}

const text = (value: number | Buffer | undefined): string => (value as Buffer).toString();

test('events of a run: curves, hyperparameters in their group, and the end', (t) => {
  assert.equal(
    masked(Buffer.from('123456789')),
    (((0xe3069283 >>> 15) | (0xe3069283 << 17)) + 0xa282ead8) >>> 0,
  );
  const folder = mkdtempSync(join(tmpdir(), 'events-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = new EventFile(folder);
  file.begin({ 'optimizer.k': 5, optimizer: 'lookbehindSAM', nesterov: false, alpha: 'α' }, 'k=5');
  file.scalars(300, { 'loss/train': 0.25, 'accuracy/test': Number.NaN });
  file.end(false);
  const [name] = readdirSync(folder);
  assert.match(name!, /^events\.out\.tfevents\.\d+\./);
  const [version, begin, curve, end] = records(readFileSync(join(folder, name!)));

  assert.equal(text(decode(version!)[3]![0]), 'brain.Event:2');
  assert.ok(Math.abs((decode(version!)[1]![0] as number) - Date.now() / 1000) < 60);

  const value = at(begin!, 5, 1);
  assert.equal(text(value[1]![0]), '_hparams_/session_start_info');
  assert.equal(text(at(begin!, 5, 1, 9, 1)[1]![0]), 'hparams');
  const start = at(begin!, 5, 1, 9, 1, 2, 3);
  assert.equal(text(start[4]![0]), 'k=5');
  const parameters = start[1]!.map((entry) => {
    const { 1: [key] = [], 2: [held] = [] } = decode(entry as Buffer);
    const [[kind, [content]]] = Object.entries(decode(held as Buffer)) as [[string, [number | Buffer]]];
    return [text(key), Number(kind), typeof content === 'number' ? content : content.toString()];
  });
  assert.deepEqual(parameters, [
    ['optimizer.k', 2, 5],
    ['optimizer', 3, 'lookbehindSAM'],
    ['nesterov', 4, 0],
    ['alpha', 3, 'α'],
  ]);

  assert.equal(decode(curve!)[2]![0], 300);
  const values = at(curve!, 5)[1]!.map((one) => decode(one as Buffer));
  assert.deepEqual(
    values.map((fields) => [text(fields[1]![0]), fields[2]![0]]),
    [
      ['loss/train', 0.25],
      ['accuracy/test', Number.NaN],
    ],
  );

  assert.equal(text(at(end!, 5, 1)[1]![0]), '_hparams_/session_end_info');
  assert.equal(at(end!, 5, 1, 9, 1, 2, 4)[1]![0], 2); // failed
});

test('the epochs of a Trainer', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'events-')), 'logs', 'k=2');
  const model = mlp({ inputs: 2, hidden: [4], classes: 2, seed: 0 });
  const data = twoMoons({ samples: 20 });
  const trainer = new Trainer(model, lookbehindSAM({ k: 2 }), data, { epochs: 3, batchSize: 10, test: data });
  t.after(() => {
    trainer.dispose();
    model.dispose();
  });
  await trainer.train({ callbacks: tensorBoard(folder, { k: 2 }) });
  const [, begin, ...epochs] = records(readFileSync(join(folder, readdirSync(folder)[0]!)));
  assert.equal(text(at(begin!, 5, 1)[1]![0]), '_hparams_/session_start_info');
  assert.deepEqual(
    epochs.map((event) => {
      const loss = at(event, 5)[1]!
        .map((one) => decode(one as Buffer))
        .find((value) => text(value[1]![0]) === 'loss/test');
      return [decode(event)[2]![0], loss![2]![0]];
    }),
    trainer.history.map(({ epoch, testLoss }) => [epoch, Math.fround(testLoss!)]),
  );
});

test('a disk that refuses is a StorageError with the name of the file, and ends the training', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-events-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const callback = tensorBoard(join(folder, 'logs'));
  rmSync(join(folder, 'logs'), { recursive: true });
  const model = mlp({ inputs: 2, hidden: [4], classes: 2 });
  const trainer = new Trainer(model, lookbehindSAM(), twoMoons({ samples: 20 }), {
    epochs: 2,
    batchSize: 10,
  });
  await assert.rejects(trainer.train({ callbacks: callback }), (error: Error) => {
    assert.ok(error instanceof StorageError);
    assert.match(error.message, /logs.events\.out\.tfevents.* cannot be written/);
    return true;
  });
});
