// The committed archive is what the sources build.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

import { ARCHIVE, buildArchive } from '../build.mjs';

const SOURCES = new URL('../src/', import.meta.url);

it('lambda/device-token.zip is up to date', async () => {
  const [committed, built] = await Promise.all([readFile(ARCHIVE), buildArchive()]);
  assert.ok(committed.equals(built), 'lambda/device-token.zip is not what lambda/src builds: run npm run build, and commit it');
});

it('two builds are the same, byte for byte', async () => {
  assert.ok((await buildArchive()).equals(await buildArchive()));
});

// Python's zipfile checks every header and checksum, and shares no code with us.
it('is an archive that others can read, with every source at its root', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'device-token-'));
  try {
    await promisify(execFile)(process.env.HOLDFAST_LAB_PYTHON || 'python3', [
      '-c',
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])',
      ARCHIVE.pathname,
      folder,
    ]);
    assert.deepEqual((await readdir(folder)).sort(), (await readdir(SOURCES)).sort());
    for (const name of await readdir(folder)) {
      assert.equal(await readFile(join(folder, name), 'utf8'), await readFile(new URL(name, SOURCES), 'utf8'), name);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
