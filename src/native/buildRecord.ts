import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Libtorch } from './libtorch.js';

/** The libtorch that the addon of that path was built against: a record lies beside its folder. None for an addon that was moved. */
export function buildRecord(path: string): Libtorch | undefined {
  try {
    return parseRecord(readFileSync(join(dirname(path), '..', 'libtorch.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** What a build wrote. No schema: the addon is loaded without zod, which takes as long as all else that is imported. */
function parseRecord(json: string): Libtorch {
  const record = JSON.parse(json) as Libtorch;
  const texts = [record.root, record.source, record.version];
  const maybeTexts = [record.cuda, record.python];
  const isRecord =
    texts.every((text) => typeof text === 'string') &&
    maybeTexts.every((text) => text === null || typeof text === 'string') &&
    typeof record.cxx11Abi === 'boolean';
  if (!isRecord) throw new TypeError('no record of a libtorch');
  return record;
}
