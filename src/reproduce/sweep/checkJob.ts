import { checkOptions } from '../../settings/options.js';
import { methodNamed } from '../../train/methods.js';
import { PROTOCOL_TYPE } from '../../train/runOptions.js';
import { figuresNamed } from '../articleFigures.js';
import { checkTracing } from '../part1.js';

type Settings = Readonly<Record<string, unknown>>;

/** Checks a job's settings as the command line checks its options: those of its method, and of its figures' traces. Throws `USAGE`. */
export function checkJob(job: {
  readonly method: string;
  readonly settings: Settings;
  readonly figures?: { readonly names: readonly string[]; readonly settings: Settings } | undefined;
}): void {
  const { method, settings, figures } = job;
  checkOptions(settings, { types: { protocol: PROTOCOL_TYPE }, settings: methodNamed(method).settings });
  if (!figures) return;
  figuresNamed(figures.names);
  checkTracing(figures.settings);
}
