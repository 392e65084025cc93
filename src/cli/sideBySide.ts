import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SpurmemError } from '../errors.js';
import { type JobOptions, throwIfAborted } from '../progress.js';

const PROGRAM = fileURLToPath(new URL('../../bin/spurmem.js', import.meta.url));

/** Tells a process that it is one of several. */
const VARIABLE = 'SPURMEM_TAKES_JOBS';

/** From a process that is free, with the result of its last job; answered by the next one. */
interface Done {
  readonly result: unknown;
}

interface Next {
  /** The job's number; null: none is left. */
  readonly next: number | null;
}

/**
 * Runs jobs in processes of this program, each of which takes the next one when it is free. Where a process ends with an error, which it
 * has printed, another one goes on with the others.
 *
 * @param words the command and its options, which calls `takeJobs`
 * @param count the number of processes
 * @param onDone is given each result
 * @throws `INTERRUPTED`; `PROCESS_LOST` with the jobs that failed, once all others are finished
 */
export async function sideBySide(
  words: readonly string[],
  indices: readonly number[],
  count: number,
  {
    signal,
    onDone,
  }: Pick<JobOptions, 'signal'> & { readonly onDone: (index: number, result: unknown) => void },
): Promise<void> {
  const waiting = [...indices];
  const failed: number[] = [];

  const oneProcess = (): Promise<void> =>
    new Promise((resolve) => {
      let current: number | undefined;
      // Ctrl-C reaches this process alone, which passes it on once.
      const child = fork(PROGRAM, words, {
        detached: true,
        env: { ...process.env, [VARIABLE]: '1' },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const stop = (): void => void child.kill('SIGTERM');
      signal?.addEventListener('abort', stop);
      child.on('message', ({ result }: Done) => {
        if (current !== undefined) onDone(current, result);
        current = signal?.aborted === true ? undefined : waiting.shift();
        const next: Next = { next: current ?? null };
        child.send(next);
      });
      child.on('exit', () => {
        signal?.removeEventListener('abort', stop);
        if (current !== undefined) failed.push(current);
        resolve();
      });
    });

  const worker = async (): Promise<void> => {
    while (waiting.length > 0 && signal?.aborted !== true) {
      const left = waiting.length;
      await oneProcess();
      // One that ends before it takes a job would do so again.
      if (waiting.length === left) failed.push(...waiting.splice(0));
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, indices.length) }, worker));
  throwIfAborted(signal, 'the study');
  if (failed.length === 0) return;
  const named = failed.sort((a, b) => a - b).join(', ');
  throw new SpurmemError('PROCESS_LOST', `${failed.length} of ${indices.length} jobs failed: ${named}.`, {
    advice: [
      'Their errors stand above. The same command runs them again, and leaves the finished ones alone.',
    ],
  });
}

/** Whether this process was started by `sideBySide`. */
export function isOneOfSeveral(): boolean {
  return process.send !== undefined && process.env[VARIABLE] !== undefined;
}

/** Runs the jobs that `sideBySide` hands to this process. It stops as after SIGTERM when the process that started it ends. */
export async function takeJobs(run: (index: number) => Promise<unknown>): Promise<void> {
  const stop = (): void => void process.kill(process.pid, 'SIGTERM');
  process.on('disconnect', stop);
  try {
    for (let result: unknown = null; ;) {
      const answer = once(process, 'message') as Promise<[Next]>;
      process.send?.({ result });
      const [{ next }] = await answer;
      if (next === null) return;
      result = await run(next);
    }
  } finally {
    // Otherwise the channel keeps the process alive.
    process.off('disconnect', stop).disconnect();
  }
}
