import { readFileSync } from 'node:fs';
import { native } from './native/addon.js';

interface PackageJson {
  readonly version: string;
}

/** Returns this package's version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as PackageJson)
    .version;
}

/** Returns the versions that a run's numbers may depend on. */
export function versions(): Record<string, string> {
  return { spurmem: packageVersion(), libtorch: native().torchVersion, node: process.versions.node };
}
