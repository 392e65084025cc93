// After the package is packed: package.json as it was.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/** The copy that prepack.mjs keeps. */
export const KEPT = 'node_modules/.spurmem-package.json';

if (argv[1] === fileURLToPath(import.meta.url) && existsSync(KEPT)) {
  copyFileSync(KEPT, 'package.json');
  rmSync(KEPT);
}
