/**
 * Width and height of an image from its header, without decoding it.
 *
 *     PNG     signature, then a chunk IHDR: width and height as big-endian 32-bit numbers
 *             https://www.w3.org/TR/png-3
 *     JPEG    ff d8, then segments; a frame header (SOF) has height and width in 16 bits
 *             ITU-T T.81, annex B
 */

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Markers from c0 to cf that begin no frame: tables and a reserved one. */
const NO_FRAME: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc]);

/**
 * Width and height in pixels; undefined where `content` is neither PNG nor JPEG, or is cut off in its header.
 */
export function imageSize(content: Uint8Array): { width: number; height: number } | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (bytes.length >= 24 && bytes.subarray(0, 8).equals(PNG_SIGNATURE)) {
    if (bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? frameSize(bytes) : undefined;
}

/** The size in the first frame header of a JPEG file. */
function frameSize(bytes: Buffer): { width: number; height: number } | undefined {
  for (let at = 2; at < bytes.length; ) {
    if (bytes[at] !== 0xff || bytes[at + 1] === 0xff || bytes[at + 1] === 0) {
      at++; // bytes between segments, which decoders pass over
      continue;
    }
    const marker = bytes[at + 1];
    at += 2;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue; // without content
    if (marker === 0xd9 || marker === 0xda || at + 7 > bytes.length) return undefined;
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAME.has(marker)) {
      return { width: bytes.readUInt16BE(at + 5), height: bytes.readUInt16BE(at + 3) };
    }
    at += bytes.readUInt16BE(at);
  }
  return undefined;
}
