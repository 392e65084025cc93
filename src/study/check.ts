import { isDeepStrictEqual } from 'node:util';
import { invalidParameter, messageOf, SpurmemError } from '../errors.js';
import { figuresNamed } from '../reproduce/articleFigures.js';
import { checkTracing } from '../reproduce/part1.js';
import { nearestSentence, requireKnownNames } from '../settings/names.js';
import { firstRepeated } from '../settings/repeated.js';
import { checkSettings, type SettingsTable } from '../settings/setting.js';
import { methodNamed } from '../train/methods.js';
import { erm } from '../train/methods/erm.js';
import { finetune } from '../train/methods/finetune.js';
import { FIT } from './questions.js';
import { type Arm, type NeuronTests, rowsOn, type Study, type StudyDocument } from './schema.js';
import { traceNamed, valuesIn } from './traces.js';
import { combinationsOf, tunedWith } from './tuning.js';
import { ownSettingsOf, tracesOn, variantsOf } from './variants.js';

type Trace = StudyDocument['traces'][number];

/** Checks what the schema cannot: references to other parts, and settings. Throws `USAGE` naming the key. */
export function checkStudy(study: Study): void {
  const { arms, data, path, pools } = study;
  const names = new Names(path);
  requireFewJobs(study);
  for (const [name, { from, of, tunedAs, data: other }] of Object.entries(arms)) {
    for (const arm of [from, of, tunedAs]) names.require(`arms.${name}`, arm, arms, 'arm');
    names.require(`arms.${name}.data`, other, data, 'data');
    names.at(`arms.${name}`, () => {
      checkArm(study, name);
    });
  }
  checkSharedSettings(study, names);
  checkTraces(study, names);
  checkTests(study, names);
  for (const [name, entry] of Object.entries(data)) {
    const key = `data.${name}`;
    if (entry.path === undefined)
      throw refused(`${path}, ${key}: \`data\` is missing: the folder of the data set.`);
    names.require(`${key}.override`, Object.keys(entry.override), arms, 'arm');
    names.require(`${key}.models.arms`, entry.models?.arms, arms, 'arm');
    names.require(`${key}.compared.arms`, entry.compared?.arms, arms, 'arm');
    names.require(`${key}.compared.tunedOn`, entry.compared?.tunedOn, data, 'data');
    names.at(key, () => {
      checkRows(study, name);
    });
  }
  names.require('across', Object.values(study.across ?? {}), data, 'data');
  for (const [pool, members] of Object.entries(pools)) {
    names.require(`pools.${pool}`, members, data, 'data');
    names.at(`pools.${pool}`, () => {
      checkPool(study, members);
    });
  }
}

/** Names in a study's document. */
class Names {
  constructor(private readonly path: string) {}

