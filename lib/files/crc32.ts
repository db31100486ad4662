/** The checksum of zip archives and PNG pictures: finds any single damaged stretch of up to 32 bits. */
import { stringifyNumbers } from './numberJson';

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** CRC-32 (IEEE 802.3), as an unsigned number. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum of what is written as JSON. */
export function checksumOf(content: object): number {
  return crc32(Buffer.from(stringifyNumbers(content)));
}
