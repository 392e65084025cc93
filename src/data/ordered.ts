/**
 * Runs `task` on up to `concurrency` items at once, and yields the results in the items' order. If the consumer stops early or a task
 * fails, running tasks are awaited before the generator ends, so that none touches a file after its clean-up.
 */
export async function* mapOrdered<T, R>(
  items: Iterable<T>,
  concurrency: number,
  task: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const source = items[Symbol.iterator]();
  const running: Promise<R>[] = [];
  try {
    for (;;) {
      while (running.length < concurrency) {
        const next = source.next();
        if (next.done === true) break;
        const result = task(next.value);
        // It may fail before it is awaited.
        result.catch(() => undefined);
        running.push(result);
      }
      const first = running.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(running);
  }
}