  /** Runs a check of a key. Throws `USAGE` with the document and the key. */
  at(key: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      throw new SpurmemError('USAGE', `${this.path}, ${key}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Throws `USAGE` for the first of some names that `all` lacks. */
  require(key: string, names: string | readonly string[] = [], all: object, what: string): void {
    this.at(key, () => {
      const unknown = [names].flat().find((one) => !Object.hasOwn(all, one));
      if (unknown === undefined) return;
      throw refused(`there is no ${what} ${unknown}. ${nearestSentence(unknown, Object.keys(all))}`);
    });
  }
}

function checkSharedSettings({ arms, settings: ofStudy, data }: Study, names: Names): void {
  const tables = Object.values(arms).map(({ method }) => methodNamed(method).settings);
  const places = Object.entries(data).map(
    ([name, { settings }]) => [`data.${name}.settings`, settings] as const,
  );
  for (const [place, settings] of [['settings', ofStudy] as const, ...places]) {
    names.at(`${place}.data`, () => {
      checkTable(withoutLater(settings.data), erm.settings);
    });
    names.at(`${place}.run`, () => {
      checkTable(settings.run, finetune.settings);
    });
    names.at(`${place}.all`, () => {
      requireKnownNames(settings.all, ...tables);
    });
  }
}

function checkTraces({ arms, traces }: Study, names: Names): void {
  for (const [i, declared] of traces.entries()) {
    const { of, trace, settings } = declared;
    names.require(`traces[${i}].of`, of, arms, 'arm');
    names.at(`traces[${i}]`, () => {
      const same = traces.slice(0, i).findIndex((earlier) => overlaps(earlier, declared));
      if (traceNamed(trace).apart === undefined && same >= 0)
        throw refused(`it makes ${trace} of an arm of which traces[${same}] makes them: join the two.`);
    });
    names.at(`traces[${i}].settings`, () => {
      if (trace !== 'figures') checkTable(settings, traceNamed(trace).settings);
      else {
        const { figures = [], ...others } = settings;
        figuresNamed([figures].flat().map(String));
        checkTracing(others);
      }
    });
  }
}

function checkTests({ arms, tests, traces }: Study, names: Names): void {
  const { neurons, arms: compared } = tests;
  if (neurons) {
    names.require('tests.neurons', [neurons.of, ...(neurons.growth ?? [])], arms, 'arm');
    names.at('tests.neurons', () => {
      checkNeurons(neurons, traces);
    });
  }
  const { reference, focus, primary } = compared ?? {};
  for (const [key, name] of Object.entries({ reference, focus, primary }))
    names.require(`tests.arms.${key}`, name, arms, 'arm');
}

/** Max jobs of a study: their plan takes seconds, in which no signal stops it. */
const MAX_JOBS = 100_000;

/** Counts a study's jobs at most, before any combination of values is made. Throws `USAGE`. */
function requireFewJobs(study: Study): void {
  const { arms, path, tuning } = study;
  const sizeOf = (grid: Arm['grid'] = {}): number =>
    Object.values(grid).reduce((all, values) => all * values.length, 1);
  const known = new Map<string, number>();
  /** An arm's variants; arms that start from themselves are refused later. */
  const variants = (name: string): number => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, 1);
    const { grid, from, of } = arms[name] ?? {};
    const start = from ?? of;
    known.set(name, sizeOf(grid) * (start === undefined ? 1 : variants(start)));
    return known.get(name) as number;
  };
  const tuned = (name: string): number => sizeOf(arms[arms[name]?.tunedAs ?? name]?.tune) * variants(name);
  let jobs = Object.keys(arms).reduce((sum, name) => sum + tuned(name), 0);
  for (const data of Object.keys(study.data)) {
    const { models, compared } = rowsOn(study, data);
    for (const { arms: rows, seeds } of [models, compared]) {
      for (const name of rows)
        jobs += seeds.length * variants(name) * (1 + tracesOn(study, data, name).length);
    }
    const seeds = (tuning?.seeds.length ?? 0) * compared.tunedOn.length;
    for (const name of compared.arms) jobs += seeds * tuned(name);
  }
  if (jobs <= MAX_JOBS) return;
  const problem = `${path} would plan ${jobs} jobs, and a study may have ${MAX_JOBS}.`;
  throw new SpurmemError('USAGE', problem, {
    advice: ['Try fewer values or seeds, or make several studies of it.'],
  });
}

function refused(problem: string): SpurmemError {
  return new SpurmemError('USAGE', problem);
}

function checkArm(study: Study, name: string): void {
  const { arms } = study;
  const arm = arms[name] as Arm;
  if ((arm.of === undefined) !== (arm.epoch === undefined))
    throw refused('an epoch of another arm takes `of`, the name of another arm, and `epoch`.');
  if (arm.of !== undefined) {
    if (arms[arm.of]?.of !== undefined) throw refused(`${arm.of} is an epoch itself, and is not trained.`);
    return;
  }
  const method = methodNamed(arm.method);
  if (method.startsFrom === 'run' && arm.from === undefined)
    throw refused(`${arm.method} starts from a run: \`from\` is missing, the name of another arm.`);
  if (method.startsFrom === 'data' && arm.from !== undefined)
    throw refused(`${arm.method} starts from the data, and takes no \`from\`.`);
  for (let start = arm.from, seen = [name]; start !== undefined; start = arms[start]?.from) {
    if (seen.includes(start)) throw refused(`it starts from itself, by ${seen.join(', ')}.`);
    seen = [...seen, start];
  }
  const tunes = (other: Arm | undefined): boolean => Object.keys(other?.tune ?? {}).length > 0;
  if (arm.tunedAs !== undefined && (!tunes(arms[arm.tunedAs]) || tunes(arm))) {
    const tuned = Object.keys(arms).filter((other) => other !== name && tunes(arms[other]));
    throw invalidParameter(
      'tunedAs',
      arm.tunedAs,
      `another arm that is tuned, where this one is not: ${tuned.join('; ')}`,
    );
  }
  const { configurations, together } = tunedWith(study, name);
  const unlike = together.find(
    (other) => arm.tunedAs === undefined && !isDeepStrictEqual(arms[other]?.tune, arm.tune),
  );
  if (unlike !== undefined)
    throw refused(`${unlike}, which shares its \`choice\`, has other values to \`tune\`.`);
  if (configurations.length > 1 && !study.tuning)
    throw refused('`tune` takes `tuning`, whose seeds choose among its values.');
  const [data = ''] = Object.keys(study.data);
  const own = ownSettingsOf(study, arm.data ?? data, name);
  for (const one of combinationsOf(arm.grid).flatMap((values) =>
    configurations.map((tuned) => ({ ...values, ...tuned })),
  )) {
    checkTable(withoutLater({ ...own, ...one }), method.settings);
  }
}

/** Returns settings without those resolved in planning: null for "left out", shares of epochs, and weights of another arm. */
function withoutLater(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isLater = (value: unknown): boolean =>
    value === null || (typeof value === 'object' && ('share' in value || 'of' in value));
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => !isLater(value)));
}

