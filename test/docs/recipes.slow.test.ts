import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PINNED_TORCH } from '../../src/native/libtorch.js';
import { ROOT } from '../cli/support.js';

test('spurmem.def has the base, the commands and the PyTorch of Containerfile', () => {
  const [image, definition] = ['Containerfile', 'spurmem.def'].map((file) =>
    readFileSync(join(ROOT, file), 'utf8').replaceAll(/\s*\\\n\s*/g, ' '),
  );
  const parts = [...(image ?? '').matchAll(/^(?:RUN |ARG BASE=docker.io\/library\/|ARG TORCH=")([^"\n]+)/gm)];
  expect(parts).toHaveLength(5);
  for (const [, part] of parts) expect(definition).toContain(part);
  expect(image).toContain(`torch==${PINNED_TORCH} `);
});
