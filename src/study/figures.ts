import { overModels } from '../experiments/overModels.js';
import type { Row } from '../kit/rows.js';
import type { FigureOverModels } from '../report/models.js';
import { RunFolder } from '../train/runFolder.js';
import * as z from '../zod.js';
import { planStudy, type TraceJob, type TrainJob } from './plan.js';
import { readTuned } from './records.js';
import type { Study } from './schema.js';
import { figureNames } from './traces.js';

/** A figure over the runs of an arm, and one of its runs. */
interface StudyFigure extends FigureOverModels {
  readonly row: string;
  readonly run: string;
}

const figureSchema = z.looseObject({ title: z.string(), rows: z.array(z.record(z.string(), z.unknown())) });

/** Returns the figures of some data, over the models of each arm that have them. */
export async function figuresOver(study: Study, members: readonly string[]): Promise<StudyFigure[]> {
  if (!study.traces.some(({ trace }) => trace === 'figures')) return [];
  const jobs = planStudy(study, await readTuned(study));
  const traced = jobs.filter(
    (job): job is TraceJob => job.kind === 'trace' && job.trace === 'figures' && members.includes(job.data),
  );
  const found = new Map<
    string,
    { title: string; seeds: number[]; rows: Row[][]; run: string; row: string; kind: string }
  >();
  for (const { of, row, seed, settings } of traced) {
    const { out } = jobs[of] as TrainJob;
    if (out === undefined) continue;
    for (const kind of figureNames(settings)) {
      const figure = await new RunFolder(out).readResult(kind, figureSchema);
      if (!figure) continue;
      const key = JSON.stringify([row, kind]);
      const known = found.get(key) ?? { title: figure.title, kind, row, run: out, seeds: [], rows: [] };
      known.seeds.push(seed);
      known.rows.push(figure.rows as Row[]);
      found.set(key, known);
    }
  }
  return [...found.values()].map(({ rows, ...figure }) => ({ ...figure, rows: overModels(rows) }));
}
