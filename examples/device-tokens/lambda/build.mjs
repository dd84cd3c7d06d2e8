// Builds device-token.zip from src/: the same bytes from the same sources, on any
// machine and with any version of Node.js. Files are stored rather than deflated,
// because zlib's output may change between versions; at this size it costs nothing.
//
//   npm run build
//
// Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';

export const ARCHIVE = new URL('device-token.zip', import.meta.url);

const SOURCES = new URL('src/', import.meta.url);

const VERSION_NEEDED = 10; // 1.0: stored files only
const MADE_BY_UNIX = (3 << 8) | VERSION_NEEDED; // so that the mode below counts
const REGULAR_FILE_0644 = (0o100644 << 16) >>> 0;
const DOS_DATE_1980_01_01 = (1 << 5) | 1; // the earliest the format can say
const DOS_TIME_MIDNIGHT = 0;

/** @returns {Promise<Buffer>} the archive */
export async function buildArchive() {
  const names = (await readdir(SOURCES)).filter((name) => name.endsWith('.mjs')).sort();

  const local = [];
  const central = [];
  let offset = 0;
  for (const name of names) {
    const content = await readFile(new URL(name, SOURCES));
    const header = localHeader(name, content);
    local.push(header, content);
    central.push(centralHeader(name, content, offset));
    offset += header.length + content.length;
  }

  const directory = Buffer.concat(central);
  return Buffer.concat([...local, directory, endOfDirectory(names.length, directory.length, offset)]);
}

// The fields that a local and a central header share, in the order of both.
function common(name, content) {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION_NEEDED, 0);
  fields.writeUInt16LE(0, 2); // flags
  fields.writeUInt16LE(0, 4); // method: stored
  fields.writeUInt16LE(DOS_TIME_MIDNIGHT, 6);
  fields.writeUInt16LE(DOS_DATE_1980_01_01, 8);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(content.length, 14); // compressed
  fields.writeUInt32LE(content.length, 18); // uncompressed
  fields.writeUInt16LE(Buffer.byteLength(name), 22);
  fields.writeUInt16LE(0, 24); // extra field
  return fields;
}

function localHeader(name, content) {
  return Buffer.concat([Buffer.from('PK\x03\x04'), common(name, content), Buffer.from(name)]);
}

function centralHeader(name, content, offset) {
  const madeBy = Buffer.alloc(2);
  madeBy.writeUInt16LE(MADE_BY_UNIX);

  const rest = Buffer.alloc(14); // comment length, disk number and internal attributes stay 0
  rest.writeUInt32LE(REGULAR_FILE_0644, 6);
  rest.writeUInt32LE(offset, 10);

  return Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, common(name, content), rest, Buffer.from(name)]);
}

function endOfDirectory(entries, size, offset) {
  const record = Buffer.alloc(22); // disk numbers and comment length stay 0
  record.write('PK\x05\x06', 'latin1');
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(ARCHIVE, await buildArchive());
}