function checkTable(values: object, table: SettingsTable): void {
  requireKnownNames(values, table, { protocol: true });
  checkSettings(table, values);
}

/** Checks the models and compared arms of some data. Throws `USAGE` for missing seeds, missing tested arms, or an epoch beyond training. */
function checkRows(study: Study, name: string): void {
  const { models, compared } = rowsOn(study, name);
  const { override } = study.data[name] ?? {};
  for (const [arm, settings] of Object.entries(override ?? {})) {
    checkTable(withoutLater(settings), methodNamed((study.arms[arm] as Arm).method).settings);
  }
  for (const { arms, seeds } of [models, compared])
    if (arms.length > 0 && seeds.length === 0)
      throw refused('`seeds` is missing: each is a run of every arm.');
  for (const arm of models.arms) {
    const { of, epoch } = study.arms[arm] as Arm;
    const [variant] = variantsOf(study, name, of ?? arm, new Map());
    for (const { trace } of tracesOn(study, name, arm)) {
      const refusal = traceNamed(trace).refusal?.(arm, variant?.settings ?? {});
      if (refusal !== undefined) throw refused(refusal);
    }
    if (of === undefined || epoch === undefined) continue;
    const epochs = Number(variant?.settings.epochs ?? erm.settings.epochs?.article);
    if (epoch > epochs) throw refused(`${arm} is epoch ${epoch} of ${of}, which has ${epochs} epochs here.`);
  }
  const { tests, arms } = study;
  const view = compared.arms.find((arm) => arms[arm]?.of !== undefined);
  if (view !== undefined) throw refused(`${view} is an epoch of another arm, and one of its \`models\`.`);
  const { reference, focus, primary = [] } = tests.arms ?? {};
  const lacking = [reference, focus, primary]
    .flat()
    .filter((arm) => arm !== undefined && !compared.arms.includes(arm));
  if (!compared.isTested) return;
  if (lacking.length > 0)
    throw refused(`differences are \`tested\`, and the compared arms lack ${lacking.join(', ')}.`);
}

