import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SpurmemError } from '../errors.js';
import { PROCESS_NUMBER } from '../native/engine.js';
import { type JobOptions, throwIfAborted } from '../progress.js';

const PROGRAM = fileURLToPath(new URL('../../bin/spurmem.js', import.meta.url));

/** Sent by an idle process with the result of its last job; the answer is its next job. */
interface Done {
  readonly result: unknown;
}

interface Next {
  /** The job's number; null if none is left. */
  readonly next: number | null;
}

/**
 * Runs jobs in processes of this program; an idle process takes the next job. If a process prints an error and ends,
 * another one takes over the remaining jobs.
 *
 * @param words returns the command line of a process by its number, whose command calls `takeJobs`
 * @param count the number of processes
 * @param onDone receives each result
 * @throws `INTERRUPTED`; `PROCESS_LOST` naming the failed jobs, once all others are finished
 */
export async function sideBySide(
  words: (number: number) => readonly string[],
  indices: readonly number[],
  count: number,
  {
    signal,
    onDone,
  }: Pick<JobOptions, 'signal'> & { readonly onDone: (index: number, result: unknown) => void },
): Promise<void> {
  const waiting = [...indices];
  const failed: number[] = [];

  const oneProcess = (number: number): Promise<void> =>
    new Promise((resolve) => {
      let current: number | undefined;
      // Ctrl-C reaches this process only, which forwards it once.
      const child = fork(PROGRAM, words(number), {
        detached: true,
        env: { ...process.env, [PROCESS_NUMBER]: String(number) },
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

  const worker = async (_: unknown, number: number): Promise<void> => {
    while (waiting.length > 0 && signal?.aborted !== true) {
      const left = waiting.length;
      await oneProcess(number);
      // A process that ends before it takes a job would fail again.
      if (waiting.length === left) failed.push(...waiting.splice(0));
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, indices.length) }, worker));
  throwIfAborted(signal, 'the study');
  if (failed.length === 0) return;
  const named = failed.sort((a, b) => a - b).join(', ');
  throw new SpurmemError('PROCESS_LOST', `${failed.length} of ${indices.length} jobs failed: ${named}.`, {
    advice: ['See their errors above. The same command runs them again and skips the finished ones.'],
  });
}

/** Whether this process was started by `sideBySide`. */
export function isOneOfSeveral(): boolean {
  return process.send !== undefined && process.env[PROCESS_NUMBER] !== undefined;
}

/** Runs the jobs that `sideBySide` hands to this process. Stops, as after SIGTERM, when the parent process ends. */
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
