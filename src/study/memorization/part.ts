import { CHANGES_SETTINGS, imageChanges } from '../../experiments/imageChanges.js';
import { answersOf, imageRows } from '../../experiments/memorization.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { session, type StudyPart, type StudyTrace } from '../part.js';
import { memorizationCharts, memorizationTables } from './tables.js';
import { type MemorizationTests, testsSchema } from './tests.js';

/** Answers to images in training and left out. */
const predictions: StudyTrace = {
  settings: {},
  by: 'stage',
  ofAnyArm: true,
  refusal: (arm, { leaveOut }) =>
    leaveOut === undefined
      ? `predictions of ${arm} tell what is memorized if it leaves images out: set \`leaveOut\`, such as 0.5.`
      : undefined,
  rows: ({ seed: _seed, ...run }) => answersOf(session(run, {})),
};

/** Changes of each image. */
const changes: StudyTrace = {
  settings: { ...TRACE_SETTINGS.session, ...CHANGES_SETTINGS },
  by: 'stage',
  ofAnyArm: true,
  rows: (run, settings) => imageChanges(session(run, settings)),
};

/** Which images models memorize, by models that leave them out, and whether chosen neurons hold that. */
export const memorization: StudyPart<MemorizationTests> = {
  name: 'memorization',
  heading: 'memorization',
  traces: { predictions, changes },
  tests: testsSchema,
  tables: memorizationTables,
  charts: memorizationCharts,
  rows: async (records) => imageRows(await records.read('predictions')),
};