/**
 * Throws `USAGE` if tests need a measurement that no trace makes, and for traces whose rows the tables could not distinguish: all except
 * effects are of the tested arm, of the training split and, by layer, of one neuron.
 */
function checkNeurons(
  { of: tested, k, criteria, growth = [], family, primary }: NeuronTests,
  traces: readonly Trace[],
): void {
  if (family === undefined && primary.includes(FIT))
    throw refused(`primary: \`${FIT}\` takes \`family\`, which has its margin.`);
  const unknown = family?.criteria.find((criterion) => !criteria.includes(criterion));
  if (unknown !== undefined)
    throw refused(`family.criteria: ${unknown} is not one of the tested \`criteria\`.`);
  for (const [i, trace] of traces.entries()) {
    const refuse = (problem: string): SpurmemError => refused(`traces[${i}] ${problem}`);
    const same = traces.slice(0, i).findIndex((earlier) => overlaps(earlier, trace));
    if (same >= 0)
      throw refuse(`makes ${trace.trace} that traces[${same}] makes, and each model would count twice.`);
    if (traceNamed(trace.trace).ofAnyArm) continue;
    if ([trace.of].flat().some((arm) => arm !== tested))
      throw refuse(`has ${trace.trace} of an arm that is not ${tested}, which is tested.`);
    if (valuesIn(trace, 'split').some((split) => split !== 'train'))
      throw refuse(`has ${trace.trace} that are not of the training split.`);
    if (trace.trace === 'layers' && !isDeepStrictEqual(trace.settings.topK, [1]))
      throw refuse('has layers without `topK: [1]`, their top neuron.');
  }
  const effects = traces.filter(({ trace }) => trace === 'effects');
  if (effects.length === 0) return;
  for (const arm of new Set([tested, ...growth])) {
    for (const criterion of criteria) {
      const isTraced = effects.some(
        (trace) =>
          [trace.of].flat().includes(arm) &&
          valuesIn(trace, 'topK').includes(k) &&
          valuesIn(trace, 'criteria').includes(criterion),
      );
      if (!isTraced) throw refused(`no effects of ${arm} have ${criterion} and k = ${k}, which are tested.`);
    }
  }
}

/** Whether two traces make rows that no column distinguishes. */
function overlaps(one: Trace, other: Trace): boolean {
  if (one.trace !== other.trace || ![one.of].flat().some((arm) => [other.of].flat().includes(arm)))
    return false;
  return Object.keys(traceNamed(one.trace).apart ?? {}).every((name) =>
    valuesIn(one, name).some((value) => valuesIn(other, name).includes(value)),
  );
}

/**
 * Throws `USAGE` if two members of a pool share a seed, which identifies a model, or differ in their compared arms or number of
 * seeds. The first seed of each member belongs to the pool's first seed, the second to its second.
 */
function checkPool(study: StudyDocument, members: readonly string[]): void {
  const rows = members.map((member) => rowsOn(study, member));
  const ofModels = rows.flatMap(({ models }) => (models.arms.length > 0 ? models.seeds : []));
  const compared = rows.map((row) => row.compared).filter(({ arms }) => arms.length > 0);
  const twice = firstRepeated(ofModels) ?? firstRepeated(compared.flatMap(({ seeds }) => seeds));
  if (twice !== undefined)
    throw refused(`two of its members have seed ${twice}, and seeds tell the models of a pool apart.`);
  if (new Set(compared.map(({ seeds }) => seeds.length)).size > 1)
    throw refused('the compared arms of its members have numbers of seeds that differ.');
  if (new Set(compared.map(({ arms, isTested }) => JSON.stringify([isTested, arms.toSorted()]))).size > 1)
    throw refused('its members differ in the arms that they compare, or in whether these are tested.');
}
