import { SpurmemError, messageOf, systemCode } from '../errors.js';
import { native, type NativeArray, type NativeProcessGroup } from './addon.js';

/** Batch-norm of several processes: each over its own part of a batch, or all over the whole of it (torch.nn.SyncBatchNorm). */
export const PROCESS_BATCH_NORMS = ['separate', 'synchronized'] as const;
export type ProcessBatchNorm = (typeof PROCESS_BATCH_NORMS)[number];

/** The processes that train or trace together, of which this is one. All of them make the same calls in the same order. */
export interface ProcessGroup {
  readonly handle: NativeProcessGroup;
  readonly rank: number;
  /** More than one. */
  readonly size: number;
}

/** Where the processes meet, by torchrun's names in the environment. */
interface Place {
  readonly rank: number;
  readonly size: number;
  readonly host: string;
  readonly port: number;
}

/** Variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

let group: ProcessGroup | undefined;

/** The group that this process joined; undefined where it works alone. */
export function processGroup(): ProcessGroup | undefined {
  return group;
}

/**
 * Joins the other processes that `torchrun`, or `srun` with MASTER_ADDR and MASTER_PORT, started with this one; nothing where it
 * was started alone. Everything trained and traced afterwards is shared among them.
 *
 * @throws `USAGE` when the environment says too little, `NATIVE_FAILED` when some do not come
 */
export async function joinProcessGroup(environment: Environment = process.env): Promise<void> {
  const place = placeIn(environment);
  if (place === undefined || group !== undefined) return;
  const { rank, size, host, port } = place;
  const isStoreTheirs = environment.TORCHELASTIC_USE_AGENT_STORE === 'True';
  try {
    const handle = await native().joinProcessGroup({
      ...{ rank, size, host, port, hostsStore: rank === 0 && !isStoreTheirs },
      // A restart's keys are not those of the start before it.
      prefix: `spurmem/${environment.TORCHELASTIC_RESTART_COUNT ?? 0}`,
    });
    group = { handle, rank, size };
  } catch (error) {
    throw new SpurmemError(
      'NATIVE_FAILED',
      `Process ${rank} of ${size} cannot join the others at ${host}:${port}: ${messageOf(error)}.`,
      {
        cause: error,
        advice: ['MASTER_ADDR and MASTER_PORT must be reached from all of them.'],
      },
    );
  }
}

function placeIn(environment: Environment): Place | undefined {
  const { SLURM_PROCID, SLURM_STEP_NUM_TASKS, MASTER_ADDR, MASTER_PORT } = environment;
  // Steps of one task, and those of jobs that have nothing to do with each other, have no address to meet at.
  const isStep = MASTER_ADDR !== undefined && SLURM_STEP_NUM_TASKS !== undefined;
  const { RANK = isStep ? SLURM_PROCID : undefined, WORLD_SIZE = isStep ? SLURM_STEP_NUM_TASKS : undefined } =
    environment;
  if (WORLD_SIZE === undefined || WORLD_SIZE === '1') return undefined;
  const numbers = { RANK: Number(RANK), WORLD_SIZE: Number(WORLD_SIZE), MASTER_PORT: Number(MASTER_PORT) };
  const wrong = Object.entries(numbers).find(([, value]) => !Number.isInteger(value) || value < 0)?.[0];
  if (wrong !== undefined || MASTER_ADDR === undefined || numbers.RANK >= numbers.WORLD_SIZE) {
    throw new SpurmemError(
      'USAGE',
      `WORLD_SIZE is ${WORLD_SIZE}, and ${wrong ?? (MASTER_ADDR === undefined ? 'MASTER_ADDR' : 'RANK')} is missing or wrong.`,
      { advice: ['Start the processes by torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.'] },
    );
  }
  return {
    ...{ rank: numbers.RANK, size: numbers.WORLD_SIZE, host: MASTER_ADDR, port: numbers.MASTER_PORT },
  };
}

/** Whether this process writes files and prints results: the first one does, and one that works alone. */
export function isFirstProcess(): boolean {
  return group === undefined || group.rank === 0;
}

