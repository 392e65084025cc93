import { MINIMAL_SETTINGS } from '../../experiments/minimal.js';
import { session, type StudyPart, type StudyTrace } from '../part.js';
import { erasedRows, foundRows, minimalRows, plantingRows } from './measure.js';
import { planting } from './plant.js';
import { ERASED_SETTINGS, FOUND_SETTINGS } from './settings.js';
import { plantedChart, plantedTables, type PlantedTests, testsSchema } from './tables.js';

const ofPlanting: StudyTrace = {
  settings: {},
  by: 'stage',
  hasAccuracies: true,
  rows: (run) => plantingRows(session(run, {})),
};
const found: StudyTrace = {
  settings: FOUND_SETTINGS,
  by: 'stage',
  takesCriteria: true,
  rows: (run, settings) => foundRows(session(run, settings)),
};
const erased: StudyTrace = {
  settings: ERASED_SETTINGS,
  by: 'stage',
  takesCriteria: true,
  rows: (run, settings) => erasedRows(session(run, {}), settings),
};
/** The fewest neurons that planted images depend on. */
const minimal: StudyTrace = {
  settings: MINIMAL_SETTINGS,
  by: 'stage',
  rows: (run, settings) => minimalRows(session(run, {}), settings),
};

/** Memories that are planted into neurons, and whether criteria find them. */
export const planted: StudyPart<PlantedTests> = {
  name: 'planted',
  heading: 'planted memories',
  makers: [planting],
  traces: { planted: ofPlanting, found, erased, minimal },
  tests: testsSchema,
  tables: plantedTables,
  charts: plantedChart,
};
