import type { Dataset } from '../data/dataset.js';
import { imageSizes } from '../data/imageSizes.js';
import type { Preprocessing } from '../data/preprocessing.js';
import { RANGES } from '../settings/ranges.js';
import { whole } from '../settings/schema.js';
import { type GivenOf, inWords } from '../settings/setting.js';
import * as z from '../zod.js';
import type { INPUT_SETTINGS, InputConfig } from './inputSettings.js';

/** The source of a setting of a network's input: the caller, the run that it starts from, dataset.json, or none of them. */
const sourceSchema = z.enum(['given', 'run', 'data set', 'default']);
type Source = z.infer<typeof sourceSchema>;

const FIELDS = ['resize', 'interpolation', 'crop', 'mean', 'std'] as const;
type Field = (typeof FIELDS)[number];

const side = whole(RANGES.side);
const size = z.tuple([side, side]);

/** The sizes of a run's images, and the source of each setting of its network's input. */
export const inputRecordSchema = z.strictObject({
  /** The smallest and the largest of the images whose headers were read, [height, width]. */
  images: z.tuple([size, size]).optional(),
  sources: z.strictObject(
    Object.fromEntries(FIELDS.map((name) => [name, sourceSchema])) as Record<Field, typeof sourceSchema>,
  ),
});
export type InputRecord = z.infer<typeof inputRecordSchema>;

/** The choices that a network's input comes from. */
interface InputChoices {
  readonly dataset: Dataset;
  readonly config?: InputConfig;
  /** The caller's settings. */
  readonly given?: GivenOf<typeof INPUT_SETTINGS>;
  /** The configuration of the run that it starts from. */
  readonly inherited?: InputConfig | undefined;
}

/** Returns where each setting of a network's input comes from, and the sizes of the images. */
export async function inputRecord({
  dataset,
  config = {},
  given = {},
  inherited = {},
}: InputChoices): Promise<InputRecord> {
  const sourceOf = (name: Field): Source => {
    // `imageSize` stands for both.
    const names = name === 'resize' || name === 'crop' ? ([name, 'imageSize'] as const) : ([name] as const);
    const chosen = names.find((one) => config[one] !== undefined);
    if (chosen === undefined) return dataset.hasPreprocessing ? 'data set' : 'default';
    if (JSON.stringify(inherited[chosen]) === JSON.stringify(config[chosen])) return 'run';
    return given[chosen] === undefined ? 'default' : 'given';
  };
  const images = await imageSizes(dataset);
  return {
    ...(images && { images: [[...images[0]], [...images[1]]] }),
    sources: Object.fromEntries(FIELDS.map((name) => [name, sourceOf(name)])) as Record<Field, Source>,
  };
}

/** Returns one line on what a network is fed, with values as options take them: `Input: images of 64 x 64 px; resize 256x256, ... (default).` */
export function inputLine(preprocessing: Preprocessing, record: InputRecord | undefined): string {
  const parts: { source: Source | undefined; texts: string[] }[] = [];
  for (const name of FIELDS) {
    const source = record?.sources[name];
    const text = `${name} ${valueText(name, preprocessing)}`;
    const last = parts.at(-1);
    if (last?.source === source && last !== undefined) last.texts.push(text);
    else parts.push({ source, texts: [text] });
  }
  const settings = parts.map(({ source, texts }) => {
    const words = source === 'run' ? 'as the run that it starts from' : source;
    return `${texts.join(', ')}${words === undefined ? '' : ` (${words})`}`;
  });
  return `Input: ${record?.images ? `images of ${sizesText(record.images)}; ` : ''}${settings.join('; ')}.`;
}

/** Returns a warning if small images are enlarged and nobody chose that. */
export function enlargement(
  { resize, crop }: Preprocessing,
  { images, sources }: InputRecord,
): string | undefined {
  const input = crop ?? (Array.isArray(resize) ? resize : undefined);
  if (images === undefined || input === undefined || sources.resize !== 'default') return undefined;
  const largest = images[1];
  const times = (input[0] * input[1]) / (largest[0] * largest[1]);
  if (times < 2) return undefined;
  const own = largest[0] === largest[1] ? String(largest[0]) : largest.join('x');
  return `Images of ${sizesText(images)} are enlarged to ${input.join(' x ')} px by default, which takes ${Math.round(times)} times the work. \`imageSize\` ${own} keeps their size.`;
}

function sizesText([smallest, largest]: NonNullable<InputRecord['images']>): string {
  const [from, to] = [smallest, largest].map((one) => one.join(' x ')) as [string, string];
  return `${from === to ? from : `${from} to ${to}`} px`;
}

function valueText(name: Field, preprocessing: Preprocessing): string {
  const value = name === 'interpolation' ? (preprocessing.interpolation ?? 'bilinear') : preprocessing[name];
  if (value === null) return 'none';
  return Array.isArray(value) && value.length === 2 ? value.join('x') : inWords(value);
}
