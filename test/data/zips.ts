/** Writes zip archives as the format has them, for tests. */
import { deflateRawSync } from 'node:zlib';

/** Options of `zip`. */
export interface ZipWriting {
  /** Deflates the contents. Default false: they are stored. */
  deflate?: boolean;
  /** Writes the 64-bit records, as archives of more than 65,535 members have them. */
  zip64?: boolean;
  comment?: string;
}

/** The archive of these files. Independent of the reader: its checksum is computed bit by bit. */
export function zip(
  files: Record<string, Uint8Array>,
  { deflate = false, zip64 = false, comment = '' }: ZipWriting = {},
): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const packed = deflate ? deflateRawSync(content) : Buffer.from(content);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2); // the name is UTF-8
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(crc(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(path.length, 22);
    const extra = zip64 ? Buffer.alloc(12) : Buffer.alloc(0);
    const entry = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, Buffer.alloc(14), path, extra]);
    entry.writeUInt16LE(extra.length, 30);
    if (zip64) {
      entry.writeUInt32LE(0xffffffff, 42);
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(8, 2);
      extra.writeBigUInt64LE(BigInt(offset), 4);
      extra.copy(entry, 46 + path.length);
    } else {
      entry.writeUInt32LE(offset, 42);
    }
    directory.push(entry);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, packed]);
    locals.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const count = directory.length;
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(zip64 ? 0xffff : count, 8);
  end.writeUInt16LE(zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  const records: Buffer[] = [];
  if (zip64) {
    const end64 = Buffer.alloc(56);
    end64.write('PK\x06\x06', 0, 'latin1');
    end64.writeBigUInt64LE(44n, 4);
    end64.writeBigUInt64LE(BigInt(count), 24);
    end64.writeBigUInt64LE(BigInt(count), 32);
    end64.writeBigUInt64LE(BigInt(list.length), 40);
    end64.writeBigUInt64LE(BigInt(offset), 48);
    const locator = Buffer.alloc(20);
    locator.write('PK\x06\x07', 0, 'latin1');
    locator.writeBigUInt64LE(BigInt(offset + list.length), 8);
    locator.writeUInt32LE(1, 16);
    records.push(end64, locator);
  }
  return Buffer.concat([...locals, list, ...records, end, Buffer.from(comment)]);
}

function crc(content: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of content) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}
