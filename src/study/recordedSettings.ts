import type { Dataset } from '../data/dataset.js';
import type { Combination } from './part.js';
import type { OfRecords } from './records.js';
import { armOf, rowsOn, type StudyDocument } from './schema.js';
import { ownSettingsOf, sharedSettings, tracesOn, variantsOf } from './variants.js';

/**
 * Returns the settings behind each table of some data, except those in its rows: of training, of traces, and of tests; with the
 * fingerprint of the data once it is loaded.
 */
export function settingsOf(
  study: StudyDocument,
  data: string,
  dataset?: Pick<Dataset, 'fingerprint'>,
): OfRecords {
  const { models, compared } = rowsOn(study, data);
  const tables: Record<string, Record<string, unknown>> = {};
  const add = (table: string, what: string, settings: unknown): void => {
    const all = (tables[table] ??= {});
    all[what] = [...((all[what] ?? []) as unknown[]), settings];
  };
  for (const arm of models.arms) {
    const { of = arm, epoch = 'selected' } = armOf(study, arm);
    for (const { row, settings } of variantsOf(study, data, of, new Map()))
      add('models', of === arm ? row : arm, { epoch, ...settings });
  }
  for (const arm of [...models.arms, ...compared.arms]) {
    for (const { trace, settings } of tracesOn(study, data, arm)) {
      const { split = 'train', topK = 'the default' }: Combination = settings;
      if (trace === 'heat') tables.heat = { gradCam: settings };
      else if (trace !== 'figures') add(trace, `${arm}, ${String(split)}, k ${String(topK)}`, settings);
    }
  }
  const training = settingsOfTraining(study, data);
  if (compared.arms.length > 0) {
    tables.train = training;
    tables.test = compared.isTested ? { ...training, ...declaredOf(study, compared.seeds) } : training;
  }
  if (isTunedOn(study, data)) tables.tuning = training;
  const ofData = dataset === undefined ? {} : { data: dataset.fingerprint };
  return Object.fromEntries(Object.entries(tables).map(([table, named]) => [table, { ...named, ...ofData }]));
}

/** Returns the declared tests. Seeds with a margin stay as they were: chosen after the results, they would show nothing. */
function declaredOf({ tests }: StudyDocument, seeds: readonly number[]): Record<string, unknown> {
  if (tests.arms === undefined) return {};
  return { comparisons: tests.arms, ...(tests.arms.equivalence === undefined ? {} : { seeds }) };
}

/** Returns the settings of compared arms, and of the arms that they start from. */
function settingsOfTraining(study: StudyDocument, data: string): Record<string, unknown> {
  const ofModels = new Set(Object.values(study.data).flatMap(({ models }) => models?.arms ?? []));
  const names = Object.keys(study.arms).filter(
    (name) => study.arms[name]?.of === undefined && !ofModels.has(name),
  );
  const [first = ''] = Object.keys(study.arms);
  const { recipe, run } = sharedSettings(study, data, first);
  const arms = names.map((name): [string, unknown] => {
    const { method, from } = armOf(study, name);
    const erm = from === undefined ? {} : armOf(study, from).settings;
    return [`arm ${name}`, { method, settings: ownSettingsOf(study, data, name), erm }];
  });
  return { erm: recipe, finetune: run, ...Object.fromEntries(arms) };
}

function isTunedOn(study: StudyDocument, data: string): boolean {
  const isTuned = Object.values(study.arms).some(({ tune }) =>
    Object.values(tune).some(({ length }) => length > 1),
  );
  return (
    isTuned && Object.keys(study.data).some((other) => rowsOn(study, other).compared.tunedOn.includes(data))
  );
}
