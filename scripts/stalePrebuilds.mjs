import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeSources, prebuildNames, PREBUILDS } from '../dist/native/addonFiles.js';

/** The names of those in prebuilds/ that were made from other native sources than these. */
export function stalePrebuilds() {
  return prebuildNames().filter((name) => {
    const { sources } = JSON.parse(readFileSync(join(PREBUILDS, name, 'built.json'), 'utf8'));
    return sources !== nativeSources();
  });
}
