import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { secondsOf, type Workload } from '../workload.js';

export interface CommandSettings {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
}

/** Starts a program and waits for its end. Throws if it fails. */
export function command({ command: [program, ...args] }: CommandSettings): Promise<Workload> {
  const start = promisify(execFile);
  return Promise.resolve({
    units: 1,
    // The work is that of processes that have ended.
    knowsProcess: false,
    run: async () => {
      const seconds = await secondsOf(async () => {
        await start(program, args, { maxBuffer: 2 ** 24 });
      });
      return { seconds, measures: { milliseconds: 1000 * seconds } };
    },
  });
}
