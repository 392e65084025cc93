import { EventEmitter, on } from 'node:events';
import { usageError } from '../errors.js';
import { train, TRAINING_METHODS } from './methods.js';
import type { TrainedRun } from './results.js';
import type { RunOptions } from './runOptions.js';

/** The measurements of a finished epoch, and of which run it is. */
export type TrainedEpoch = Parameters<NonNullable<RunOptions['onEpoch']>>[0] &
  Parameters<NonNullable<RunOptions['onEpoch']>>[1];

/**
 * Trains by the method of that name, and hands over each epoch once its checkpoint is written. The next epoch trains meanwhile. Leaving the loop stops
 * the run, which continues with `resume`. The generator returns the result.
 *
 * @throws `USAGE` for a method without epochs, and what `train` throws
 */
export async function* trainEpochs(
  name: string,
  options: Parameters<typeof train>[1],
): AsyncGenerator<TrainedEpoch, TrainedRun> {
  const withEpochs = TRAINING_METHODS.filter(({ settings }) => 'epochs' in settings).map((one) => one.name);
  if (!withEpochs.includes(name)) {
    const expected = withEpochs.join(', ');
    throw usageError('name', name, expected, `${JSON.stringify(name)} has no epochs: ${expected} have.`);
  }
  const stop = new AbortController();
  const events = new EventEmitter();
  const epochs = on(events, 'epoch', { close: ['end'] });
  const job = train(name, {
    ...options,
    signal: AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])]),
    onEpoch: (metrics, run) => {
      options.onEpoch?.(metrics, run);
      events.emit('epoch', { ...metrics, ...run });
    },
  }).finally(() => events.emit('end'));
  const ended = job.catch(() => undefined);
  try {
    for await (const [epoch] of epochs) yield epoch as TrainedEpoch;
    return await job;
  } finally {
    stop.abort();
    await ended;
  }
}
