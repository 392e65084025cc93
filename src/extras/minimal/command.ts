import type { Command } from 'commander';
import { addTrace } from '../../cli/commands/trace.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { minimalTables, minimalVerdict } from './figure.js';
import { MINIMAL_SETTINGS } from './result.js';
import { traceMinimal } from './trace.js';

const { unit, loss, epoch, batchSize } = TRACE_SETTINGS.session;

/** Adds `trace minimal`. */
export function addCommand(trace: Command): void {
  addTrace(trace, {
    name: 'minimal',
    description: 'test how few neurons a training example of each group depends on (Maini et al. 2023)',
    settings: MINIMAL_SETTINGS,
    session: { unit, loss, epoch, batchSize },
    trace: traceMinimal,
    parts: (result, groups) => ({ verdict: minimalVerdict(result), tables: minimalTables(result, groups) }),
  });
}