/** The sums over all processes of numbers that each has, in an array of the same kind. */
export async function sumOfProcesses<Values extends NativeArray>(values: Values): Promise<Values> {
  return group === undefined ? values : ((await group.handle.sum(values)) as Values);
}

/**
 * What the first process makes, which all of them wait for and get; where it fails, all fail alike.
 *
 * @param make gives what JSON can say, or nothing
 */
export async function ofFirstProcess<Result>(make: () => Promise<Result>): Promise<Result> {
  if (group === undefined) return make();
  if (group.rank > 0) return readOutcome(await copiedText('')) as Result;
  try {
    const result = await make();
    await copiedText(JSON.stringify({ result }));
    return result;
  } catch (error) {
    const { message, code } =
      error instanceof SpurmemError ? error : { message: messageOf(error), code: null };
    await copiedText(JSON.stringify({ error: { message, code } }));
    throw error;
  }
}

/** Waits for the first process, such as for what it writes before the others read it. */
export async function awaitFirstProcess(): Promise<void> {
  await ofFirstProcess(() => Promise.resolve());
}

function readOutcome(text: string): unknown {
  const { result, error } = JSON.parse(text) as {
    readonly result?: unknown;
    readonly error?: { readonly message: string; readonly code: SpurmemError['code'] | null };
  };
  if (error === undefined) return result;
  throw error.code === null ? new Error(error.message) : new SpurmemError(error.code, error.message);
}

/** The first process's text in all of them. */
async function copiedText(text: string): Promise<string> {
  const { handle } = group as ProcessGroup;
  const bytes = new TextEncoder().encode(text);
  const [length = 0] = (await handle.copyFromFirst(Int32Array.of(bytes.length))) as Int32Array;
  if (length === 0) return '';
  const own = bytes.length === length ? bytes : new Uint8Array(length);
  return new TextDecoder().decode(await handle.copyFromFirst(own));
}

/** A part of what all processes divide among them, by the positions in the whole. */
export interface Share {
  /** Positions of what is this process's, in their order. */
  readonly positions: Int32Array;
  /** Of all. */
  readonly total: number;
}

/**
 * This process's share of so many examples, batch after batch in turn: the batches are those that one process would have.
 *
 * @param turn of the first batch, where others were dealt before
 */
export function shareOfBatches(total: number, batchSize: number, turn = 0): Share {
  const { rank, size } = group ?? { rank: 0, size: 1 };
  const all = Int32Array.from({ length: total }, (_, position) => position);
  return {
    positions: all.filter((position) => (Math.floor(position / batchSize) + turn) % size === rank),
    total,
  };
}

/**
 * The values of all processes, each of which has those of its share.
 *
 * @param all of zeros, one for each position
 */
export async function ofAllProcesses<Values extends Float32Array | Float64Array | Int32Array>(
  own: Values,
  positions: Int32Array,
  all: Values,
): Promise<Values> {
  for (const [i, position] of positions.entries()) all[position] = own[i] as number;
  return sumOfProcesses(all);
}

/** The values of each process, by rank; as many in all. */
export async function fromAllProcesses(values: Float64Array): Promise<readonly Float64Array[]> {
  const { rank, size } = group ?? { rank: 0, size: 1 };
  const slots = new Float64Array(size * values.length);
  slots.set(values, rank * values.length);
  const all = await sumOfProcesses(slots);
  return Array.from({ length: size }, (_, i) => all.subarray(i * values.length, (i + 1) * values.length));
}

/** Why a job failed where the reason is that another process is gone, which libtorch's error does not name. */
export async function lostProcess(error: unknown): Promise<SpurmemError | undefined> {
  if (group === undefined || systemCode(error) !== 'NATIVE_FAILED') return undefined;
  const missing = [...(await group.handle.missing())];
  if (missing.length === 0) return undefined;
  const names = missing.length === 1 ? `Process ${missing[0]}` : `Processes ${missing.join(', ')}`;
  return new SpurmemError(
    'PROCESS_LOST',
    `${names} of ${group.size} ended before the others (${messageOf(error)}). The last finished epoch is kept.`,
    { cause: error, advice: ['Look at its own messages, and start all of them again with `resume`.'] },
  );
}
