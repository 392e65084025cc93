import { rmSync } from 'node:fs';

/** Ends what `globalSetup.mjs` started, and removes what it made. */
export default function tearDown() {
  globalThis.pythonServer.stdin.end();
  rmSync(process.env.SPURMEM_TEST_SHARED, { recursive: true, force: true });
}
