/** CRC-32 as in ZIP and PNG (IEEE 802.3), and CRC-32C (Castagnoli) as in TensorBoard's event files. */

const IEEE = 0xedb88320, CASTAGNOLI = 0x82f63b78;

/** CRC-32 of bytes, an integer in [0, 2^32). */
export const crc32 = crc(IEEE);

/** CRC-32C of bytes, an integer in [0, 2^32). */
export const crc32c = crc(CASTAGNOLI);

function crc(polynomial: number): (bytes: Uint8Array) => number {
  const table = new Int32Array(256).map((_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? polynomial ^ (n >>> 1) : n >>> 1;
    return n;
  });
  return (bytes) => {
    let c = -1;
    for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]) & 255] ^ (c >>> 8);
    return ~c >>> 0;
  };
}
