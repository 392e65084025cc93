/**
 * Runs `task` on the items, up to `concurrency` at once, and yields the results in the items' order, holding at most
 * `concurrency` of them. When the consumer stops early or a task fails, the tasks still running are awaited before the
 * generator ends: nothing touches a file after its clean-up.
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
        // Its turn to be awaited may come later than its failure, which must not count as unhandled until then.
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
