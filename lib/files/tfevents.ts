/**
 * Files of events that TensorBoard reads:
 *
 *     file = records: length (uint64), its checksum (uint32), event (protobuf), its checksum (uint32)
 *
 * Checksums are masked CRC-32C. https://github.com/tensorflow/tensorflow: core/lib/io/record_writer.h,
 * core/util/event.proto, core/framework/summary.proto; https://github.com/tensorflow/tensorboard:
 * plugins/hparams/plugin_data.proto.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../core/errors';

/** What the HParams dashboard knows of a value. */
export type HyperParameter = string | number | boolean;

/** Appends events to a file of its own in a folder. Throws a StorageError where the disk refuses. */
export class EventFile {
  readonly #path: string;

  /** @param folder Is there. One folder is one run for TensorBoard. */
  constructor(folder: string) {
    this.#path = join(folder, `events.out.tfevents.${Math.floor(now())}.lookbehind`);
    this.#append(text(3, 'brain.Event:2'));
  }

  /** A number of each curve at a step. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    const each = Object.entries(values).map(([tag, value]) => bytes(1, text(1, tag), float(2, value)));
    this.#append(whole(2, step), bytes(5, ...each));
  }

  /** What the run depends on. Runs of one group are shown as one: those that differ in their seed. */
  begin(parameters: Readonly<Record<string, HyperParameter>>, group: string): void {
    const entries = Object.entries(parameters).map(([name, value]) =>
      bytes(1, text(1, name), bytes(2, parameterOf(value))),
    );
    this.#session('session_start_info', bytes(3, ...entries, text(4, group), double(5, now())));
  }

  /** How the run ended. */
  end(succeeded: boolean): void {
    this.#session('session_end_info', bytes(4, whole(1, succeeded ? 1 : 2), double(2, now())));
  }

  /** A record of the HParams plugin: its content stands in the metadata, beside an empty tensor. */
  #session(name: string, content: Buffer): void {
    const plugin = bytes(1, text(1, 'hparams'), bytes(2, content));
    const empty = bytes(8, whole(1, 1), bytes(2, bytes(2, whole(1, 0))));
    this.#append(bytes(5, bytes(1, text(1, `_hparams_/${name}`), bytes(9, plugin), empty)));
  }

  #append(...fields: Buffer[]): void {
    const event = Buffer.concat([double(1, now()), ...fields]);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(event.length));
    try {
      appendFileSync(this.#path, Buffer.concat([length, checksum(length), event, checksum(event)]));
    } catch (error) {
      throw new StorageError(this.#path, error as Error);
    }
  }
}

function now(): number {
  return Date.now() / 1000;
}

/** A `google.protobuf.Value`. */
function parameterOf(value: HyperParameter): Buffer {
  if (typeof value === 'number') return double(2, value);
  return typeof value === 'string' ? text(3, value) : whole(4, Number(value));
}

// Fields of protobuf messages: number and wire type, then the value.

function whole(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const content = Buffer.alloc(8);
  content.writeDoubleLE(value);
  return Buffer.concat([varint(field * 8 + 1), content]);
}

function float(field: number, value: number): Buffer {
  const content = Buffer.alloc(4);
  content.writeFloatLE(value);
  return Buffer.concat([varint(field * 8 + 5), content]);
}

function bytes(field: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const digits = [];
  for (; value > 127; value = Math.floor(value / 128)) digits.push((value % 128) + 128);
  return Buffer.from([...digits, value]);
}

/** CRC-32 with Castagnoli's polynomial, of each byte. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function checksum(content: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of content) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}
